"""How a module is called from one step to the next: which arguments of forward are states, and where they return."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.frontends.preserve import preserved
from snndeploy.frontends.tracer import STEPS, WHOLE, Missing, Stop, Time, Tracer
from snndeploy.frontends.value import Path, State, Steps, Sum, Unknown, Value, at_step, item_shape, make
from snndeploy.network.maps import Shape

INPUT = "input"


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


def returned(result: Any) -> tuple[Any, ...]:
    """What forward returned, as a plain tuple. Named tuples and lists are one value."""
    return result if type(result) is tuple else (result,)


def state_arguments(module: torch.nn.Module) -> dict[str, bool]:
    """Arguments of forward behind the first that can be states: name -> has a default (which is None)."""
    signature = inspect.signature(type(module).forward)
    positional = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    known = [p for p in signature.parameters.values() if p.kind in positional or p.kind is p.KEYWORD_ONLY]
    return {p.name: p.default is None for p in known[2:] if p.default is None or p.default is p.empty}


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
                    feeds = _feeds(tracer, arguments, result)
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
                    where=_failed_at(tracer, problem),
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
    outputs, heads = _outputs(tracer, results)
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


def _failed_at(tracer: Tracer, problem: BaseException) -> str:
    """The innermost frame of the failure that is neither torch nor this package."""
    from pathlib import Path as FilePath

    from snndeploy.frontends.tracer import OURS

    home = str(FilePath(torch.__file__).parent)
    place, trace = "", problem.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((OURS, home, "<")) and "contextlib" not in name:
            place = f", {FilePath(name).name} line {trace.tb_lineno}"
        trace = trace.tb_next
    return tracer.named("") + place


def _feeds(tracer: Tracer, arguments: Mapping[str, bool], result: tuple[Any, ...]) -> dict[str, int]:
    """Where each state argument finds its next value: by the neuron that claimed it, else by its place."""
    feeds: dict[str, int] = {}
    echoes = {name: FAMILIES[type(each)].echo for name, each in tracer.modules.items()}
    open_arguments = [a for a in arguments if a not in tracer.claims]
    for argument in arguments:
        if argument not in tracer.claims:
            continue
        neuron, name = tracer.claims[argument]
        for place, value in enumerate(result):
            meaning = getattr(value, "meaning", None)
            state = isinstance(meaning, State) and (meaning.neuron, meaning.name) == (neuron, name)
            echo = name == echoes[neuron] and isinstance(meaning, Sum) and meaning.bare == neuron
            if state or echo or (name == WHOLE and _is_state_of(neuron, value)):
                feeds[argument] = place
        if argument not in feeds:
            tracer.note(
                Finding(
                    "SD305",
                    tracer.named(""),
                    f"forward takes {argument!r}, {name!r} of {neuron!r}, and does not return it",
                    "return every state that forward takes",
                )
            )
            raise Stop
    if not open_arguments:
        return feeds
    if len(result) == 1 + len(arguments):
        places = {argument: 1 + i for i, argument in enumerate(arguments)}
        return {**{a: places[a] for a in open_arguments}, **feeds}
    if all(arguments[a] for a in open_arguments) and len(result) == 1:
        return feeds
    tracer.note(
        Finding(
            "SD305",
            tracer.named(""),
            f"forward takes {len(arguments)} states ({', '.join(arguments)}) and returns {len(result) - 1} behind the "
            "output",
            "return the output first, then every state in the order of the arguments",
        )
    )
    raise Stop


def _is_state_of(neuron: str, value: Any) -> bool:
    """True for a named tuple that holds the states of one neuron."""
    meanings = [getattr(each, "meaning", None) for each in value] if isinstance(value, tuple) else []
    return any(isinstance(m, State) and m.neuron == neuron for m in meanings)


def _outputs(tracer: Tracer, results: list[tuple[Any, ...]]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The population of the first returned value that is not a state; a new one where no neuron is behind it."""
    result = results[-1]
    places = [i for i, v in enumerate(result) if isinstance(v, Value) and isinstance(v.meaning, Sum)]
    first = result[places[0]] if places else next((v for v in result if isinstance(v, Value)), None)
    if first is None or isinstance(first.meaning, Unknown):
        tracer.note(
            Finding(
                "SD313",
                tracer.named(""),
                "forward returns no tensor that comes from the input",
                "return the spikes of the last neuron first",
            )
        )
        return (), {}
    if isinstance(first.meaning, State):
        return (first.meaning.neuron,), {}
    total = cast(Sum, first.meaning)
    bare = total.bare
    if bare is not None and bare != INPUT:
        return (bare,), {}
    layer = next((p.layers[-1] for p in reversed(total.paths) if p.layers), "output")
    name = layer if layer not in tracer.arrivals[-1] else f"{layer}.output"
    for arrivals, values in zip(tracer.arrivals, results, strict=True):
        meaning = getattr(values[places[0]], "meaning", None) if places[0] < len(values) else None
        arrivals[name] = meaning if isinstance(meaning, Sum) else Sum()
    tracer.shapes[name] = tuple(first.shape[1:])
    return (name,), {name: places[0]}


