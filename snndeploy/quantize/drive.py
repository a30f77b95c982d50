"""What a projection sees of its source: each weight with the moments of what meets it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Map, Sparse, chain_apply
from snndeploy.network.network import Projection
from snndeploy.quantize.activity import Activity

Shared = Literal["nothing", "channel", "rows"]


@dataclass(frozen=True, eq=False)
class Drive:
    """One projection's weights with the moments of what meets them.

    weight: (rows, fan-in), a row per neuron or output channel; or flat with `row`. mean, variance: broadcast to it.
    shared: what else has the same row: "nothing", all places of a "channel", or all "rows" in front of the last axis.
    """

    weight: Array
    mean: Array
    variance: Array
    row: Array | None = None
    rows: int = 0
    shared: Shared = "nothing"

    @property
    def row_count(self) -> int:
        return self.rows if self.row is not None else len(self.weight)

    @cached_property
    def ends(self) -> Array:
        """The smallest and the largest weight."""
        return np.array([self.weight.min(), self.weight.max()] if self.weight.size else [])

    def scaled_ends(self, scale: Array) -> Array:
        """The smallest and the largest of the weights times a scale that broadcasts to them."""
        scaled = self.weight * scale
        return np.array([scaled.min(), scaled.max()] if scaled.size else [])

    def part(self, most: int) -> tuple[Drive, slice]:
        """Every n-th row, so that about `most` weights are left, and which rows these are."""
        every = slice(None, None, 1 if self.row is not None else max(1, self.weight.size // most))
        if every.step == 1:
            return self, every
        mean, variance = (m if m.ndim < 2 else m[every] for m in (self.mean, self.variance))
        return replace(self, weight=self.weight[every], mean=mean, variance=variance), every

    def error(self, wrong: Array) -> tuple[Array, Array]:
        """(sum_j d_j² s_j², sum_j d_j m_j) per row."""
        squared, shift = wrong * wrong * self.variance, wrong * self.mean
        if self.row is None:
            return squared.sum(axis=-1), shift.sum(axis=-1)
        return np.bincount(self.row, squared, self.rows), np.bincount(self.row, shift, self.rows)


def weighted_map(p: Projection) -> tuple[int, Map]:
    """Position and value of the one weighted map of a merged projection."""
    return next((i, each) for i, each in enumerate(p.maps) if each.weighted)


def drive(p: Projection, activity: Activity) -> Drive:
    """What `p` sees, from the moments of its source."""
    at, each = weighted_map(p)
    mean, variance = (chain_apply(p.maps[:at], moment[p.source]) for moment in (activity.mean, activity.variance))
    match each:
        case Dense():
            axes = tuple(range(mean.ndim - 1))
            return Drive(
                each.weight, mean.mean(axis=axes), variance.mean(axis=axes), shared="rows" if axes else "nothing"
            )
        case Conv():
            out, per = each.weight.shape[:2]
            channel = (np.arange(out) // (out // each.groups))[:, None] * per + np.arange(per)
            axes = tuple(range(1, mean.ndim))
            taps = int(np.prod(each.kernel))
            mean, variance = (np.repeat(m.mean(axis=axes)[channel], taps, axis=1) for m in (mean, variance))
            return Drive(each.weight.reshape(out, -1), mean, variance, shared="channel")
        case Sparse():
            matrix = each.weight
            row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            return Drive(
                matrix.data, mean.ravel()[matrix.indices], variance.ravel()[matrix.indices], row, matrix.shape[0]
            )
    raise TypeError(f"{type(each).__name__} has no weights")
