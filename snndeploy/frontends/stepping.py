"""How a module is called from one step to the next: which arguments of forward are states, and where they return."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.arguments import Arguments, state_arguments
from snndeploy.frontends.entering import Stop
from snndeploy.frontends.feeds import feeds_of, marked
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.frontends.outputs import outputs_of
from snndeploy.frontends.preserve import preserved
from snndeploy.frontends.states import WHOLE, Missing
from snndeploy.frontends.step_outputs import of_steps
from snndeploy.frontends.structures import Place, pick
from snndeploy.frontends.tracer import STEPS, Time, Tracer
from snndeploy.frontends.unreadable import changes_by_call
from snndeploy.frontends.user_code import failed_line
from snndeploy.frontends.value import Path, Steps, Sum, Value, make
from snndeploy.frontends.whole_outputs import of_whole
from snndeploy.network.maps import Shape
from snndeploy.network.network import Input


@dataclass(frozen=True)
class Stepping:
    """What the engines need to run the captured module.

    Attributes:
        batch: samples that the trace was made with.
        arguments: how forward is called with the inputs.
        starts: argument -> shape of its first value (zeros, without the batch axis); None: it starts as None.
        feeds: argument -> place in what forward returns from which the next step's value is taken.
        outputs: names of the output populations.
        heads: population without a neuron -> place of its value in what forward returns.
        axes: population without a neuron -> axis of time of its value, where the loop is inside.
        steps: steps that the trace was made with.
        time: where the loop over time is, see `tracer.Time`.
        held: inputs of which forward gets one frame, where the loop is inside.
    """

    batch: int
    arguments: Arguments
    starts: Mapping[str, Shape | None] = field(default_factory=dict)
    feeds: Mapping[str, Place] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    heads: Mapping[str, Place] = field(default_factory=dict)
    axes: Mapping[str, int] = field(default_factory=dict)
    steps: int = STEPS
    time: Time = "outside"
    held: frozenset[str] = frozenset()


CALLS: dict[Time, str] = {
    "outside": "try module({}) itself, with x = sample[0]; forward takes one step: (batch, *shape)",
    "inside": "try module({}) itself, with x = sample; forward takes all steps: (time, batch, *shape)",
    "batch-first": "try module({}) itself, with x = sample.transpose(0, 1); forward takes all steps: (batch, "
    "time, *shape)",
    "held": "try module({}) itself, with x = sample[0]; forward takes one frame and repeats it as often as the sample "
    "is long",
}


def trace_steps(tracer: Tracer) -> Stepping:
    """Traces a few steps, filling `tracer`; whatever fails becomes a finding."""
    module = tracer.module
    nothing = Stepping(tracer.batch, tracer.arguments, steps=tracer.steps, time=tracer.time, held=tracer.held)
    feeds: dict[str, Place] = {}
    results: list[Any] = []
    if tracer.time == "outside":
        tracer.owners = _owners(tracer)
    with preserved(module), torch.no_grad(), tracer.constants:
        _replace_forwards(tracer)
        try:
            if tracer.time == "outside":
                feeds = _do_steps(tracer, results)
            else:
                args, named = tracer.arguments.call(
                    {name: _whole(tracer, each) for name, each in tracer.inputs.items()}
                )
                results.append(module(*args, **named))
        except Stop:
            pass
        except SnnDeployError as problem:
            tracer.findings.extend(problem.findings)
        except Exception as problem:
            if not tracer.findings:
                text = str(problem).split("\n")[0][:200]
                tracer.refuse(
                    "SD312",
                    f"{type(problem).__name__}: {text}",
                    CALLS[tracer.time].format(_call(tracer.arguments)),
                    where=", ".join(filter(None, (tracer.named(""), failed_line(problem)))),
                )
    if tracer.time != "outside" and not tracer.findings:
        _check_calls(tracer)
    if tracer.findings:
        return nothing
    if tracer.time != "outside":
        found = outputs_of(tracer, list(of_whole(tracer, results[0])))
        return replace(nothing, outputs=found.names, heads=found.heads, axes=found.axes)
    starts = {
        argument: None if name == WHOLE else tracer.shapes[neuron]
        for argument, (neuron, name) in tracer.claims.items()
        if argument in feeds
    }
    found = outputs_of(tracer, list(of_steps(tracer, results, feeds)))
    return replace(nothing, starts=starts, feeds=feeds, outputs=found.names, heads=found.heads)


def _owners(tracer: Tracer) -> dict[str, tuple[str, str]]:
    """Which neuron takes which argument as its state: one call with a stand-in for each of them shows it."""
    states = _states(tracer)
    if not any(states.values()):
        return {}
    scout = Tracer(tracer.module, tracer.arguments, tracer.inputs, tracer.dt, tracer.batch)
    scout.arrivals.append({})
    args, named = tracer.arguments.call({name: _frame(scout, each, 0) for name, each in tracer.inputs.items()})
    with preserved(tracer.module), torch.no_grad(), scout.constants:
        _replace_forwards(scout)
        # whatever else is done with a stand-in ends the call; what fails without one is found again
        with suppress(Exception):
            tracer.module(*args, **named, **{argument: Missing(argument) for argument in states})
    return scout.claims


def _states(tracer: Tracer) -> dict[str, bool]:
    """Arguments of forward that can be states; a neuron alone that keeps its states takes none."""
    keeps = type(tracer.module) in FAMILIES and getattr(tracer.module, "init_hidden", False)
    return {} if keeps else state_arguments(tracer.module, tracer.arguments)


def _do_steps(tracer: Tracer, results: list[Any]) -> dict[str, Place]:
    """Calls forward step by step; what it returned goes to `results`."""
    states = _states(tracer)
    feeds: dict[str, Place] = {}
    fed: dict[str, Any] = {argument: Missing(argument) for argument, default in states.items() if not default}
    for k in range(tracer.shown):
        tracer.step = k
        tracer.arrivals.append({})
        if k:
            feeds = feeds_of(tracer, states, results[-1])
            fed = {argument: marked(tracer, argument, pick(results[-1], place)) for argument, place in feeds.items()}
        inputs = {name: _frame(tracer, each, k) for name, each in tracer.inputs.items()}
        args, named = tracer.arguments.call(inputs)
        results.append(tracer.module(*args, **named, **fed))
    return feeds


def _replace_forwards(tracer: Tracer) -> None:
    """Every submodule in eval mode, without hooks, with a forward that is traced; refuses what that would hide."""
    module = tracer.module
    wrapped = [(each, tracer.wrap(path, each)) for path, each in module.named_modules()]
    for finding in changes_by_call(tracer):
        tracer.note(finding)
    for each, forward in wrapped:
        each.__dict__.update(
            training=False, forward=forward, _forward_hooks=OrderedDict(), _forward_pre_hooks=OrderedDict()
        )


def _frame(tracer: Tracer, given: Input, step: int | None) -> Value:
    """One step of an input; None: a frame that is held."""
    zeros = torch.zeros(tracer.batch, *given.shape, device=_device(tracer.module))
    return make(tracer, zeros, Sum((Path(given.name, step),)), aliased=True)


def _whole(tracer: Tracer, given: Input) -> Value:
    """The input of a module that does all steps."""
    if given.name in tracer.held:
        return _frame(tracer, given, None)
    items = tuple(Sum((Path(given.name, k),)) for k in range(tracer.steps))
    axis = 1 if tracer.time == "batch-first" else 0
    size = (tracer.batch, tracer.steps) if axis else (tracer.steps, tracer.batch)
    zeros = torch.zeros(*size, *given.shape, device=_device(tracer.module))
    return make(tracer, zeros, Steps(items, axis), aliased=True)


def _device(module: torch.nn.Module) -> torch.device:
    return next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))


def _call(arguments: Arguments) -> str:
    """How forward is called, for a reader."""
    if len(arguments.slots) == 1 and not arguments.within:
        return "x"
    names: dict[str, list[str]] = {}
    for slot in arguments.slots:
        names.setdefault(slot.argument, []).append(slot.name)
    written = {a: n[0] if a not in arguments.within else f"({', '.join(n)},)" for a, n in names.items()}
    return ", ".join(written.values())


def _check_calls(tracer: Tracer) -> None:
    """Every neuron is called once per step, and nothing stands for a value that never comes."""
    for name, times in tracer.calls.items():
        if times != tracer.steps:
            what = f"it is called {times} times, the sample has {tracer.steps} steps"
            fix = "give a sample with one row for each step of the loop"
            tracer.note(Finding("SD310", tracer.named(name), what, fix))
        elif tracer.arrivals[-1].get(name, Sum()).silent:
            what = f"zeros still arrive in step {times - 1}, in the place of a value that comes later or never"
            fix = "give a longer sample, or leave the zeros out"
            tracer.note(Finding("SD303", tracer.named(name), what, fix))
