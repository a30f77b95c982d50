"""capture: a torch module of snnTorch or Norse neurons -> the network that it computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from math import prod
from typing import Any, cast

import numpy as np
import torch

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.frontends import neurons
from snndeploy.frontends.arguments import INPUT
from snndeploy.frontends.layers import LAYERS
from snndeploy.frontends.stepping import trace_steps
from snndeploy.frontends.tracer import STEPS, Time, Tracer
from snndeploy.frontends.value import Path, Sum
from snndeploy.network import spec
from snndeploy.network.arrays import Array, equal
from snndeploy.network.inputs import as_inputs
from snndeploy.network.maps import Map
from snndeploy.network.network import Decision, Input, InputKind, Network, Population, Projection, Source
from snndeploy.network.rule import Rule

PLACES: tuple[Time, ...] = ("outside", "inside", "held")


def capture(
    module: torch.nn.Module,
    sample: Any,
    dt: float,
    *,
    decision: Decision | str | None = None,
    input_kind: InputKind | None = None,
    time: Time | None = None,
) -> Network:
    """The network that a module of snnTorch or Norse neurons computes, with the module as its `source`.

    The module is traced, not run: its neurons, buffers and flags stay as they are. Layers: Linear, Conv1d, Conv2d,
    AvgPool1d, AvgPool2d, Flatten, BatchNorm (folded), Dropout and Identity (dropped), `+`. Each neuron becomes the
    population of its path ("lif1", "net.2"); biases become constants of the receptor they arrive at. A value that is
    returned without a neuron behind it becomes a population with beta 0 that emits it.

    Args:
        module: in eval mode; its forward does one step: forward(x), forward(x, state) or forward(x, mem1, mem2, ...),
            where the states come back behind the output. Or it holds the loop over time, see `time`.
        sample: (time, batch, *shape), NumPy or torch; its shape and its kind of numbers count, not its values.
        dt: seconds per step; Norse cells must have the same.
        decision: how classes are decided, or just its rule ("spike-count", "last-v", "max-v") for the only output.
        input_kind: "binary", "counts" or "real"; None: the narrowest that holds the sample.
        time: where the loop over time is. "outside": forward does one step, on (batch, *shape). "inside": forward gets
            (time, batch, *shape), calls every neuron once per step and returns recorded lists, stacked. "held":
            forward gets one frame (batch, *shape) and shows it to the network in every step; the network's input is
            that frame, repeated. None: the one that the module can be traced with; no module has two.

    Raises:
        SnnDeployError SD3xx: everything that the network cannot hold, at once, each with the module's path.
    """
    array = _checked_sample(sample)
    kind = input_kind or _kind(array)
    if not isinstance(module, torch.nn.Module):
        raise error("SD313", "capture", f"a {type(module).__name__} is not a torch module", "pass the module itself")
    if not (np.isfinite(dt) and dt > 0):
        raise error("SD105", "capture", f"dt = {dt} s is not a positive time")
    if time not in (None, *PLACES):
        raise error("SD308", "capture", f"time = {time!r} is none of {', '.join(map(repr, PLACES))}", "leave it out")
    network = _found(module, array.shape, dt, kind, time)
    if isinstance(decision, str):
        if len(network.outputs) != 1:
            raise error("SD102", "decision", f"the network has {len(network.outputs)} outputs", "pass a Decision")
        decision = Decision(network.outputs[0], cast(Any, decision))
    network = spec.check(network.with_(decision=decision))
    as_inputs(network, array)
    return network


def _found(module: torch.nn.Module, size: tuple[int, ...], dt: float, kind: InputKind, time: Time | None) -> Network:
    """The network, wherever the loop over time is. What is refused is told for the place where the loop seems to be."""
    steps, batch, shape = size[0], size[1], size[2:]
    refused: dict[Time, tuple[SnnDeployError, bool]] = {}
    for place in PLACES if time is None else (time,):
        try:
            neurons.load(module)
            tracer = Tracer(module, dt, batch, place, steps)
            return _network(tracer, shape, kind)
        except SnnDeployError as problem:
            refused[place] = problem, tracer.loops
        if place == "outside" and steps < STEPS and (time is not None or not tracer.loops):
            break
    place = time or "outside"
    if time is None and refused["outside"][1] and len(refused) > 1:
        place = "held" if refused["inside"][1] else "inside"
    families = [neurons.FAMILIES.get(type(each)) for each in module.modules()]
    if "inside" in refused and any(family is not None and family.over_time for family in families):
        place = "inside"
    raise refused[place][0]


def trace(
    module: torch.nn.Module,
    batch: int,
    shape: tuple[int, ...],
    dt: float,
    kind: InputKind,
    time: Time = "outside",
    steps: int = STEPS,
) -> Network:
    """The network of a module for inputs of `shape`, traced with `batch` samples. Raises as `capture`."""
    neurons.load(module)
    return _network(Tracer(module, dt, batch, time, steps), shape, kind)


def _network(tracer: Tracer, shape: tuple[int, ...], kind: InputKind) -> Network:
    module, dt = tracer.module, tracer.dt
    tracer.binary = {INPUT} if kind == "binary" else set()
    raise_errors(_unreadable(tracer))
    if tracer.time != "outside" and tracer.steps < STEPS:
        fix = f"give a sample of {STEPS} steps or more"
        raise error("SD103", "sample", f"{tracer.steps} steps do not show what a loop does in every step", fix)
    stepping = trace_steps(tracer, shape)
    if not tracer.findings:
        _compare_steps(tracer)
    frameworks = sorted({neurons.FAMILIES[type(m)].framework for m in tracer.modules.values()})
    if not tracer.findings and len(frameworks) != 1:
        what = "it calls no snnTorch or Norse neuron" if not frameworks else f"it mixes {' and '.join(frameworks)}"
        tracer.note(Finding("SD313", tracer.named(""), what, "use neurons of one framework"))
    raise_errors(tracer.findings)
    populations, projections = _build(tracer)
    return Network(
        dt=float(dt),
        inputs=(Input(INPUT, shape, kind),),
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


def _checked_sample(sample: Any) -> Array:
    array = np.asarray(sample.detach().cpu() if isinstance(sample, torch.Tensor) else sample)
    if array.dtype.kind not in "biuf":
        raise error("SD111", "sample", f"its type is {array.dtype}, not numbers")
    if array.ndim < 3 or prod(array.shape) == 0:
        raise error(
            "SD103",
            "sample",
            f"its shape is {array.shape}, not (time, batch, *shape) with at least one of each",
            "time is the first axis, then the batch: x[:, None] adds one",
        )
    if not np.isfinite(array).all():
        raise error("SD104", "sample", f"{np.count_nonzero(~np.isfinite(array))} values are NaN or infinite")
    return array


def _kind(array: Array) -> InputKind:
    if np.isin(array, (0, 1)).all():
        return "binary"
    return "counts" if (array >= 0).all() and (array == np.floor(array)).all() else "real"


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
