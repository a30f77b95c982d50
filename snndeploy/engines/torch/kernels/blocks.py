"""What every Numba kernel does around its step: blocks of cells in and out of the work array, rows, feedback."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def fill(work: Any, numbers: Any, states: Any, low: Any, count: Any, block: Any) -> None:
    """Cells `low`... and the numbers of their neurons, name after name, `block` cells at a time."""
    size, names, kept = numbers.shape[1], numbers.shape[0], states.shape[0]
    width = len(work) // ((count + block - 1) // block)
    i = 0
    while i < count:
        n = (low + i) % size
        m = min(count - i, size - n, block - i % block)
        to = i // block * width + i % block
        for k in range(names):
            for j in range(m):
                work[to + k * block + j] = numbers[k, n + j]
        for k in range(kept):
            for j in range(m):
                work[to + (names + k) * block + j] = states[k, low + i + j]
        i += m


@njit(cache=True, nogil=True, error_model="numpy")
def keep(work: Any, names: Any, states: Any, low: Any, count: Any, block: Any) -> None:
    """The states of cells `low`... out of the work array, where they come after `names` numbers."""
    width = len(work) // ((count + block - 1) // block)
    for i in range(0, count, block):
        m = min(block, count - i)
        for k in range(states.shape[0]):
            at = i // block * width + (names + k) * block
            for j in range(m):
                states[k, low + i + j] = work[at + j]


@njit(cache=True, nogil=True, error_model="numpy")
def copy(rows: Any, k: Any, row: Any, work: Any, at: Any, left: Any) -> None:
    for n in range(left):
        rows[k, row + n] = work[at + n]


@njit(cache=True, nogil=True, error_model="numpy")
def arriving(extra: Any, sums: Any, spikes: Any, at: Any, cells: Any, back: Any) -> None:
    """What one sample sends itself: `extra` (receptors, neurons), from the spikes at `at - delay·cells`.

    One spike after the other, so that the order of a sum is always the same. Whole numbers wrap; an exponent below 0
    floors. Real numbers have no exponent.
    """
    start, target, weight, links = back
    extra[:] = 0
    size = len(sums)
    for k in range(len(links)):
        past, receptor, dense = at - links[k, 0] * cells, links[k, 2], links[k, 3]
        sums[:] = 0
        for source in range(size):
            if spikes[past + source]:
                low, high = start[k, source], start[k, source + 1]
                if dense:
                    for i in range(size):
                        sums[i] += weight[low + i]
                else:
                    for i in range(low, high):
                        sums[target[i]] += weight[i]
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
