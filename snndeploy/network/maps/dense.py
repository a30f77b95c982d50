"""A weight per pair of elements: a dense matrix, or a sparse one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map, Shape, frozen
from snndeploy.network.maps.limits import check_matrix


@dataclass(frozen=True, eq=False)
class Dense(Map):
    """y = W x on the last axis. `weight: (out, in)`. Shape (..., in) -> (..., out)."""

    weight: Array
    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen(self.weight))

    @property
    def taps(self) -> int:
        return int(self.weight.shape[1])

    def shape_out(self, shape: Shape) -> Shape:
        if self.weight.ndim != 2 or not shape or shape[-1] != self.weight.shape[1]:
            raise ValueError(f"a dense weight of shape {self.weight.shape} cannot take {shape}")
        return (*shape[:-1], self.weight.shape[0])

    def apply(self, x: Array) -> Array:
        return x @ self.weight.T

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        self.shape_out(shape)
        check_matrix(self, shape)
        rows = prod(shape[:-1])
        one = sparse.csr_array(self.weight)
        return one if rows == 1 else sparse.csr_array(sparse.kron(sparse.eye_array(rows, dtype=one.dtype), one))


@dataclass(frozen=True, eq=False)
class Sparse(Map):
    """y = W x on the flattened array, W a `scipy.sparse.csr_array (prod(shape_to), prod(shape_from))`."""

    weight: Any
    shape_from: Shape
    shape_to: Shape
    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        from scipy import sparse

        weight = sparse.csr_array(self.weight, copy=True)
        weight = weight.astype(np.int64 if weight.dtype.kind in "iub" else np.float64)
        weight.sum_duplicates()
        object.__setattr__(self, "weight", weight)

    @property
    def taps(self) -> int:
        return int(np.diff(self.weight.indptr).max(initial=0))

    def shape_out(self, shape: Shape) -> Shape:
        if shape != self.shape_from or self.weight.shape != (prod(self.shape_to), prod(self.shape_from)):
            raise ValueError(f"a sparse weight for {self.shape_from} -> {self.shape_to} cannot take {shape}")
        return self.shape_to

    def apply(self, x: Array) -> Array:
        lead = x.shape[: x.ndim - len(self.shape_from)]
        flat = x.reshape(prod(lead), -1)
        return np.asarray((self.weight @ flat.T).T).reshape(*lead, *self.shape_to)

    def matrix(self, shape: Shape) -> Any:
        self.shape_out(shape)
        return self.weight
