"""The weights of a map as one array, whatever holds them, and the same map with others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map
from snndeploy.network.maps.dense import Sparse


def values_of(each: Map) -> Array:
    """All weights of a weighted map; of a sparse matrix those that it stores, in the order of its csr array."""
    given: Any = each
    return np.asarray(given.weight.data if isinstance(each, Sparse) else given.weight)


def with_values(each: Map, values: Array, stored_zeros: bool = True) -> Map:
    """The same map with other weights, shaped as `values_of`, of their own kind of number.

    Args:
        stored_zeros: False: a sparse matrix no longer stores the weights that are zero.
    """
    given: Any = each
    if not isinstance(each, Sparse):
        changed: Map = replace(given, weight=values)
        return changed
    matrix = each.weight.copy()
    matrix.data = values
    if not stored_zeros:
        matrix.eliminate_zeros()
    return replace(each, weight=matrix)
