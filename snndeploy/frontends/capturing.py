"""capture: a torch module of snnTorch or Norse neurons -> the network that it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from itertools import combinations
from typing import Any, cast

import numpy as np
import torch

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.frontends import neurons
from snndeploy.frontends.arguments import Arguments
from snndeploy.frontends.layers import LAYERS
from snndeploy.frontends.samples import kind_of, read_sample
from snndeploy.frontends.stepping import Stepping, trace_steps
from snndeploy.frontends.tracer import STEPS, Time, Tracer
from snndeploy.frontends.value import Path, Sum
from snndeploy.network import spec
from snndeploy.network.arrays import Array, equal
from snndeploy.network.inputs import as_inputs
from snndeploy.network.maps import Map
from snndeploy.network.network import Decision, Input, InputKind, Network, Population, Projection, Source
from snndeploy.network.rule import Rule

PLACES: tuple[Time, ...] = ("outside", "inside", "held")
Kinds = InputKind | Mapping[str, InputKind] | None
Times = Time | Mapping[str, Time] | None


def capture(
    module: torch.nn.Module,
    sample: Any,
    dt: float,
    *,
    decision: Decision | str | None = None,
    input_kind: Kinds = None,
    time: Times = None,
) -> Network:
    """The network that a module of snnTorch or Norse neurons computes, with the module as its `source`.

    The module is traced, not run: its neurons, buffers and flags stay as they are. Layers: Linear, Conv1d, Conv2d,
    AvgPool1d, AvgPool2d, Flatten, BatchNorm (folded), Dropout and Identity (dropped), `+`. Each neuron becomes the
    population of its path ("lif1", "net.2"); biases become constants of the receptor they arrive at. What forward
    returns are the outputs, in its order (a tuple, a dict, a named tuple); see `frontends.outputs` for what is a state.
    A value that is returned without a neuron behind it becomes a population with beta 0 that emits it.

    Args:
        module: in eval mode; its forward does one step: forward(x), forward(x, state), forward(x, mem1, mem2, ...) or
            forward(x, y, ...), where the states come back behind the outputs. Or it holds the loop over time.
        sample: (time, batch, *shape), NumPy or torch; its shape and its kind of numbers count, not its values. For a
            module with several inputs a tuple, or a dict by argument of forward, see `frontends.samples.read_sample`.
        dt: seconds per step; Norse cells must have the same.
        decision: how classes are decided, or its rule ("spike-count", "last-v", "max-v") for the only output, or
            "output:rule".
        input_kind: "binary", "counts" or "real", or a dict by input; None: the narrowest that holds the sample.
        time: where the loop over time is. "outside": forward does one step, on (batch, *shape). "inside": forward gets
            (time, batch, *shape), calls every neuron once per step and returns recorded lists, stacked. "held":
            forward gets one frame (batch, *shape) and shows it to the network in every step; the network's input is
            that frame, repeated. A dict by input where some are "held" and others are "inside". None: the one that the
            module can be traced with; no module has two.

    Raises:
        SnnDeployError SD3xx: everything that the network cannot hold, at once, each with the module's path.
    """
    if not isinstance(module, torch.nn.Module):
        raise error("SD313", "capture", f"a {type(module).__name__} is not a torch module", "pass the module itself")
    if not (np.isfinite(dt) and dt > 0):
        raise error("SD105", "capture", f"dt = {dt} s is not a positive time")
    arguments, arrays = read_sample(module, sample)
    inputs = _inputs(arrays, input_kind)
    network = _found(module, arguments, inputs, arrays, dt, _said(time, inputs))
    if isinstance(decision, str):
        decision = _decision(decision, network.outputs)
    network = spec.check(network.with_(decision=decision))
    as_inputs(network, arrays)
    return network


def _inputs(arrays: Mapping[str, Array], said: Kinds) -> dict[str, Input]:
    """The inputs by name, of the kinds that were said or seen."""
    kinds = said if isinstance(said, Mapping) else dict.fromkeys(arrays, said)
    raise_errors(
        Finding("SD102", f"input_kind {name!r}", "there is no such input", f"name {', '.join(arrays)}")
        for name in kinds
        if name not in arrays
    )
    return {name: Input(name, array.shape[2:], kinds.get(name) or kind_of(array)) for name, array in arrays.items()}


def _said(time: Times, inputs: Mapping[str, Input]) -> tuple[Time, frozenset[str]] | None:
    """Where the caller says that the loop is, and which inputs are held."""
    by_name = dict(time) if isinstance(time, Mapping) else {}
    places: set[Any] = {*by_name.values()} if by_name else {time}
    wrong = [repr(each) for each in places if each not in (None, *PLACES)]
    if wrong:
        what = f"time = {', '.join(wrong)} is none of {', '.join(map(repr, PLACES))}"
        raise error("SD308", "capture", what, "leave it out")
    if not by_name:
        return None if time is None else (cast(Time, time), frozenset(inputs if time == "held" else ()))
    if {*by_name} != {*inputs} or ("outside" in places and len(places) > 1):
        what = f"time = {by_name} does not say for each of {', '.join(inputs)} whether it is 'inside' or 'held'"
        raise error("SD308", "capture", what, "leave it out, or name every input")
    held = frozenset(name for name, place in by_name.items() if place == "held")
    if held == {*inputs} or "outside" in places:
        return cast(Time, next(iter(places))), held
    return "inside", held


def _decision(said: str, outputs: tuple[str, ...]) -> Decision:
    """ "rule" of the only output, or "output:rule"."""
    name, _, rule = said.rpartition(":")
    if not name and len(outputs) != 1:
        what = f"the network has {len(outputs)} outputs ({', '.join(outputs)})"
        raise error("SD102", "decision", what, f"say of which: '{outputs[0]}:{rule}'" if outputs else "")
    return Decision(name or outputs[0], cast(Any, rule))


def _found(
    module: torch.nn.Module,
    arguments: Arguments,
    inputs: Mapping[str, Input],
    arrays: Mapping[str, Array],
    dt: float,
    said: tuple[Time, frozenset[str]] | None,
) -> Network:
    """The network, wherever the loop over time is. What is refused is told for the place where the loop seems to be."""
    steps, batch = next(iter(arrays.values())).shape[:2]
    everything = frozenset(inputs)
    ways: list[tuple[Time, frozenset[str]]] = [
        ("outside", frozenset()),
        ("inside", frozenset()),
        ("held", everything),
        *_mixed(arrays),
    ]
    refused: dict[Time, tuple[SnnDeployError, bool]] = {}
    for place, held in ways if said is None else (said,):
        try:
            neurons.load(module)
            tracer = Tracer(module, arguments, inputs, dt, batch, place, steps, held)
            return _network(tracer)
        except SnnDeployError as problem:
            refused.setdefault(place, (problem, tracer.loops))
        if place == "outside" and steps < STEPS and (said is not None or not tracer.loops):
            break
    place = "outside" if said is None else said[0]
    if said is None and refused["outside"][1] and len(refused) > 1:
        place = "held" if refused["inside"][1] else "inside"
    families = [neurons.FAMILIES.get(type(each)) for each in module.modules()]
    if "inside" in refused and any(family is not None and family.over_time for family in families):
        place = "inside"
    raise refused[place][0]


def _mixed(arrays: Mapping[str, Array]) -> Iterator[tuple[Time, frozenset[str]]]:
    """Some inputs come with all steps, others are one frame: every choice of those that stay the same in the sample."""
    still = [name for name, array in arrays.items() if (array == array[:1]).all()]
    for count in range(1, min(len(still), len(arrays) - 1) + 1):
        for held in combinations(still, count):
            yield "inside", frozenset(held)


def trace(module: torch.nn.Module, how: Stepping, inputs: Iterable[Input], dt: float) -> Network:
    """The network of a module that is called as it was when it was captured. Raises as `capture`."""
    neurons.load(module)
    given = {each.name: each for each in inputs}
    return _network(Tracer(module, how.arguments, given, dt, how.batch, how.time, how.steps, how.held))


def _network(tracer: Tracer) -> Network:
    module, dt = tracer.module, tracer.dt
    raise_errors(_unreadable(tracer))
    if tracer.time != "outside" and tracer.steps < STEPS:
        fix = f"give a sample of {STEPS} steps or more"
        raise error("SD103", "sample", f"{tracer.steps} steps do not show what a loop does in every step", fix)
    stepping = trace_steps(tracer)
    if not tracer.findings:
        _compare_steps(tracer)
    if not tracer.findings:
        _check_inputs(tracer)
    frameworks = sorted({neurons.FAMILIES[type(m)].framework for m in tracer.modules.values()})
    if not tracer.findings and len(frameworks) != 1:
        what = "it calls no snnTorch or Norse neuron" if not frameworks else f"it mixes {' and '.join(frameworks)}"
        tracer.note(Finding("SD313", tracer.named(""), what, "use neurons of one framework"))
    raise_errors(tracer.findings)
    populations, projections = _build(tracer)
    return Network(
        dt=float(dt),
        inputs=tuple(tracer.inputs.values()),
        populations=populations,
        projections=projections,
        outputs=stepping.outputs,
        provenance={
            "framework": f"{frameworks[0]} {version(frameworks[0])}",
            "torch": version("torch"),
            "module": type(module).__qualname__,
        },
        source=Source(frameworks[0], module, {n: _path(tracer, n) for n in tracer.modules}, stepping),
    )


def _check_inputs(tracer: Tracer) -> None:
    """Every input arrives somewhere, and none has the name of a population."""
    arriving = {path.source for total in tracer.arrivals[-1].values() for path in total.paths}
    for slot in tracer.arguments.slots:
        where = f"input {slot.name!r}"
        if slot.name not in arriving:
            fix = "remove it from forward, or give it a default there and leave it out of the sample"
            tracer.note(Finding("SD315", where, "forward never uses it", fix))
        if slot.name in tracer.shapes:
            what = f"a population of {type(tracer.module).__name__} has the same name"
            tracer.note(Finding("SD101", where, what, "rename the argument of forward, or the module"))


def _unreadable(tracer: Tracer) -> Iterator[Finding]:
    """What cannot even be traced."""
    for path, each in tracer.module.named_modules():
        where = tracer.named(path)
        if isinstance(each, torch.jit.ScriptModule):
            what = "it is compiled TorchScript, whose neurons cannot be read"
            yield Finding("SD301", where, what, "capture the module as it was before torch.jit")
        elif type(each) in LAYERS:
            types = {p.dtype for p in (*each.parameters(recurse=False), *each.buffers(recurse=False))}
            wrong = sorted(str(t) for t in types if t.is_floating_point and t != torch.float32)
            if wrong:
                what = f"its parameters are {', '.join(wrong)}, not torch.float32"
                yield Finding("SD308", where, what, "capture a copy in float32: copy.deepcopy(module).float()")


def _path(tracer: Tracer, name: str) -> str:
    return next((p for p, m in tracer.module.named_modules() if m is tracer.modules[name]), name)


def _same(a: Sum, b: Sum, late: int) -> bool:
    """True if b, `late` steps after a, is the same sum; paths from before the first step of a are not there yet."""
    old = [p for p in b.paths if cast(int, p.step) - late >= 0]
    return (
        len(a.paths) == len(old)
        and all(
            (p.source, cast(int, p.step) + late) == (o.source, o.step)
            and len(p.maps) == len(o.maps)
            and all(map(_equal, p.maps, o.maps))
            for p, o in zip(a.paths, old, strict=True)
        )
        and equal(a.constant, b.constant)
    )


def _equal(a: Map, b: Map) -> bool:
    return a is b or equal(a, b)


def _compare_steps(tracer: Tracer) -> None:
    """Every step must do the same: what only the first or only a later step adds has no place in the network."""
    last = {**tracer.arrivals[-1]}
    for k, arrivals in enumerate(tracer.arrivals[:-1]):
        for name in sorted({*last, *arrivals}):
            late = len(tracer.arrivals) - 1 - k
            if name not in last or name not in arrivals or not _same(arrivals[name], last[name], late):
                tracer.note(
                    Finding(
                        "SD310",
                        tracer.named(name),
                        f"what arrives in step {k} differs from what arrives in step {len(tracer.arrivals) - 1}",
                        "let forward do the same at every step, with zeros where nothing was emitted yet",
                    )
                )


def _build(tracer: Tracer) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    populations, projections = [], []
    taken: dict[str, int] = {}
    for name, total in tracer.arrivals[-1].items():
        cell = tracer.cells.get(name)
        rule = Rule(beta=0.0, threshold=None) if cell is None else cell.rule
        arrives = (0,) if cell is None else cell.receptors
        if total.constant is not None:
            constant = _narrow(total.constant, tracer.shapes[name])
            fed = (replace(r, constant=constant) if k in arrives else r for k, r in enumerate(rule.receptors))
            rule = replace(rule, receptors=tuple(fed))
        populations.append(Population(name, tracer.shapes[name], rule))
        for path in total.paths:
            late = len(tracer.arrivals) - 1 - cast(int, path.step)
            projections += [replace(_projection(path, name, taken), delay=late, receptor=k) for k in arrives]
    return tuple(populations), tuple(projections)


def _narrow(constant: Array, shape: tuple[int, ...]) -> Array:
    """The same numbers in the fewest: one if all are equal."""
    full = np.broadcast_to(constant, shape)
    return np.asarray(full.flat[0]) if np.all(full == full.flat[0]) else np.asarray(full)


def _projection(path: Path, target: str, taken: dict[str, int]) -> Projection:
    """Named after its layers, so that errors do; a second one of that name is numbered."""
    name = "+".join(path.layers) or f"{path.source}->{target}"
    taken[name] = taken.get(name, 0) + 1
    if taken[name] > 1:
        name = f"{name}#{taken[name]}"
    return Projection(path.source, target, path.maps, name=name)
