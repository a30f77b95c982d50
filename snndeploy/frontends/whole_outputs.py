"""What a module returned that holds the loop over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from snndeploy.frontends.neurons import is_state
from snndeploy.frontends.outputs import Returned
from snndeploy.frontends.reductions import as_total, unscaled
from snndeploy.frontends.structures import leaves, pick
from snndeploy.frontends.value import State, Steps, Sum, Value, item_shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def of_whole(tracer: Tracer, result: Any) -> Iterator[Returned]:
    """One for each tensor, and each list of one tensor per step."""

    for place, leaf in leaves(result, lambda value: _recorded(value, tracer.steps)):
        if any(is_state(pick(result, place[:n])) for n in range(len(place))):
            if isinstance(leaf, Value) and isinstance(leaf.meaning, State):
                yield Returned(place, (leaf.meaning,), (), state=True)
        elif isinstance(leaf, list):
            meanings = tuple(getattr(each, "meaning", None) or Sum() for each in leaf)
            yield Returned(place, meanings, tuple(leaf[0].shape[1:]))
        elif isinstance(leaf, Value) and isinstance(leaf.meaning, Steps):
            steps = leaf.meaning
            items = unscaled(steps).items if steps.total else steps.items
            yield Returned(place, items, item_shape(leaf, steps), axis=-1 if steps.total else steps.axis)
        elif isinstance(leaf, Value) and (total := as_total(tracer, leaf.meaning)):
            yield Returned(place, unscaled(total).items, item_shape(leaf, leaf.meaning), axis=-1)
        elif isinstance(leaf, Value) and isinstance(leaf.meaning, (Sum, State)):
            yield Returned(place, (leaf.meaning,), item_shape(leaf, leaf.meaning), first=tracer.steps - 1)


def _recorded(value: Any, steps: int) -> bool:
    """A list of one tensor per step."""
    if type(value) is not list or len(value) != steps or not all(isinstance(each, torch.Tensor) for each in value):
        return False
    return not any(isinstance(getattr(each, "meaning", None), Steps) for each in value)
