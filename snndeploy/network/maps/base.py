"""What every linear map offers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from snndeploy.network.arrays import Array

Shape = tuple[int, ...]


def frozen(value: Any) -> Array:
    """Weights keep their kind: whole numbers become int64, everything else float64."""
    given = np.asarray(value)
    array = np.array(given, dtype=np.int64 if given.dtype.kind in "iub" else np.float64)
    array.setflags(write=False)
    return array


class Map:
    """A linear map between shapes. Subclasses are listed in `MAPS`."""

    weighted: ClassVar[bool] = False

    @property
    def taps(self) -> int:
        """How many of the numbers that come in one that goes out is made of, at most."""
        return 1

    def shape_out(self, shape: Shape) -> Shape:
        """The shape that comes out. Raises ValueError with both shapes if `shape` does not fit."""
        raise NotImplementedError

    def apply(self, x: Array) -> Array:
        """`x: number (..., *shape_in)` -> `(..., *shape_out)`; the core shape is the map's last axes."""
        raise NotImplementedError

    def matrix(self, shape: Shape) -> Any:
        """`scipy.sparse.csr_array (prod(shape_out), prod(shape))` with `y.ravel() = M @ x.ravel()`."""
        raise NotImplementedError