def leaves(result: Any, steps: int) -> list[Any]:
    """What a module with the loop inside returned: tensors, and lists of one tensor per step."""
    if isinstance(result, torch.Tensor) or (type(result) is list and len(result) == steps):
        return [result]
    if isinstance(result, Mapping):
        result = tuple(result.values())
    return [leaf for each in result for leaf in leaves(each, steps)] if isinstance(result, (tuple, list)) else []


def whole_outputs(tracer: Tracer, result: Any) -> tuple[tuple[str, ...], dict[str, int], dict[str, int]]:
    """The populations whose steps were returned; without any, the first whose state was. New ones for other values."""
    outputs: list[str] = []
    states: list[str] = []
    heads: dict[str, int] = {}
    axes: dict[str, int] = {}
    for place, leaf in enumerate(leaves(result, tracer.steps)):
        meaning: Any
        items: Any
        if isinstance(leaf, list):
            items = tuple(getattr(each, "meaning", None) for each in leaf)
            meaning, shape, axis = Steps(items), tuple(leaf[0].shape[1:]), 0
        elif isinstance(leaf, Value):
            meaning, shape = leaf.meaning, item_shape(leaf, leaf.meaning)
            axis = meaning.axis if isinstance(meaning, Steps) else 0
            items = meaning.items if isinstance(meaning, Steps) else (meaning,)
        else:
            continue
        first, last = items[0], tracer.steps - 1
        if isinstance(first, State):
            states.append(first.neuron)
            continue
        if not all(isinstance(each, Sum) for each in items):
            continue
        offset = last if not isinstance(meaning, Steps) else 0
        bare = [(each.bare, p.step) for each in items for p in each.paths[:1]]
        if first.bare in tracer.cells and bare == [(first.bare, offset + k) for k in range(len(items))]:
            outputs.append(first.bare)
            continue
        if len(items) != tracer.steps or axis < 0 or (isinstance(meaning, Steps) and meaning.total):
            tracer.note(
                Finding(
                    "SD313",
                    tracer.named(""),
                    f"returned value {place} holds no neuron's spikes of all {tracer.steps} steps",
                    "append one value per step to a list and return torch.stack(list)",
                )
            )
            continue
        layer = next((p.layers[-1] for p in reversed(items[-1].paths) if p.layers), "output")
        taken = {*(name for arrivals in tracer.arrivals for name in arrivals)}
        name = layer if layer not in taken else f"{layer}.output"
        name = name if name not in taken else f"{name}{place}"
        tracer.arrivals += [{} for _ in range(tracer.steps - len(tracer.arrivals))]
        for k, each in enumerate(items):
            tracer.arrivals[k][name] = at_step(each, k)
        tracer.shapes[name], heads[name], axes[name] = shape, place, axis
        outputs.append(name)
    outputs = list(dict.fromkeys(outputs)) or states[:1]
    if not outputs and not tracer.findings:
        tracer.note(
            Finding(
                "SD313",
                tracer.named(""),
                "forward returns no tensor that comes from the input",
                "return torch.stack of the recorded spikes first",
            )
        )
    return tuple(outputs), heads, axes
