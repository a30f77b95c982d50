"""Sums of mantissas, one event after the other: what does not spike costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

from snndeploy.engines.torch.columns import Columns
from snndeploy.network.arrays import Array


@njit(cache=True, nogil=True)
def active(row: Any, wide: Any, found: Any) -> int:
    """Writes the places of numbers other than 0 into `found`. `wide`: the same row as whole words, or nothing."""
    count = 0
    for i in range(len(wide)):
        if wide[i] != 0:
            for k in range(8 * i, 8 * i + 8):
                found[count] = k
                count += row[k] != 0
    for k in range(8 * len(wide), len(row)):
        found[count] = k
        count += row[k] != 0
    return count


@njit(cache=True, nogil=True)
def add_events(
    x: Any, words: Any, sizes: Any, first: Any, target: Any, origin: Any, length: Any, weight: Any, out: Any
) -> None:
    """out[i] = the sum of columns of x[i].

    Args:
        x: uint8 (rows, sources). words: uint64 (rows, sources // 8), the same memory, or (rows, 0).
        sizes: channels, per, pitch, shift, see `Columns`.
        out: int32 (rows, targets), wraps.
    """
    channels, per, pitch, shift = sizes
    found = np.empty(x.shape[1] + 1, np.int64)
    for i in range(x.shape[0]):
        sums = out[i]
        sums[:] = 0
        for e in range(active(x[i], words[i], found)):
            count = np.int32(x[i, found[e]])
            place = found[e] // channels
            channel = found[e] - place * channels
            group = channel // per * shift
            base = channel * pitch
            for r in range(first[place], first[place + 1]):
                # unsigned, so that the compiler need not think of places before the start
                to, of = uint64(target[r] + group), uint64(origin[r] + base)
                if count == 1:
                    for k in range(uint64(length[r])):
                        sums[to + uint64(k)] += weight[of + uint64(k)]
                else:
                    for k in range(uint64(length[r])):
                        sums[to + uint64(k)] += count * weight[of + uint64(k)]


# weights of so many bytes stay in a core's first cache: they may as well take two bytes each
SMALL = 2**15


class Events:
    """`unit(x, out)`: x uint8 (rows, sources), out int32 (rows, targets)."""

    label = "events"
    row_bytes = 0

    def __init__(self, given: Columns, times: int = 1):
        """`times`: by what the sums are to be multiplied; done here if that costs nothing."""
        self.columns = given
        self.sizes = (given.channels, given.per, given.pitch, given.shift)
        weight = given.weight
        largest = int(np.abs(weight.astype(np.int64)).max(initial=0)) * times
        self.factor = times if largest < 2**15 and 2 * weight.size <= SMALL else 1
        if self.factor > 1:
            weight = weight.astype(np.int16) * np.int16(times)
        self.tables = (given.first, given.target, given.origin, given.length, weight)
        runs = np.add.reduceat(np.append(given.length, 0), given.first[:-1]) * (np.diff(given.first) > 0)
        self.adds = float(runs.mean()) if len(runs) else 0.0

    def cost(self, rows: int, events: int) -> float:
        """How much is to be done for so many events, in additions; a row and an event cost some by themselves."""
        return rows * len(self.columns.first) * self.columns.channels / 8 + events * (self.adds + 32)

    def __call__(self, x: Array, out: Array) -> None:
        words = x.view(np.uint64) if x.shape[1] % 8 == 0 else np.empty((len(x), 0), np.uint64)
        add_events(x, words, self.sizes, *self.tables, out)
