"""Parameters as read-only arrays: one place that converts, freezes and compares them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# Fields that take any number or array and hold a read-only array once the dataclass is built.
Numbers = Any


def freeze(value: Numbers, dtype: type = np.float64) -> Array:
    """A read-only copy of `value` as `dtype`; scalars become 0-d arrays.

    Raises:
        ValueError: `dtype` is an integer type and a value is not a whole number in its range.
    """
    given = np.asarray(value)
    array: Array = np.array(given, dtype=dtype)
    if np.issubdtype(dtype, np.integer) and not np.array_equal(array, given):
        raise ValueError(f"not whole numbers: {given!r}")
    array.setflags(write=False)
    return array


def equal(a: Any, b: Any) -> bool:
    """True if two dataclasses, sequences or arrays hold the same types and the same values, bit for bit.

    NaN equals NaN, and 0.0 differs from -0.0: this is about what is stored, not about arithmetic.
    """
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if type(a) is not type(b):
        return False
    if hasattr(a, "tocsr"):
        return a.shape == b.shape and all(equal(getattr(a, n), getattr(b, n)) for n in ("data", "indices", "indptr"))
    if dataclasses.is_dataclass(a):
        names = [field.name for field in dataclasses.fields(a) if field.compare]
        return all(equal(getattr(a, name), getattr(b, name)) for name in names)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
