"""A pool behind a convolution, as one convolution with fewer products: the float form, where that is cheaper.

Weights are added up in float64 and rounded once; `conform.rounding` counts the terms of the longer sums.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from snndeploy.network.maps import Conv, Map, Pool, Shape
from snndeploy.passes.merge_maps import conv_then_pool


def folded(maps: tuple[Map, ...], shape: Shape) -> tuple[Map, ...]:
    """The same linear map. shape: what comes in."""
    kept: list[Map] = []
    for each in maps:
        if kept and isinstance(each, Pool) and isinstance(kept[-1], Conv):
            before = shape_before(kept, shape)
            joined = _joined(kept[-1], each)
            if joined is not None and _products(joined, before) < _products(kept[-1], before):
                kept[-1] = joined
                continue
        kept.append(each)
    return tuple(kept)


def shape_before(maps: list[Map], shape: Shape) -> Shape:
    """What comes into the last of some maps."""
    for each in maps[:-1]:
        shape = each.shape_out(shape)
    return shape


def _joined(conv: Conv, pool: Pool) -> Conv | None:
    found = conv_then_pool(conv, replace(pool, kind="sum"))
    if found is None or pool.kind == "sum":
        return found
    return replace(found, weight=found.weight / prod(pool.kernel))


def _products(conv: Conv, shape: Shape) -> int:
    return prod(conv.shape_out(shape)) * conv.taps
