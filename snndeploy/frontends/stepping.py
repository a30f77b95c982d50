"""How a module is called from one step to the next: which arguments of forward are states, and where they return."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.arguments import INPUT, state_arguments
from snndeploy.frontends.entering import Stop
from snndeploy.frontends.feeds import feeds_of
from snndeploy.frontends.preserve import preserved
from snndeploy.frontends.states import WHOLE, Missing
from snndeploy.frontends.step_outputs import returned, step_outputs
from snndeploy.frontends.tracer import STEPS, Time, Tracer
from snndeploy.frontends.user_code import failed_line
from snndeploy.frontends.value import Path, Steps, Sum, Value, make
from snndeploy.frontends.whole_outputs import whole_outputs
from snndeploy.network.maps import Shape


@dataclass(frozen=True)
class Stepping:
    """What the engines need to run the captured module.

    Attributes:
        batch: samples that the trace was made with.
        starts: argument -> shape of its first value (zeros, without the batch axis); None: it starts as None.
        feeds: argument -> place among the returned values from which the next step's value is taken.
        outputs: names of the output populations.
        heads: population without a neuron -> place of its value among the returned values.
        axes: population without a neuron -> axis of time of its value, where the loop is inside.
        steps: steps that the trace was made with.
        time: where the loop over time is, see `tracer.Time`.
    """

    batch: int
    starts: Mapping[str, Shape | None]
    feeds: Mapping[str, int]
    outputs: tuple[str, ...]
    heads: Mapping[str, int]
    axes: Mapping[str, int] = field(default_factory=dict)
    steps: int = STEPS
    time: Time = "outside"


CALLS: dict[Time, str] = {
    "outside": "try module(sample[0]) itself; forward takes one step: (batch, *shape)",
    "inside": "try module(sample) itself; forward takes all steps: (time, batch, *shape)",
    "held": "try module(sample[0]) itself; forward takes one frame and repeats it as often as the sample is long",
}


def trace_steps(tracer: Tracer, shape: Shape) -> Stepping:
    """Traces a few steps, filling `tracer`; whatever fails becomes a finding."""
    module = tracer.module
    arguments = state_arguments(module)
    device = next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    feeds: dict[str, int] = {}
    result: tuple[Any, ...] = ()
    results: list[tuple[Any, ...]] = []
    with preserved(module), torch.no_grad():
        for path, each in module.named_modules():
            if each._forward_hooks or each._forward_pre_hooks:
                tracer.note(
                    Finding(
                        "SD314",
                        tracer.named(path),
                        "it has forward hooks, which can change what it computes",
                        "remove them before capture: handle.remove()",
                    )
                )
        wrapped = [(each, tracer.wrap(path, each)) for path, each in module.named_modules()]
        _refuse_training_layers(tracer)
        for each, forward in wrapped:
            each.__dict__.update(
                training=False, forward=forward, _forward_hooks=OrderedDict(), _forward_pre_hooks=OrderedDict()
            )
        try:
            if tracer.time != "outside":
                result = returned(module(_whole(tracer, INPUT, shape, device)))
            for k in range(tracer.shown if tracer.time == "outside" else 0):
                tracer.step = k
                tracer.arrivals.append({})
                x = make(tracer, torch.zeros(tracer.batch, *shape, device=device), Sum((Path(INPUT, k),)), aliased=True)
                if k == 0:
                    states: dict[str, Any] = {a: Missing(a) for a, default in arguments.items() if not default}
                else:
                    feeds = feeds_of(tracer, arguments, result)
                    states = {argument: result[place] for argument, place in feeds.items()}
                result = returned(module(x, **states))
                results.append(result)
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
                    CALLS[tracer.time],
                    where=", ".join(filter(None, (tracer.named(""), failed_line(problem)))),
                )
    nothing = Stepping(tracer.batch, {}, {}, (), {}, {}, tracer.steps, tracer.time)
    if tracer.findings:
        return nothing
    if tracer.time != "outside":
        _check_calls(tracer)
        if tracer.findings:
            return nothing
        outputs, heads, axes = whole_outputs(tracer, result)
        return replace(nothing, outputs=outputs, heads=heads, axes=axes)
    starts = {
        argument: None if name == WHOLE else tracer.shapes[neuron]
        for argument, (neuron, name) in tracer.claims.items()
        if argument in feeds
    }
    outputs, heads = step_outputs(tracer, results)
    return Stepping(tracer.batch, starts, feeds, outputs, heads)


def _whole(tracer: Tracer, name: str, shape: Shape, device: torch.device) -> Value:
    """The input of a module that does all steps."""
    if tracer.time == "held":
        return make(tracer, torch.zeros(tracer.batch, *shape, device=device), Sum((Path(name, None),)), aliased=True)
    items = tuple(Sum((Path(name, k),)) for k in range(tracer.steps))
    return make(tracer, torch.zeros(tracer.steps, tracer.batch, *shape, device=device), Steps(items), aliased=True)


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


def _refuse_training_layers(tracer: Tracer) -> None:
    """Before eval mode is set for the trace: dropout and batch norm that are not in it themselves."""
    for path, each in tracer.module.named_modules():
        drops = isinstance(each, torch.nn.modules.dropout._DropoutNd)
        if each.training and (drops or isinstance(each, torch.nn.modules.batchnorm._BatchNorm)):
            tracer.note(
                Finding(
                    "SD306",
                    tracer.named(path),
                    f"{type(each).__name__} is in training mode",
                    "call module.eval() before capture",
                )
            )
