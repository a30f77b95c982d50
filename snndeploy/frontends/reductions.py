"""Sums and means: over time they can only be returned, over neurons they are a linear map.

A sum over time may be a tensor that was recorded and summed, or one that grew by a step in every step of the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from snndeploy.frontends.selections import reshaping
from snndeploy.frontends.states import refused_as_state
from snndeploy.frontends.value import (
    Affine,
    Meaning,
    Steps,
    Sum,
    Value,
    each_step,
    item_shape,
    make,
    plain,
    through,
)
from snndeploy.network.arrays import equal
from snndeploy.network.maps import Map, Pool, Scale, Shape, Sparse

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

REDUCES = {"sum", "mean", "max", "amax", "logsumexp"}
# what keeps the order of classes: of a sum over time that is returned it changes nothing that a network decides
RANKS = {"softmax", "log_softmax"}
DECIDES = "return the recorded spikes; a decision (spike-count, last-v, max-v) is capture's argument"


def reduced(
    tracer: Tracer, name: str, value: Value, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> Any:
    """The sum, mean or maximum along axes."""
    meaning, rank = value.meaning, plain(value).ndim
    dims = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    keep = bool(kwargs.get("keepdim", kwargs.get("keepdims", args[2] if len(args) > 2 else False)))
    axes = {int(d) % rank for d in (dims if isinstance(dims, (tuple, list)) else (dims,)) if d is not None}
    if isinstance(meaning, Steps) and not meaning.total and axes == {meaning.axis} and not keep:
        total = replace(meaning, total=True)
        return (
            (make(tracer, result[0], total), *result[1:]) if isinstance(result, tuple) else make(tracer, result, total)
        )
    time = meaning.axis if isinstance(meaning, Steps) and not meaning.total else None
    inner = _inner(axes, time, rank)
    if name in ("sum", "mean") and inner and not (isinstance(meaning, Steps) and meaning.total):
        if refused_as_state(tracer, name, [value]):
            return tracer.unknown(result)
        shape = item_shape(value, meaning)
        affine = _over(frozenset(inner), shape, name == "mean", keep)
        return make(tracer, result, each_step(lambda each: through(each, affine, shape, name), meaning))
    tracer.refuse("SD302", *_why(name, dims, axes, time, rank))
    return tracer.unknown(result)


def _why(name: str, dims: Any, axes: set[int], time: int | None, rank: int) -> tuple[str, str]:
    batch = next(a for a in range(rank) if a != time)
    if dims is None or batch in axes:
        return (
            f"{name}() along {dims} takes all samples together",
            "name the axes of the neurons: x.mean(1), not x.mean()",
        )
    if time is None and name not in ("sum", "mean"):
        return f"{name}() along {dims} is not linear", "nn.MaxPool2d of spikes is exact; elsewhere take the mean"
    return f"{name}() along {dims} has no meaning in the network", DECIDES


def _inner(axes: set[int], time: int | None, rank: int) -> set[int]:
    """The axes of one step of one sample; empty where time or the batch is among them."""
    outer = [a for a in range(rank) if a != time]
    if time is not None and time < 0:
        outer = list(range(rank))
    return {outer.index(a) - 1 for a in axes} if axes and axes <= {*outer[1:]} else set()


@lru_cache(maxsize=64)
def _over(axes: frozenset[int], shape: Shape, mean: bool, keep: bool) -> Affine:
    """The sum or mean over some axes of `shape`."""
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    after = kept if keep else tuple(n for a, n in enumerate(shape) if a not in axes)
    if len(shape) in (2, 3) and axes == {*range(1, len(shape))}:
        whole = shape[1:]
        pool = Pool(whole, whole, (0,) * len(whole), "average" if mean else "sum")
        return Affine((pool, *reshaping(kept, after).maps))
    from scipy import sparse

    rows = np.broadcast_to(np.arange(prod(kept)).reshape(kept), shape).ravel()
    size = prod(shape[a] for a in axes)
    values = np.full(rows.size, 1.0 / size if mean else 1.0)
    matrix = sparse.coo_array((values, (rows, np.arange(rows.size))), shape=(prod(kept), rows.size))
    each: Map = Sparse(sparse.csr_array(matrix), shape, after)
    return Affine((each,))


def as_total(tracer: Tracer, meaning: Meaning) -> Steps | None:
    """A sum over all steps, step by step; None if the value is none."""
    if isinstance(meaning, Steps):
        return meaning if meaning.total else None
    if tracer.time == "outside" or not isinstance(meaning, Sum) or meaning.constant is not None:
        return None
    ordered = sorted(meaning.paths, key=lambda p: -1 if p.step is None else p.step)
    if len(ordered) != tracer.steps or [p.step for p in ordered] != list(range(tracer.steps)):
        return None
    first = ordered[0]
    alike = all(p.source == first.source and equal(p.maps, first.maps) for p in ordered)
    return Steps(tuple(Sum((p,)) for p in ordered), 0, total=True) if alike else None


def unscaled(total: Steps) -> Steps:
    """The same without factors above 0: as a mean, it names the same population."""

    def bare(each: Any) -> Any:
        maps = each.paths[0].maps if isinstance(each, Sum) and len(each.paths) == 1 else ()
        factors = all(isinstance(m, Scale) and m.factor.size == 1 and m.factor.item() > 0 for m in maps)
        return replace(each, paths=(replace(each.paths[0], maps=()),)) if maps and factors else each

    return replace(total, items=tuple(bare(each) for each in total.items))


def kept_total(tracer: Tracer, name: str, args: tuple[Any, ...], result: torch.Tensor) -> Value | None:
    """What is computed of a sum over time, if the largest stays the largest: by a factor above 0, or softmax."""
    value = args[0] if args and isinstance(args[0], Value) else (args[1] if len(args) > 1 else None)
    total = as_total(tracer, value.meaning) if isinstance(value, Value) else None
    if total is None:
        return None
    others = [each for each in args[:2] if each is not value]
    factor = name not in RANKS and len(others) == 1 and isinstance(others[0], (int, float)) and others[0] > 0
    return make(tracer, result, total) if name in RANKS or factor else None
