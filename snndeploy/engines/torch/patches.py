"""Windows of a convolution as rows of bytes, copied out of rows that lie channels last."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numba import njit, uint64

from snndeploy.engines.torch.canonical import Canonical
from snndeploy.engines.torch.columns import taps, windows
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv


@dataclass(frozen=True, eq=False)
class Patches:
    """For each place of the target: bytes that are copied from the source, in the order of the taps.

    Attributes:
        width: bytes of a patch.
        first: int64 (places + 1,). source, to, length: int64 (runs,); what no run writes is zero.
    """

    width: int
    first: Array
    source: Array
    to: Array
    length: Array

    @property
    def places(self) -> int:
        return len(self.first) - 1

    @property
    def whole(self) -> bool:
        """The one patch of a row is the row."""
        return self.places == 1 and len(self.length) == 1 and int(self.length[0]) == self.width


def patches(chain: Canonical) -> Patches:
    """The windows of a convolution of one group."""
    conv, shape = chain.core, chain.between
    assert isinstance(conv, Conv)
    channels = shape[0]
    source, place, tap = taps(conv, shape)
    by = np.lexsort((tap, place))
    source, place, tap = source[by], place[by], tap[by]
    follows = (np.diff(place) == 0) & (np.diff(tap) == 1) & (np.diff(source) == 1)
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(tap)), bool), ~follows]))
    length = np.diff(np.append(starts, len(tap))) * channels
    first = np.searchsorted(place[starts], np.arange(prod(chain.space) + 1))
    width = prod(conv.kernel) * channels
    return Patches(width, first, source[starts] * channels, tap[starts] * channels, length)


@njit(cache=True, nogil=True)
def fill_patches(x: Any, first: Any, source: Any, to: Any, length: Any, factor: Any, out: Any) -> None:
    """x: uint8 (rows, sources) -> out: uint8 (rows, places, width), `factor` times as large."""
    times = np.uint8(factor)
    out[:] = 0
    for i in range(x.shape[0]):
        for p in range(len(first) - 1):
            for r in range(first[p], first[p + 1]):
                a, b = uint64(source[r]), uint64(to[r])
                for k in range(uint64(length[r])):
                    out[i, p, b + uint64(k)] = times * x[i, a + uint64(k)]


@dataclass(frozen=True, eq=False)
class Pooling:
    """For each place of the pool, the places that are summed. first: int64 (places + 1,); source: int64."""

    channels: int
    first: Array
    source: Array

    @property
    def size(self) -> int:
        return (len(self.first) - 1) * self.channels


def pooling(chain: Canonical) -> tuple[Pooling, ...]:
    found = []
    for pool, shape in zip(chain.pools, chain.shapes, strict=True):
        source, place = windows(pool, shape)
        by = np.lexsort((source, place))
        first = np.searchsorted(place[by], np.arange(prod(pool.shape_out(shape)[1:]) + 1))
        found.append(Pooling(shape[0], first, source[by]))
    return tuple(found)


@njit(cache=True, nogil=True)
def sum_windows(x: Any, channels: Any, first: Any, source: Any, out: Any) -> None:
    """x: uint8 (rows, sources) -> out: uint8 (rows, places · channels); the sums fit."""
    out[:] = 0
    for i in range(x.shape[0]):
        for p in range(len(first) - 1):
            b = uint64(p * channels)
            for r in range(first[p], first[p + 1]):
                a = uint64(source[r] * channels)
                for c in range(uint64(channels)):
                    out[i, b + uint64(c)] += x[i, a + uint64(c)]


def pooled(x: Array, steps: tuple[Pooling, ...]) -> Array:
    """Rows of bytes through sum pools."""
    for each in steps:
        out = np.empty((len(x), each.size), np.uint8)
        sum_windows(x, each.channels, each.first, each.source, out)
        x = out
    return x
