"""Linear maps: what a projection does to spikes on their way.

Each map is one frozen dataclass with three methods that every engine can rely on:
`shape_out(shape)`, `apply(x)` on arrays with any leading axes, and `matrix(shape)`, the same map as a sparse
matrix over flattened (row-major) vectors. Weights are float64 in the float form and int64 in the integer form.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map, Shape
from snndeploy.network.maps.conv import Conv
from snndeploy.network.maps.dense import Dense, Sparse
from snndeploy.network.maps.limits import ENTRIES_LIMIT, at_most, check_entries, check_matrix
from snndeploy.network.maps.pool import Pool
from snndeploy.network.maps.scale import Scale
from snndeploy.network.maps.shapes import Flatten, Reshape
from snndeploy.network.maps.weights import values_of, with_values

__all__ = [
    "ENTRIES_LIMIT",
    "MAPS",
    "Conv",
    "Dense",
    "Flatten",
    "Map",
    "Pool",
    "Reshape",
    "Scale",
    "Shape",
    "Sparse",
    "at_most",
    "chain_apply",
    "chain_matrix",
    "chain_shape",
    "chain_work",
    "check_entries",
    "values_of",
    "with_values",
]

MAPS: tuple[type[Map], ...] = (Dense, Sparse, Conv, Pool, Flatten, Reshape, Scale)


def chain_shape(maps: tuple[Map, ...], shape: Shape) -> Shape:
    """The shape behind a chain of maps. Raises ValueError where one does not fit."""
    for each in maps:
        shape = each.shape_out(shape)
    return shape


def chain_work(maps: tuple[Map, ...], shape: Shape) -> int:
    """What one `chain_apply` takes, in numbers that are written: 64 products of a matrix count as one."""
    total = 0
    for each in maps:
        out = each.shape_out(shape)
        match each:
            case Conv():
                padded = shape[0] * prod(n + sum(p) for n, p in zip(shape[1:], each.padding, strict=True))
                total += padded + prod(out[1:]) * each.taps * each.groups
            case Pool():
                total += prod(out) * each.taps
        total += prod(out) * max(1, each.taps // 64)
        shape = out
    return total


def chain_apply(maps: tuple[Map, ...], x: Array) -> Array:
    """`x: (..., *shape)` through all maps."""
    for each in maps:
        x = each.apply(x)
    return x


def chain_matrix(maps: tuple[Map, ...], shape: Shape) -> Any:
    """The whole chain as one `csr_array (prod(shape_out), prod(shape))`, without stored zeros.

    Raises:
        SnnDeployError SD115: it has more than ENTRIES_LIMIT synapses.
    """
    from scipy import sparse

    check_entries(prod(shape), f"one to one on {shape}")
    arrives, reach = shape, 1
    for each in maps:
        before, reach = reach, min(prod(shape), reach * each.taps)
        check_matrix(each, arrives, before, reach)
        arrives = each.shape_out(arrives)
    whole = sparse.csr_array(sparse.eye_array(prod(shape), dtype=np.int64))
    for each in maps:
        whole = sparse.csr_array(each.matrix(shape) @ whole)
        shape = each.shape_out(shape)
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole
