"""Tensor operations that only move numbers: which axis is time, which the batch, and what happens to each sample.

`selections.moved` tells where every number of the result comes from. As long as every sample keeps to itself and every
step does the same, the operation is a map of one sample; time may change its place or be merged with the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from snndeploy.frontends.selections import moved, selection
from snndeploy.frontends.states import refused_as_state
from snndeploy.frontends.value import (
    BATCH_MERGED,
    MERGED,
    Meaning,
    State,
    Steps,
    Sum,
    Value,
    item_shape,
    make,
    plain,
    through,
)
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

RESHAPES = {"flatten", "view", "reshape", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel"}
AXES = {"transpose", "swapaxes", "swapdims", "permute", "t", "T", "mT", "movedim", "moveaxis"}
PICKS = {"select", "narrow", "index_select", "take_along_dim", "gather", "diagonal"}
PARTS = {"split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit", "dsplit", "unbind"}
TURNS = {"flip", "fliplr", "flipud", "roll", "rot90", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"}
COPIES = {"expand", "expand_as", "repeat", "tile", "repeat_interleave", "broadcast_to", "unfold"}
FILLS = {"pad", "interpolate", "upsample", "upsample_nearest", "tril", "triu"}
ADDS_AXES = RESHAPES | {"getitem"}
MOVES = RESHAPES | AXES | PICKS | PARTS | TURNS | COPIES | FILLS


@dataclass(frozen=True)
class Found:
    """What one sample becomes, and which steps of the value are where in the result.

    Attributes:
        axis: as in `Steps`; None: one step, without an axis of time.
        steps: for each place along the axis the step that it holds.
        sample: the numbers of one sample, see `selections.moved`.
    """

    axis: int | None
    steps: tuple[int, ...]
    sample: Array


def rearranged(
    tracer: Tracer,
    name: str,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Any,
) -> Any:
    """The result of an operation that moves the numbers of `args[0]`; refused where it mixes samples, or computes."""
    value: Value = args[0]
    given = plain(value)
    others = torch.utils._pytree.tree_leaves((args[1:], kwargs))
    if any(isinstance(each, Value) for each in others) and not name.endswith("_as"):
        tracer.refuse("SD307", f"{name}() picks by numbers of the data", "pick the same places in every step")
        return tracer.unknown(result)
    rest, named = plain(args[1:]), plain(dict(kwargs))
    leaves, tree = torch.utils._pytree.tree_flatten(result)
    made = []
    for place, leaf in enumerate(leaves):
        one = value.meaning if tracer.time != "outside" and name in ADDS_AXES else None
        lone = tuple(Steps((one,), axis) for axis in _added(given, leaf) if isinstance(one, (Sum, State)))
        if (name in RESHAPES and leaf.shape == given.shape) or (lone and isinstance(value.meaning, State)):
            made.append(tracer.like(value, leaf))
            made[-1].meaning, made[-1].lone = lone[0] if lone else value.meaning, lone
            continue

        def run(x: torch.Tensor, place: int = place) -> torch.Tensor:
            part: torch.Tensor = torch.utils._pytree.tree_leaves(func(x, *rest, **named))[place]
            return part

        found = moved(run, tuple(given.shape))
        meaning = None if found is None else meant(tracer, value, found)
        if meaning is None:
            if not refused_as_state(tracer, name, [value]):
                tracer.refuse("SD302", *_why(tracer, name, value, leaf, found is None))
            return tracer.unknown(result)
        value.aliased = True
        made.append(make(tracer, leaf, meaning, aliased=True))
        made[-1].lone = lone
    return torch.utils._pytree.tree_unflatten(made, tree)


def _added(before: torch.Tensor, after: torch.Tensor) -> list[int]:
    """The axes of one element, each of which may be the one that `after` has and `before` has not."""
    old, new = list(before.shape), list(after.shape)
    return [a for a in range(len(new)) if new[a] == 1 and new[:a] + new[a + 1 :] == old]


def meant(tracer: Tracer, value: Value, found: Array) -> Meaning | None:
    """The meaning of a result whose numbers come from `found` of the value."""
    meaning, item = value.meaning, item_shape(value, value.meaning)
    timed = isinstance(meaning, Steps) and not meaning.total
    items = meaning.items if isinstance(meaning, Steps) else (meaning,)
    axis = meaning.axis if isinstance(meaning, Steps) and timed else None
    steps = len(items) if timed else 1
    seen = _laid_out(_by_step(found, axis, steps, tracer.batch, item), axis, tracer.batch, prod(item))
    if seen is None or (tracer.batch == 1 and seen.axis in (MERGED, BATCH_MERGED) and axis != seen.axis):
        return None
    affine = selection(seen.sample, item)
    if affine.maps and any(isinstance(each, State) for each in items):
        return None
    changed: list[Any] = [each if isinstance(each, State) else through(each, affine, item) for each in items]  # type: ignore[arg-type]
    if isinstance(meaning, Steps) and meaning.total:
        return replace(meaning, items=tuple(changed)) if seen.axis is None else None
    if seen.axis is None:
        one: Meaning = changed[seen.steps[0]]
        return one
    return Steps(tuple(changed[k] for k in seen.steps), seen.axis)


def _by_step(found: Array, axis: int | None, steps: int, batch: int, item: Shape) -> Array:
    """The same numbers as if the tensor was (time, batch, *item)."""
    if axis in (None, 0, MERGED):
        return found
    order = np.arange(1, steps * batch * prod(item) + 1).reshape(steps, batch, *item)
    order = np.moveaxis(order, 0, 1 if axis == BATCH_MERGED else axis)
    return np.concatenate([[0], order.ravel()])[found]


def _laid_out(found: Array, axis: int | None, batch: int, size: int) -> Found | None:
    """Where time and the batch are in a result. The place where time was is tried first."""
    filled = found > 0
    step, sample, place = (
        (found - 1) // (batch * size),
        (found - 1) // size % batch,
        np.where(filled, (found - 1) % size + 1, 0),
    )

    def fits(at: int | None) -> Found | None:
        def apart(array: Array) -> Array | None:
            """As (time, batch, *rest)."""
            if at is None:
                split = array[None]
            elif at >= 0:
                split = np.moveaxis(array, at, 0)
            elif array.shape[0] % batch:
                return None
            elif at == MERGED:
                split = array.reshape(-1, batch, *array.shape[1:])
            else:
                split = array.reshape(batch, -1, *array.shape[1:]).swapaxes(0, 1)
            return split if split.ndim > 1 and split.shape[1] == batch else None

        inside = apart(filled)
        if inside is None:
            return None
        steps_of, samples, places = (np.asarray(apart(each)) for each in (step, sample, place))
        rows = inside.reshape(len(inside), -1)
        if not rows.any(axis=1).all() or not (places == places[:1, :1]).all():
            return None
        own = np.arange(batch).reshape(1, batch, *(1,) * (inside.ndim - 2))
        first = np.take_along_axis(steps_of.reshape(rows.shape), rows.argmax(axis=1)[:, None], 1)
        if ((samples != own) & inside).any() or ((steps_of.reshape(rows.shape) != first) & rows).any():
            return None
        return Found(at, tuple(int(t) for t in first[:, 0]), places[0, 0])

    tried: list[int | None] = [axis, *range(found.ndim), None, MERGED, BATCH_MERGED]
    if axis is None:
        tried = [None, *(a for a in range(found.ndim) if found.shape[a] == 1)]
    return next((each for at in dict.fromkeys(tried) if (each := fits(at)) is not None), None)


def _why(tracer: Tracer, name: str, value: Value, leaf: torch.Tensor, computes: bool) -> tuple[str, str]:
    before, after = tuple(plain(value).shape), tuple(leaf.shape)
    if computes:
        fix = "pad with zeros, repeat with mode 'nearest', or use a module that capture reads, as nn.AvgPool2d"
        return f"{name}() from {before} to {after} does more than move numbers", fix
    if tracer.batch == 1:
        fix = "give a sample with two or more in its batch, so that its axis can be told from others"
        return f"{name}() from {before} to {after} may drop or merge the axis of the one sample", fix
    if isinstance(value.meaning, Steps):
        fix = "keep every number in its step and its sample: (time, batch, *shape), or time and batch merged"
        return f"{name}() from {before} to {after} mixes steps, samples and neurons", fix
    what = "changes the order of the axes, or" if name in AXES else ""
    return " ".join(filter(None, (f"{name}() from {before} to {after}", what, "does not keep every sample apart"))), (
        "let the batch be the first axis: x.flatten(1), x.view(x.shape[0], ...)"
    )
