"""Operations that only move numbers, as maps: reshapes, slices, permutations, zero padding, repetition.

What such an operation does is seen by running it on numbers that say where they come from, so that no argument needs
an interpretation of its own; a second run, on random numbers, proves that nothing was computed on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch

from snndeploy.frontends.value import Affine
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Reshape, Shape, Sparse

# a selection of a row of numbers is a dense matrix up to this many weights
DENSE_LIMIT = 2**20


def places(shape: Shape) -> torch.Tensor:
    """1, 2, 3, ... in `shape`."""
    return torch.arange(1, prod(shape) + 1, dtype=torch.float64).reshape(shape)


def moved(run: Callable[[torch.Tensor], torch.Tensor], shape: Shape) -> Array | None:
    """int64, the shape that comes out: for each number, which one of `shape` it is (from 1, row-major), or 0 for zero.

    None where `run` does more than move numbers and fill in zeros.
    """
    came = run(places(shape)).numpy()
    noise = np.random.default_rng(0).uniform(1, 2, prod(shape))
    if not np.isfinite(came).all() or came.min(initial=0) < 0 or came.max(initial=0) > prod(shape):
        return None
    found = came.astype(np.int64)
    again = run(torch.from_numpy(noise.reshape(shape))).numpy()
    return found if np.array_equal(np.concatenate([[0.0], noise])[found], again) else None


def selection(found: Array, before: Shape) -> Affine:
    """The map of `found` (see `moved`) from a value of shape `before`: one object for the same places."""
    return _selection(np.ascontiguousarray(found, np.int64).tobytes(), before, found.shape)


@lru_cache(maxsize=256)
def _selection(data: bytes, before: Shape, after: Shape) -> Affine:
    found = np.frombuffer(data, np.int64).reshape(after)
    if found.size == prod(before) and np.array_equal(found.ravel(), np.arange(1, found.size + 1)):
        return reshaping(before, after)
    each = _rows(found, before) or _channels(found, before) or _padding(found, before)
    return Affine((each or _sparse(found, before),))


def reshaping(before: Shape, after: Shape) -> Affine:
    """Nothing, a flatten of neighbouring axes, or a reshape."""
    if before == after:
        return Affine()
    for start in range(len(before)):
        for end in range(start + 1, len(before)):
            if (*before[:start], prod(before[start : end + 1]), *before[end + 1 :]) == after:
                return Affine((Flatten(start, end, len(before)),))
    return Affine((Reshape(before, after),))


def ones(found: Array, size: int) -> Any:
    """The zeros and ones that bring a row of `size` numbers to `found`, as a sparse matrix."""
    from scipy import sparse

    row = found.ravel()
    to = np.flatnonzero(row)
    return sparse.csr_array(sparse.coo_array((np.ones(to.size), (to, row[to] - 1)), shape=(row.size, size)))


def _rows(found: Array, before: Shape) -> Map | None:
    if len(before) != 1 or found.ndim != 1 or found.size * before[0] > DENSE_LIMIT:
        return None
    return Dense(ones(found, before[0]).toarray())


def _channels(found: Array, before: Shape) -> Map | None:
    """Whole channels of an image, by a kernel of one place."""
    if len(before) not in (2, 3) or found.shape[1:] != before[1:]:
        return None
    whole = np.concatenate([np.zeros((1, *before[1:]), np.int64), np.arange(1, prod(before) + 1).reshape(before)])
    first = found.reshape(len(found), -1)[:, 0]
    channel = np.where(first > 0, (first - 1) // prod(before[1:]) + 1, 0)
    if not np.array_equal(whole[channel], found):
        return None
    dims = len(before) - 1
    weight = ones(channel, before[0]).toarray().reshape(len(found), before[0], *(1,) * dims)
    return Conv(weight, (1,) * dims, ((0, 0),) * dims, (1,) * dims)


def _padding(found: Array, before: Shape) -> Map | None:
    """Zeros around an image, which a convolution can take into its own padding."""
    if len(before) not in (2, 3) or found.ndim != len(before) or len(found) != before[0] or not found.any():
        return None
    inside = [np.flatnonzero(found.any(axis=tuple(b for b in range(found.ndim) if b != a))) for a in range(found.ndim)]
    pads = tuple((int(each[0]), int(n - 1 - each[-1])) for each, n in zip(inside, found.shape, strict=True))
    whole = np.arange(1, prod(before) + 1).reshape(before)
    if tuple(n - a - b for n, (a, b) in zip(found.shape, pads, strict=True)) != before or any(pads[0]):
        return None
    if not np.array_equal(np.pad(whole, pads), found):
        return None
    dims = len(before) - 1
    weight = np.ones((before[0], 1, *(1,) * dims))
    return Conv(weight, (1,) * dims, pads[1:], (1,) * dims, before[0])


def _sparse(found: Array, before: Shape) -> Map:
    return Sparse(ones(found, prod(before)), before, found.shape)
