"""Scale, exponents, clipping and rounding by the spikes: whichever moves the fewest threshold crossings.

For the scales with the least expected error, every row is rounded in three ways ("membranes", "adaptive", nearest), the
population runs in integers on the float spikes of the calibration, and each row takes the rounding that moved the
fewest of its spikes: rows do not touch each other there. Then the scale with the fewest in all is taken. Without
calibration it is "adaptive".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.quantize.flips import flips
from snndeploy.quantize.grid import mantissas
from snndeploy.quantize.methods import membranes
from snndeploy.quantize.methods.base import Method, chosen
from snndeploy.quantize.search import Draft, Search


def fit(case: Search, draft: Draft) -> tuple[Sequence[Array], float]:
    """The best of three roundings for each row; the error is the number of moved bins, E between equals."""
    values, error = case.fitted(draft.scale, draft.grids)
    if case.evidence is None:
        return values, error
    pairs = list(zip(case.drives, draft.grids, strict=True))
    nearest = [mantissas(d.weight, case.row_scale(draft.scale, d), grid) for d, grid in pairs]
    ways: list[Sequence[Array]] = [membranes.fit(case, draft)[0], values, nearest]
    moved = np.stack([together(case, flips(case, chosen(draft, way, 0.0))) for way in ways])
    best: list[Array] = []
    for i, d in enumerate(case.drives):
        if d.row is not None:
            pick = moved.reshape(len(ways), -1).argmin(axis=0)[d.row]
        else:
            pick = np.stack([case.per_row(m, d.row_count) for m in moved]).argmin(axis=0)[:, None]
        best.append(np.choose(pick, [way[i] for way in ways]))
    return best, float(moved.min(axis=0).sum()) + error / (1 + error)


def together(case: Search, moved: Array) -> Array:
    """Neurons that share a row share its mean, (*shape)."""
    kinds = {d.shared for d in case.drives} - {"nothing"}
    if not kinds or len(case.shape) == 1:
        return moved
    axes = tuple(range(1, moved.ndim)) if kinds == {"channel"} else tuple(range(moved.ndim))
    return np.asarray(np.broadcast_to(moved.mean(axis=axes, keepdims=True), case.shape))


METHOD = Method("spike-flip", "scale, clip and rounding that move the fewest threshold crossings", fit=fit, finalists=3)
