"""A factor per element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map, Shape, frozen


@dataclass(frozen=True, eq=False)
class Scale(Map):
    """y = factor · x, element by element. `factor` broadcasts to the shape that comes in."""

    factor: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", frozen(self.factor))

    def shape_out(self, shape: Shape) -> Shape:
        try:
            fits = np.broadcast_shapes(self.factor.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"a scale of shape {self.factor.shape} cannot take {shape}")
        return shape

    def apply(self, x: Array) -> Array:
        return x * self.factor

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        factor = np.broadcast_to(self.factor, self.shape_out(shape)).ravel()
        return sparse.csr_array(sparse.diags_array(factor, dtype=factor.dtype))
