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
from snndeploy.network.registers import Format
from snndeploy.quantize.drive import Drive
from snndeploy.quantize.grid import mantissas

MOVES = 64


def rounded(d: Drive, scale: float, form: Format, gains: tuple[float, float], drift: Array) -> Array:
    """Mantissas of one projection, float64, shaped as `d.weight`. `drift`: (rows,), what the rest is off by."""
    values = mantissas(d.weight, scale, form)
    if d.row is not None:
        return values
    (low, high), (g1, g2), unit = form.limits, gains, 2.0**form.exponent / scale
    wrong = values * unit - d.weight
    mean, variance = np.broadcast_to(d.mean, wrong.shape), np.broadcast_to(d.variance, wrong.shape)
    # only rows that still gain are looked at again
    rows = np.arange(len(values))
    for _ in range(MOVES):
        w, m, s = wrong[rows], mean[rows], variance[rows]
        move = -np.sign(w) * form.step
        there = values[rows] + move
        total = (w * m).sum(axis=1, keepdims=True) + drift[rows, None]
        by = move * unit
        gain = g2 * s * by * (2 * w + by) + g1**2 * by * m * (2 * total + by * m)
        gain = np.where((move != 0) & (there >= low) & (there <= high), gain, np.inf)
        best = gain.argmin(axis=1)
        better = gain[np.arange(len(rows)), best] < 0
        rows, best = rows[better], best[better]
        if not rows.size:
            break
        values[rows, best] += move[better, best]
        wrong[rows, best] += by[better, best]
    return values
