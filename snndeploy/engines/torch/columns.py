"""What each element of a source adds to its targets, as runs of neighbouring numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from snndeploy.engines.torch.canonical import Canonical
from snndeploy.engines.torch.layout import Layout
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Pool, Shape, Sparse


@dataclass(frozen=True, eq=False)
class Columns:
    """Element (place p, channel c) of the source, with n events, adds for each run r in first[p] .. first[p+1]

        out[target[r] + g·shift + k] += n · weight[c·pitch + origin[r] + k],   k < length[r],   g = c // per.

    Attributes:
        channels: elements per place. per: channels per group. pitch: weights per channel.
        first: int64 (places + 1,). target, origin, length: int64 (runs,).
        weight: flat, int8 where that holds the numbers, else int16.
    """

    channels: int
    per: int
    pitch: int
    shift: int
    first: Array
    target: Array
    origin: Array
    length: Array
    weight: Array


def narrow(weight: Array) -> Array:
    """The same whole numbers in the smallest type of ours."""
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    return weight.astype(np.int8 if low >= -128 and high < 128 else np.int16)


def taps(conv: Conv, shape: Shape) -> tuple[Array, Array, Array]:
    """(place of the source, place of the target, number of the tap) wherever a window meets the source, int64."""
    source, target, tap = (np.zeros(1, np.int64) for _ in range(3))
    space = conv.shape_out(shape)[1:]
    for axis, (n, places) in enumerate(zip(shape[1:], space, strict=True)):
        k = np.arange(conv.kernel[axis])
        at = np.arange(places)[:, None] * conv.stride[axis] + k * conv.dilation[axis] - conv.padding[axis][0]
        row, column = np.nonzero((at >= 0) & (at < n))
        source = (source[:, None] * n + at[row, column]).reshape(-1)
        target = (target[:, None] * places + row).reshape(-1)
        tap = (tap[:, None] * len(k) + column).reshape(-1)
    return source, target, tap


def _tap_order(conv: Conv) -> Array:
    """Taps in such an order that one source meets neighbouring targets with neighbouring taps."""
    *rest, last = conv.kernel
    k = np.arange(last)
    line = np.lexsort((-k, k * conv.dilation[-1] % conv.stride[-1]))
    return (np.arange(prod(rest))[:, None] * last + line).reshape(-1)


def windows(pool: Pool, shape: Shape) -> tuple[Array, Array]:
    """(place that is pooled, place of the pool it is in)."""
    place, source = pool.matrix((1, *shape[1:])).nonzero()
    return source.astype(np.int64), place.astype(np.int64)


def _through(source: Array, pool: Array, places: int, of: Array) -> tuple[Array, Array]:
    """Runs, sorted by the place `of`, seen from what is pooled into it: (place that is pooled, number of the run)."""
    first = np.searchsorted(of, np.arange(places + 1))
    count = (first[1:] - first[:-1])[pool]
    start = np.repeat(first[pool] - np.cumsum(count) + count, count)
    return np.repeat(source, count), start + np.arange(count.sum())


def columns(chain: Canonical, step: int, source_layout: Layout, target_layout: Layout) -> Columns:
    """The columns of a projection whose mantissas are multiples of `step`. Convolutions: both lie channels last."""
    if isinstance(chain.core, Sparse):
        return _sparse(chain.core, step, source_layout, target_layout)
    conv, shape = chain.core, chain.between
    source, place, tap = taps(conv, shape)
    out, per, each = conv.weight.shape[0], conv.weight.shape[1], prod(conv.kernel)
    order = _tap_order(conv)
    rank = np.empty_like(order)
    rank[order] = np.arange(each)
    mine = out // conv.groups
    split = (np.asarray(conv.weight) // step).reshape(conv.groups, mine, per, each)[..., order]
    weight = narrow(np.ascontiguousarray(split.transpose(0, 2, 3, 1))).reshape(-1)
    places = prod(shape[1:])
    for pool, before in reversed(list(zip(chain.pools, chain.shapes, strict=True))):
        by = np.argsort(source, kind="stable")
        source, place, tap = source[by], place[by], tap[by]
        pooled, into = windows(pool, before)
        source, run = _through(pooled, into, places, source)
        place, tap, places = place[run], tap[run], prod(before[1:])
    by = np.lexsort((place, source))
    source, at, origin = source[by], place[by] * out, rank[tap[by]] * mine
    return _joined(source, at, origin, np.full(len(at), mine), places, shape[0], per, each * mine, mine, weight)


def _joined(
    source: Array, at: Array, origin: Array, length: Array, places: int, channels: int, per: int, pitch: int,
    shift: int, weight: Array,
) -> Columns:  # fmt: skip
    """Runs that continue each other become one."""
    follows = (np.diff(source) == 0) & (np.diff(at) == length[:-1]) & (np.diff(origin) == length[:-1])
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(at)), bool), ~follows]))
    total = np.add.reduceat(length, starts) if len(starts) else length
    first = np.searchsorted(source[starts], np.arange(places + 1))
    return Columns(channels, per, pitch, shift, first, at[starts], origin[starts], total, weight)


def _sparse(core: Sparse, step: int, source_layout: Layout, target_layout: Layout) -> Columns:
    matrix = core.weight.tocoo()
    source, at = source_layout.place[matrix.col], target_layout.place[matrix.row]
    by = np.lexsort((at, source))
    source, at, weight = source[by], at[by], narrow(matrix.data[by] // step)
    each = np.arange(len(at), dtype=np.int64)
    return _joined(source, at, each, np.ones(len(at), np.int64), matrix.shape[1], 1, 1, 0, 0, weight)
