"""What every Numba kernel does around its step: rows out of the work array, and feedback."""

from __future__ import annotations

from typing import Any

from numba import njit, uint64


@njit(cache=True, nogil=True, error_model="numpy")
def copy(rows: Any, k: Any, row: Any, work: Any, at: Any, left: Any) -> None:
    for n in range(left):
        rows[k, row + n] = work[at + n]


@njit(cache=True, nogil=True, error_model="numpy")
def arriving(extra: Any, sums: Any, spikes: Any, at: Any, cells: Any, back: Any) -> None:
    """What one sample sends itself: `extra` (receptors, neurons), from the spikes at `at - delay·cells`.

    One spike after the other, so that the order of a sum is always the same. Whole numbers wrap; an exponent below 0
    floors. Real numbers have no exponent. Indices are unsigned: they are not looked at for being negative.
    """
    start, target, weight, links = back
    extra[:] = 0
    size = uint64(len(sums))
    for k in range(len(links)):
        past, receptor, dense = uint64(at - links[k, 0] * cells), uint64(links[k, 2]), links[k, 3]
        sums[:] = 0
        for source in range(size):
            if spikes[past + source]:
                low, high = uint64(start[k, source]), uint64(start[k, source + uint64(1)])
                if dense:
                    for n in range(size):
                        sums[n] += weight[low + n]
                else:
                    for i in range(low, high):
                        sums[uint64(target[i])] += weight[i]
        unit = 1 << abs(links[k, 1])
        if unit == 1:
            for n in range(size):
                extra[receptor, n] += sums[n]
        elif links[k, 1] > 0:
            for n in range(size):
                extra[receptor, n] += sums[n] * unit
        else:
            for n in range(size):
                extra[receptor, n] += sums[n] // unit
