"""A sparse matrix in a graph: ONNX's own sparse tensors run nowhere."""

from __future__ import annotations

from math import prod

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Sparse, check_entries

# below this size, or above a tenth of filled places, a sparse matrix is multiplied as a dense one
DENSE_SIZE, DENSE_SHARE = 2**20, 0.1


def dense(each: Sparse) -> Array | None:
    """The whole matrix, or None where that would waste memory."""
    rows, columns = each.weight.shape
    if each.weight.nnz <= DENSE_SHARE * rows * columns and rows * columns > DENSE_SIZE:
        return None
    return np.asarray(each.weight.toarray())


def rows_of(each: Sparse) -> tuple[Array, Array]:
    """Places int64 (rows, taps) and weights of every row, filled up with weights of zero."""
    matrix, taps = each.weight, max(1, each.taps)
    check_entries(prod((matrix.shape[0], taps)), f"sparse {matrix.shape}")
    at = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places: Array = np.zeros((matrix.shape[0], taps), np.int64)
    weights: Array = np.zeros((matrix.shape[0], taps), matrix.data.dtype)
    places[row, at], weights[row, at] = matrix.indices, matrix.data
    return places, weights
