"""The outputs of a module that holds the loop over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from snndeploy.errors import Finding
from snndeploy.frontends.value import State, Steps, Sum, Value, at_step, item_shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


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
