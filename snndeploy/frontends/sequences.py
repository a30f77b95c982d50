"""The axis of time: what happens to the tensors of a module that has the loop over time inside.

`x[step]`, `for frame in x` and `torch.stack(recorded)` take steps apart and put them together again; time may move to
another axis or be merged with the batch for a layer, as long as every number keeps its step and its sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from snndeploy.frontends.value import MERGED, State, Steps, Sum, Value, make, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

ONE_STEP = "let forward take one step: x of shape (batch, *shape); capture does the time loop"
WHOLE = (slice(None), Ellipsis)


def index(tracer: Tracer, args: tuple[Any, ...], result: Any) -> Any:
    """x[step] and x[a:b] along the axis of time."""
    value, place = args
    meaning = value.meaning
    tracer.loops = tracer.loops or _picks(place)
    if isinstance(meaning, Steps) and meaning.axis != MERGED and not meaning.total:
        places = place if isinstance(place, tuple) else (place,)
        axis = meaning.axis
        ahead, here = places[:axis], places[axis] if axis < len(places) else slice(None)
        rest = [*ahead, *places[axis + 1 :]]
        if Ellipsis not in ahead and all(isinstance(each, (slice, type(...))) and each in WHOLE for each in rest):
            if isinstance(here, torch.Tensor) and here.ndim == 0 and not isinstance(here, Value):
                here = int(here)
            if isinstance(here, int) and not isinstance(here, bool):
                return make(tracer, result, meaning.items[here], aliased=True)
            if isinstance(here, slice):
                return make(tracer, result, replace(meaning, items=meaning.items[here]), aliased=True)
    tracer.refuse("SD302", "getitem() has no meaning in the network", ONE_STEP)
    return tracer.unknown(result)


def _picks(place: Any) -> bool:
    """True where an index looks like that of a step."""
    places = place if isinstance(place, tuple) else (place,)
    return any(isinstance(each, int) for each in places[:2])


def apart(tracer: Tracer, value: Value, axis: int, result: Any) -> Any:
    """unbind, and iteration."""
    meaning = value.meaning
    tracer.loops = True
    if isinstance(meaning, Steps) and meaning.axis == axis % plain(value).ndim and not meaning.total:
        return tuple(make(tracer, each, item, aliased=True) for each, item in zip(result, meaning.items, strict=True))
    tracer.refuse("SD302", "unbind() has no meaning in the network", ONE_STEP)
    return tracer.unknown(result)


def stack(tracer: Tracer, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: torch.Tensor) -> Any:
    """Recorded steps as one tensor."""
    parts = args[0] if args else kwargs["tensors"]
    axis = kwargs.get("dim", args[1] if len(args) > 1 else 0) % result.ndim
    items: list[Any] = []
    for part in parts:
        if isinstance(part, Value):
            items.append(part.meaning)
        else:
            items.append(Sum(silent=True) if tracer.is_silence(part) else None)
    if tracer.time != "outside" and all(isinstance(each, (Sum, State)) for each in items):
        return make(tracer, result, Steps(tuple(items), axis))
    tracer.loops = True
    tracer.refuse("SD302", "stack() has no meaning in the network", ONE_STEP)
    return tracer.unknown(result)


def moved(tracer: Tracer, name: str, value: Value, args: tuple[Any, ...], result: torch.Tensor) -> Any:
    """transpose and permute, where time changes its place and all others keep their order."""
    meaning, rank = value.meaning, plain(value).ndim
    order = list(range(rank))
    if name in ("transpose", "swapaxes", "swapdims") and len(args) == 3:
        a, b = (int(each) % rank for each in args[1:])
        order[a], order[b] = order[b], order[a]
    elif name == "permute":
        given = args[1] if isinstance(args[1], (tuple, list, torch.Size)) else args[1:]
        order = [int(each) % rank for each in given]
    else:
        order = []
    if isinstance(meaning, Steps) and meaning.axis != MERGED and not meaning.total and order:
        others = [each for each in order if each != meaning.axis]
        if others == sorted(others):
            return make(tracer, result, replace(meaning, axis=order.index(meaning.axis)), aliased=True)
    tracer.refuse("SD302", f"{name}() changes the order of the axes", "let forward keep (batch, *shape) as it is")
    return tracer.unknown(result)


def summed(
    tracer: Tracer, name: str, value: Value, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> Any:
    """The sum, mean or maximum over all steps can only be returned."""
    meaning = value.meaning
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
    whole = isinstance(axis, int) and not kwargs.get("keepdim")
    if isinstance(meaning, Steps) and whole and not meaning.total and axis % plain(value).ndim == meaning.axis:
        total = replace(meaning, total=True)
        if isinstance(result, tuple):
            return (make(tracer, result[0], total), *result[1:])
        return make(tracer, result, total)
    tracer.refuse(
        "SD302",
        f"{name}() has no meaning in the network",
        "return the recorded spikes; a decision (spike-count, last-v, max-v) is capture's argument",
    )
    return tracer.unknown(result)


def regrouped(tracer: Tracer, value: Value, result: torch.Tensor) -> tuple[Steps, tuple[int, ...]] | None:
    """Time and batch merged or apart in a reshaped tensor: the steps, and the item's shape; None: in another way."""
    meaning = value.meaning
    if not isinstance(meaning, Steps) or meaning.total:
        return None
    after, steps, batch = tuple(result.shape), len(meaning.items), tracer.batch
    if meaning.axis == 0 and after[:2] == (steps, batch):
        return meaning, after[2:]
    if meaning.axis in (0, MERGED) and after[:1] == (steps * batch,):
        if batch == 1:
            tracer.refuse(
                "SD302", "time and one single sample are merged", "give a sample with two or more in its batch"
            )
        return replace(meaning, axis=MERGED), after[1:]
    if meaning.axis == MERGED and after[:2] == (steps, batch):
        return replace(meaning, axis=0), after[2:]
    if meaning.axis > 0 and after[: 1 + meaning.axis] == tuple(plain(value).shape[: 1 + meaning.axis]):
        return meaning, after[1 : meaning.axis] + after[1 + meaning.axis :]
    return None
