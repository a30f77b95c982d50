"""Two maps as one, where no number is rounded differently than in the framework: a captured chain stays short."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Reshape, Scale, Sparse


@lru_cache(maxsize=64)
def joined_maps(before: Map, each: Map) -> tuple[Map, ...] | None:
    """What replaces `before` and `each` behind it; None where both stay.

    A scale of whole channels goes into the weights right before it (in float64), rows and columns of a selection go
    into the weights behind it, zeros around an image into the padding of the convolution, two reshapes become one.
    """
    match before, each:
        case Dense(), Dense() if _selects(before.weight):
            return (Dense(each.weight @ before.weight),)
        case Sparse(), Dense() if len(before.shape_to) == len(before.shape_from) == 1 and _sparse_selects(before):
            return (Dense((before.weight.T @ each.weight.T).T),)
        case Conv(), Conv() if _pads(before):
            padding = tuple((a + c, b + d) for (a, b), (c, d) in zip(before.padding, each.padding, strict=True))
            return (replace(each, padding=padding),)
        case Conv(), Conv() if each.groups == before.groups == 1 and _is_a_point(before):
            channels = before.weight.reshape(before.weight.shape[:2])
            if _selects(channels):
                return (replace(each, weight=np.moveaxis(np.tensordot(each.weight, channels, (1, 0)), -1, 1)),)
        case ((Dense() | Conv()), Scale()):
            return _scaled(before, each)
        case Reshape(), (Reshape() | Flatten()):
            after = each.shape_out(before.shape_to)
            return () if after == before.shape_from else (Reshape(before.shape_from, after),)
    return None


def _scaled(before: Dense | Conv, each: Scale) -> tuple[Map, ...] | None:
    axes = 1 if isinstance(before, Dense) else before.weight.ndim - 1
    if each.factor.ndim > axes:
        return None
    factor = each.factor.reshape((1,) * (axes - each.factor.ndim) + each.factor.shape)
    if any(n != 1 for n in factor.shape[1:]):
        return None
    channels = np.broadcast_to(factor.reshape(-1), before.weight.shape[:1])
    return (replace(before, weight=before.weight * channels.reshape(-1, *(1,) * (before.weight.ndim - 1))),)


def _selects(weight: Array) -> bool:
    """At most one 1 per row and column: then nothing is added, and nothing rounded, behind it."""
    alone = all(int(np.count_nonzero(weight, axis).max(initial=0)) <= 1 for axis in (0, 1))
    return alone and bool(np.isin(weight, (0, 1)).all())


def _sparse_selects(each: Sparse) -> bool:
    weight: Any = each.weight
    rows, columns = np.diff(weight.indptr), np.bincount(weight.indices)
    return max(rows.max(initial=0), columns.max(initial=0)) <= 1 and bool((weight.data == 1).all())


def _is_a_point(each: Conv) -> bool:
    return set(each.kernel) == set(each.stride) == {1} and not np.any(each.padding)


def _pads(each: Conv) -> bool:
    """True for a convolution that does nothing but add zeros around each channel."""
    alone = each.groups == len(each.weight) and each.weight.shape[1] == 1
    return alone and set(each.kernel) == set(each.stride) == {1} and bool(np.all(each.weight == 1))
