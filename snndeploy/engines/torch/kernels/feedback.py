"""Projections of a population onto itself, column by column: what one spike of a source adds to its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Network, Projection

# above this share of filled places, a matrix is kept with its zeros
DENSE_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Feedback:
    """All of them, in the order of the network.

    Attributes:
        start: int64 (projections, sources + 1), into `target` and `weight`.
        target: int64; weight: of the type of the states.
        links: int64 (projections, 4): delay, exponent, receptor, and 1 where each column has all targets in order.
    """

    start: Array
    target: Array
    weight: Array
    links: Array

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """What a kernel takes."""
        return self.start, self.target, self.weight, self.links

    @cached_property
    def reach(self) -> int:
        """Steps before the first one that are looked at."""
        return int(self.links[:, 0].max(initial=0))


def joined(parts: Sequence[Array], dtype: Any) -> Array:
    whole: Array = np.concatenate([np.zeros(0, np.int64), *parts])
    return whole.astype(dtype)


def nothing(size: int, dtype: Any) -> Feedback:
    return Feedback(
        np.zeros((0, size + 1), np.int64), joined([], np.int64), joined([], dtype), np.zeros((0, 4), np.int64)
    )


def feedback(network: Network, projections: Sequence[Projection], size: int, dtype: Any, value: Array) -> Feedback:
    """The projections of a population of `size` neurons onto itself.

    Args:
        value: what one spike of each neuron emits.
    """
    if not projections:
        return nothing(size, dtype)
    starts, targets, weights, links, first = [], [], [], [], 0
    for p in projections:
        matrix = chain_matrix(p.maps, network.shapes[p.source]).tocsc()
        matrix.sort_indices()
        dense = matrix.nnz > DENSE_SHARE * size * size
        if dense:
            indptr, indices = np.arange(size + 1) * size, np.tile(np.arange(size), size)
            data = matrix.toarray().T.ravel()
        else:
            indptr, indices, data = matrix.indptr.astype(np.int64), matrix.indices, matrix.data
        starts.append(indptr + first)
        targets.append(indices)
        weights.append(data.astype(dtype) * np.repeat(value.astype(dtype), np.diff(indptr)))
        links.append((p.delay, 0 if p.format is None else p.format.exponent, p.receptor, int(dense)))
        first += len(data)
    return Feedback(
        np.array(starts, np.int64), joined(targets, np.int64), joined(weights, dtype), np.array(links, np.int64)
    )
