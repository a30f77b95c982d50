"""Sums and averages over windows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Literal

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map, Shape
from snndeploy.network.maps.limits import check_matrix


@dataclass(frozen=True, eq=False)
class Pool(Map):
    """Sum or average over windows, torch's convention, in one or two dimensions.

    Attributes:
        kind: "sum", or "average" (the sum divided by the window's size, where zeros of the padding count if
            `count_include_pad`).
        padding: zeros on both sides per spatial axis.
        ceil_mode: windows may leave the padded input, if they start inside it.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] = (0, 0)
    kind: Literal["sum", "average"] = "average"
    ceil_mode: bool = False
    count_include_pad: bool = True

    @property
    def taps(self) -> int:
        return prod(self.kernel)

    def shape_out(self, shape: Shape) -> Shape:
        dims = len(self.kernel)
        if len(shape) != dims + 1 or any(len(part) != dims for part in (self.stride, self.padding)):
            raise ValueError(f"a pool of {self.kernel} cannot take {shape}")
        if min(*self.kernel, *self.stride) < 1 or any(
            not 0 <= 2 * p <= k for p, k in zip(self.padding, self.kernel, strict=True)
        ):
            raise ValueError(
                f"a pool cannot take {shape} with kernel {self.kernel}, stride {self.stride}, padding {self.padding}: "
                "padding is 0 to half the kernel, the rest at least 1"
            )
        space = []
        for n, k, s, p in zip(shape[1:], self.kernel, self.stride, self.padding, strict=True):
            span = n + 2 * p - k
            count = (-(-span // s) if self.ceil_mode else span // s) + 1
            if self.ceil_mode and (count - 1) * s >= n + p:
                count -= 1
            space.append(count)
        if min(space) < 1:
            raise ValueError(f"a pool of {self.kernel} is larger than its padded input {shape}")
        return (shape[0], *space)

    def apply(self, x: Array) -> Array:
        dims = len(self.kernel)
        lead, shape = x.shape[: -dims - 1], x.shape[-dims - 1 :]
        flat = x.reshape(prod(lead), prod(shape))
        return np.asarray((_pool_matrix(self, shape) @ flat.T).T).reshape(*lead, *self.shape_out(shape))

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        space = self.shape_out(shape)[1:]
        check_matrix(self, shape)
        whole: Any = None
        for axis, (n, k, s, p) in enumerate(zip(shape[1:], self.kernel, self.stride, self.padding, strict=True)):
            at = np.arange(space[axis])[:, None] * s + np.arange(k) - p
            keep = (at >= 0) & (at < n)
            where = (np.broadcast_to(np.arange(space[axis])[:, None], at.shape)[keep], at[keep])
            line = sparse.csr_array(sparse.coo_array((np.ones(keep.sum(), np.int64), where), (space[axis], n)))
            whole = line if whole is None else sparse.kron(whole, line)
        if self.kind == "average":
            sizes = np.ones(1)
            for axis, (n, k, s, p) in enumerate(zip(shape[1:], self.kernel, self.stride, self.padding, strict=True)):
                start = np.arange(space[axis]) * s - p
                end = np.minimum(start + k, n + p)
                size = end - start if self.count_include_pad else np.minimum(end, n) - np.maximum(start, 0)
                sizes = np.multiply.outer(sizes, size).ravel()
            whole = sparse.diags_array(1.0 / sizes) @ whole
        return sparse.csr_array(sparse.kron(sparse.eye_array(shape[0], dtype=np.int64), whole))


@lru_cache(maxsize=64)
def _pool_matrix(pool: Pool, shape: Shape) -> Any:
    """A pool is applied at every step: its matrix is built once."""
    return pool.matrix(shape)
