"""Maps that move numbers to another shape: flatten and reshape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map, Shape


@dataclass(frozen=True, eq=False)
class Flatten(Map):
    """Axes `start`..`end` of the shape (without time and batch) become one, row-major."""

    start: int = 0
    end: int = -1
    rank: int = 3

    def _span(self) -> tuple[int, int]:
        return self.start % self.rank, self.end % self.rank

    def shape_out(self, shape: Shape) -> Shape:
        if len(shape) != self.rank:
            raise ValueError(f"a flatten of {self.rank} axes cannot take {shape}")
        inside = all(-self.rank <= axis < self.rank for axis in (self.start, self.end))
        if not inside or self._span()[0] > self._span()[1]:
            raise ValueError(f"a flatten of axes {self.start}..{self.end} cannot take {shape}")
        start, end = self._span()
        return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])

    def apply(self, x: Array) -> Array:
        shape = x.shape[x.ndim - self.rank :]
        return x.reshape(*x.shape[: x.ndim - self.rank], *self.shape_out(shape))

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        self.shape_out(shape)
        return sparse.csr_array(sparse.eye_array(prod(shape), dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Reshape(Map):
    """The same numbers, row-major, in a shape of as many: what a flatten does not say, as `nn.Unflatten`."""

    shape_from: Shape
    shape_to: Shape

    def shape_out(self, shape: Shape) -> Shape:
        fits = prod(self.shape_from) == prod(self.shape_to) and min(self.shape_to, default=1) > 0
        if shape != self.shape_from or not fits:
            raise ValueError(f"a reshape of {self.shape_from} to {self.shape_to} cannot take {shape}")
        return self.shape_to

    def apply(self, x: Array) -> Array:
        return x.reshape(*x.shape[: x.ndim - len(self.shape_from)], *self.shape_to)

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        self.shape_out(shape)
        return sparse.csr_array(sparse.eye_array(prod(shape), dtype=np.int64))
