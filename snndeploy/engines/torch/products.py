"""Sums of mantissas as products of matrices of bytes, int8 · int8 -> int32."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod

import numpy as np
import torch
from numba import njit
from torch import Tensor

from snndeploy.engines.torch.canonical import Canonical
from snndeploy.engines.torch.patches import fill_patches, patches, pooled, pooling
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv

# the largest number in a signed byte
BYTE = 127


def exact(product: Callable[[Array, Array], Array]) -> bool:
    """Whether products of bytes are exact, on the largest that there are: some units saturate sums of pairs.

    Args:
        product: int8 (rows, inner), int8 (inner, columns) -> int32 (rows, columns).
    """
    rng = np.random.default_rng(0)
    for rows, inner, columns in ((64, 256, 64), (3, 70, 5), (1, 16, 8), (40, 33, 1)):
        x = rng.choice(np.array([0, 1, BYTE], np.int8), (rows, inner))
        w = rng.choice(np.array([-128, BYTE], np.int8), (inner, columns))
        try:
            got = product(x, w)
        except RuntimeError:
            return False
        if not np.array_equal(got, x.astype(np.int64) @ w.astype(np.int64)):
            return False
    return True


@cache
def bytes_are_exact() -> bool:
    """Whether products of bytes are exact on this CPU."""
    return exact(lambda x, w: torch._int_mm(torch.from_numpy(x), torch.from_numpy(w)).numpy())


@njit(cache=True, nogil=True)
def add_sums(x: np.ndarray, times: int, out: np.ndarray) -> None:
    """out[i] += times · the sum of x[i]. x: int8 (rows, n), out: int32 (rows, columns)."""
    for i in range(x.shape[0]):
        total = np.int32(0)
        for k in range(x.shape[1]):
            total += x[i, k]
        for k in range(out.shape[1]):
            out[i, k] += np.int32(times) * total


def fits(chain: Canonical, step: int, largest: int) -> bool:
    """Whether mantissas and what arrives fit bytes.

    Args:
        largest: the largest number that the source emits.
    """
    if not isinstance(chain.core, Conv) or chain.core.groups > 1 or chain.core.weight.size == 0:
        return False
    weight = chain.core.weight
    if weight[0].size * BYTE * 128 >= 2**31:
        return False
    span = (int(weight.max()) - int(weight.min())) // step
    arrives = largest * prod(prod(each.kernel) for each in chain.pools)
    return span < 256 and arrives <= BYTE


def possible(chain: Canonical, step: int, largest: int) -> bool:
    """Whether products of bytes compute a projection on this CPU."""
    return fits(chain, step, largest) and bytes_are_exact()


def byte_weight(conv: Conv, step: int) -> tuple[Array, int]:
    """Mantissas / step as int8 (taps · channels, targets), and the offset by which all are too small."""
    weight = (np.asarray(conv.weight) // step).astype(np.int16)
    low, high = int(weight.min()), int(weight.max())
    # the sum of what arrives makes it good
    offset = 0 if low >= -128 and high <= BYTE else low + 128
    order = (*range(2, weight.ndim), 1, 0)
    matrix = (weight - offset).transpose(order).reshape(-1, weight.shape[0]).astype(np.int8)
    return np.ascontiguousarray(matrix), offset


class ByteProducts:
    """`unit(x, out)`: x uint8 (rows, sources), out int32 (rows, targets)."""

    label = "int8 products"

    def __init__(self, chain: Canonical, step: int, largest: int = BYTE, times: int = 1):
        """`times`: by what the sums are to be multiplied, a power of two; done here as far as what arrives allows."""
        conv = chain.core
        assert isinstance(conv, Conv)
        matrix, self.offset = byte_weight(conv, step)
        self.weight = torch.from_numpy(matrix)
        self.pooling = pooling(chain)
        self.patches = patches(chain)
        arrives = max(1, largest * prod(prod(each.kernel) for each in chain.pools))
        self.factor = 1
        while not self.patches.whole and 2 * self.factor <= times and 2 * self.factor * arrives <= BYTE:
            self.factor *= 2

    @property
    def row_bytes(self) -> int:
        """What a row takes besides its sums."""
        return 0 if self.patches.whole else self.patches.places * self.patches.width

    def cost(self, rows: int, events: int) -> float:
        """How much is to be done, in products."""
        del events
        return float(rows * self.patches.places * self.weight.numel())

    def __call__(self, x: Array, out: Array) -> None:
        x = pooled(x, self.pooling)
        p = self.patches
        if p.whole:
            windows = x
        else:
            windows = np.empty((len(x), p.places, p.width), np.uint8)
            fill_patches(x, p.first, p.source, p.to, p.length, self.factor, windows)
        left = windows.reshape(-1, p.width).view(np.int8)
        sums = out.reshape(len(left), -1)
        product(torch.from_numpy(left), self.weight, torch.from_numpy(sums))
        if self.offset:
            add_sums(left, self.offset, sums)


def product(x: Tensor, weight: Tensor, out: Tensor) -> None:
    torch._int_mm(x, weight, out=out)
