"""Rounding that looks at a whole row: errors of weights that often act together are made to cancel.

Each weight may go to either neighbour on its grid. Starting from the nearest, single weights are moved to the other
neighbour as long as that lowers the row's expected squared error (see `quantize/search.py`)::

    G2·sum_j d_j² s_j² + G1²·(sum_j d_j m_j + what other projections and the bias are off by)²

Weights that the grid holds exactly are never moved. Compare adaptive rounding (Nagel et al., ICML 2020), which learns
the same choice from activations; here the two moments of binary sources are all there is to know.
"""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.quantize.choice import Grid
from snndeploy.quantize.drive import Drive
from snndeploy.quantize.grid import mantissas

MOVES = 64
# columns of a wide row that are looked at: the best for the row's error now, and for what may be left of it later
SHORTLIST = 128
LEFT = (1.0, 1 / 4, 1 / 16, 1 / 64)


def rounded(d: Drive, scale: Array | float, form: Grid, gains: tuple[float, float], drift: Array) -> Array:
    """Mantissas of one projection, float64, shaped as `d.weight`. `drift`: (rows,), what the rest is off by.

    `scale` broadcasts to `d.weight`: (rows, 1), one number, or one per weight of a sparse matrix.
    """
    values = mantissas(d.weight, scale, form)
    if d.row is not None:
        return values
    (low, high), (g1, g2), unit = form.limits, gains, 2.0**form.exponent / scale
    wrong = values * unit - d.weight
    mean, variance = np.broadcast_to(d.mean, wrong.shape), np.broadcast_to(d.variance, wrong.shape)
    total = (wrong * mean).sum(axis=1) + drift
    # to move weight j changes the row's error by cost_j + total·slope_j
    move = -np.sign(wrong) * form.step
    reach = move * unit * mean
    cost = g2 * variance * move * unit * (2 * wrong + move * unit) + (g1 * reach) ** 2
    cost = np.where((move != 0) & (values + move >= low) & (values + move <= high), cost, np.inf)
    slope = 2 * g1**2 * reach
    columns = _shortlist(cost, slope, total)
    cost, slope, reach = (np.take_along_axis(y, columns, axis=1) for y in (cost, slope, reach))
    cost[:, 1:][columns[:, 1:] == columns[:, :-1]] = np.inf  # listed twice
    # only rows that still gain are looked at again
    rows = np.arange(len(values))
    for _ in range(MOVES):
        gain = cost[rows] + total[rows, None] * slope[rows]
        best = gain.argmin(axis=1)
        better = gain[np.arange(len(rows)), best] < 0
        rows, best = rows[better], best[better]
        if not rows.size:
            break
        at = columns[rows, best]
        values[rows, at] += move[rows, at]
        total[rows] += reach[rows, best]
        cost[rows, best] = np.inf  # a weight moves once
    return values


def _shortlist(cost: Array, slope: Array, total: Array) -> Array:
    """Columns worth a look, (rows, few) in order; all of a narrow row."""
    rows, width = cost.shape
    if width <= len(LEFT) * SHORTLIST:
        return np.broadcast_to(np.arange(width), (rows, width))
    parts = [np.argpartition(cost + (total * left)[:, None] * slope, SHORTLIST, axis=1)[:, :SHORTLIST] for left in LEFT]
    return np.sort(np.concatenate(parts, axis=1), axis=1)
