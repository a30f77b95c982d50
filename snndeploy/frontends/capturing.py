"""capture: a torch module of snnTorch or Norse neurons -> the network that it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from itertools import combinations
from typing import Any

import numpy as np
import torch

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.frontends import neurons
from snndeploy.frontends.arguments import Arguments
from snndeploy.frontends.building import build, compare_steps
from snndeploy.frontends.said import Kinds, Times, decision_of, inputs_of, place_of
from snndeploy.frontends.samples import other_reading, read_sample
from snndeploy.frontends.stepping import Stepping, trace_steps
from snndeploy.frontends.tracer import STEPS, Time, Tracer
from snndeploy.frontends.unreadable import unreadable
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Decision, Input, Network, Source

# more inputs than this are not tried in every mixture of held and not
MIXED = 4


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

    The module is traced, not run: its neurons, buffers and flags stay as they are. Layers: those of the README, as
    modules or in functional form; BatchNorm is folded, Dropout and Identity are dropped. Each neuron becomes the
    population of its path ("lif1", "net.2"); biases become constants of the receptor they arrive at. What forward
    returns are the outputs, in its order (a tuple, a dict, a named tuple); see `frontends.outputs` for what is a state.
    A value that is returned without a neuron behind it becomes a population with beta 0 that emits it. A sum, mean or
    maximum over time, and what softmax makes of it, only names the population: what decides is the argument `decision`.

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
            (time, batch, *shape), calls every neuron once per step and returns recorded lists, stacked.
            "batch-first": the same with (batch, time, *shape), while the sample stays (time, batch, *shape). "held":
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
    inputs = inputs_of(arrays, input_kind)
    try:
        network = _found(module, arguments, inputs, arrays, dt, place_of(time, inputs))
    except SnnDeployError as problem:
        first, *others = problem.findings
        hint = "; ".join(filter(None, (first.fix, other_reading(module, sample, arguments))))
        raise SnnDeployError((replace(first, fix=hint), *others)) from problem
    if isinstance(decision, str):
        decision = decision_of(decision, network.outputs)
    network = spec.check(network.with_(decision=decision))
    as_inputs(network, arrays)
    return network


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
        ("batch-first", frozenset()),
        ("held", everything),
        *_mixed(arrays),
    ]
    refused: dict[Time, SnnDeployError] = {}
    told: Time = "outside" if said is None else said[0]
    loops = False
    for place, held in ways if said is None else (said,):
        try:
            neurons.load(module)
            tracer = Tracer(module, arguments, inputs, dt, batch, place, steps, held)
            return _network(tracer)
        except SnnDeployError as problem:
            refused.setdefault(place, problem)
        if tracer.took and told == "outside":
            told = place
        if place == "outside":
            loops = tracer.loops
            if steps < STEPS and (said is not None or not loops):
                break
    if told == "outside" and loops and "held" in refused:
        told = "held"
    families = [neurons.FAMILIES.get(type(each)) for each in module.modules()]
    if "inside" in refused and any(family is not None and family.over_time for family in families):
        told = "inside"
    raise refused[told]


def _mixed(arrays: Mapping[str, Array]) -> Iterator[tuple[Time, frozenset[str]]]:
    """Some inputs come with all steps, others are one frame; those first that stay the same in the sample."""
    still = {name for name, array in arrays.items() if (array == array[:1]).all()}
    few = range(1, len(arrays) if len(arrays) <= MIXED else 1)
    for held in sorted(
        (frozenset(some) for n in few for some in combinations(arrays, n)), key=lambda some: len(some - still)
    ):
        yield "inside", held
        yield "batch-first", held


def trace(module: torch.nn.Module, how: Stepping, inputs: Iterable[Input], dt: float) -> Network:
    """The network of a module that is called as it was when it was captured. Raises as `capture`."""
    neurons.load(module)
    given = {each.name: each for each in inputs}
    return _network(Tracer(module, how.arguments, given, dt, how.batch, how.time, how.steps, how.held))


def _network(tracer: Tracer) -> Network:
    module, dt = tracer.module, tracer.dt
    raise_errors(unreadable(tracer))
    if tracer.time != "outside" and tracer.steps < STEPS:
        fix = f"give a sample of {STEPS} steps or more"
        raise error("SD103", "sample", f"{tracer.steps} steps do not show what a loop does in every step", fix)
    stepping = trace_steps(tracer)
    if not tracer.findings:
        compare_steps(tracer)
    if not tracer.findings:
        _check_inputs(tracer)
    frameworks = sorted({neurons.FAMILIES[type(m)].framework for m in tracer.modules.values()})
    if not tracer.findings and len(frameworks) != 1:
        what = "it calls no snnTorch or Norse neuron" if not frameworks else f"it mixes {' and '.join(frameworks)}"
        tracer.note(Finding("SD313", tracer.named(""), what, "use neurons of one framework"))
    raise_errors(tracer.findings)
    populations, projections = build(tracer)
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
        source=Source(
            frameworks[0],
            module,
            _paths(tracer),
            stepping,
            {name: each.magnitude for name, each in tracer.arrivals[-1].items() if each.constant is not None},
        ),
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


def _paths(tracer: Tracer) -> dict[str, str]:
    """Population -> path of the module that shows it: a neuron, or a max-pool that is called once per step."""
    paths = {id(module): path for path, module in reversed(list(tracer.module.named_modules()))}
    found = {name: paths.get(id(module), name) for name, module in tracer.modules.items()}
    return found | {
        next(iter(names)): path for path, names in tracer.pooled.items() if len(names) == 1 and "" not in names
    }
