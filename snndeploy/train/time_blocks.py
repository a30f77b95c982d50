"""Rows of a block of cells, into what a kernel works with and back: compiled once for all kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# cells whose numbers and states lie together
BLOCK = np.uint64(1024)


@njit(cache=True, nogil=True)
def gather(work: Any, first: int, rows: int, given: Any, cells: Any, begin: Any, count: Any) -> None:
    """work[first + k] = given[k] of `count` cells from `begin` on, k below `rows`."""
    for k in range(np.uint64(rows)):
        for n in range(count):
            work[(np.uint64(first) + k) * BLOCK + n] = given[k * cells + begin + n]


@njit(cache=True, nogil=True)
def scatter(work: Any, first: int, rows: int, taken: Any, cells: Any, begin: Any, count: Any) -> None:
    """The other way."""
    for k in range(np.uint64(rows)):
        for n in range(count):
            taken[k * cells + begin + n] = work[(np.uint64(first) + k) * BLOCK + n]
