"""A matrix product in the float form that costs nothing for what does not spike, on the CPU.

A row with few numbers other than 0 is a sum of columns of the matrix, in the order of their sources; the others go
through the ordinary product. Which way a row goes depends on that row alone, not on how many are computed together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, uint64
from torch import Tensor

from snndeploy.engines.torch.events import active

# beyond this share of the sources, or for fewer targets than that, the ordinary product is faster
SHARE, TARGETS = 1 / 16, 64


@njit(cache=True, nogil=True, error_model="numpy")
def add_columns(x: Any, words: Any, weight: Any, most: Any, out: Any, left: Any) -> int:
    """out[i] = the sum over k of x[i, k]·weight[k], for rows with no more than `most` numbers other than 0.

    Args:
        x: (rows, sources). words: the same memory as uint64, or (rows, 0). weight: (sources, targets), of one type of
            real numbers. out: (rows, targets).
        left: int64 (rows,), where the other rows are named.

    Returns:
        How many those are.
    """
    found = np.empty(x.shape[1] + 1, np.int64)
    others, targets = 0, uint64(weight.shape[1])
    for i in range(x.shape[0]):
        sums, count = out[i], active(x[i], words[i], found)
        if count > most:
            left[others] = i
            others += 1
            continue
        sums[:] = 0
        for e in range(count):
            times, column = weight.dtype.type(x[i, found[e]]), weight[found[e]]
            if times == 1:
                for n in range(targets):
                    sums[n] += column[n]
            else:
                for n in range(targets):
                    sums[n] += times * column[n]
    return others


class SparseRows:
    """`product(x)`: (rows, ...), bytes or of type `dtype` -> (rows, targets) by a matrix (targets, sources)."""

    def __init__(self, matrix: Any, dtype: torch.dtype):
        self.weight = torch.tensor(np.ascontiguousarray(np.asarray(matrix).T), dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        sources, targets = self.weight.shape
        flat = x.reshape(-1, sources).contiguous()
        out = torch.empty((len(flat), targets), dtype=self.weight.dtype)
        left = np.empty(len(flat), np.int64)
        given = flat.numpy()
        whole = given.dtype == np.uint8 and sources % 8 == 0
        words = given.view(np.uint64) if whole else np.empty((len(given), 0), np.uint64)
        count = add_columns(given, words, self.weight.numpy(), int(sources * SHARE), out.numpy(), left)
        if count == len(flat):
            torch.mm(flat.to(out.dtype), self.weight, out=out)
        elif count:
            rows = torch.from_numpy(left[:count])
            out[rows] = flat[rows].to(out.dtype) @ self.weight
        return out
