"""Adaptive rounding against the float membranes: each row takes the integers whose membrane stays closest to them.

The first rounding is that of "adaptive"; then single weights and pairs are moved to other places of their grid as long
as the summed squared error of the membrane on the calibration falls (`quantize/evidence.py`, `quantize/lattice.py`).
Weights that a grid holds exactly stay. Without calibration, and for layers that have no quadratic form, it is
"adaptive". Compare Nagel et al., "Up or down? Adaptive rounding for post-training quantization", ICML 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.quantize.lattice import descend
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.search import Draft, Search


def fit(case: Search, draft: Draft) -> tuple[Sequence[Array], float]:
    """Mantissas, and their error: the mean of the form over rows, in thresholds, and what else E has."""
    values, error = case.fitted(draft.scale, draft.grids)
    form = case.form
    if form is None:
        return values, error
    rows, m = form.weight.shape
    x, step, low, high = (np.zeros((rows, m)) for _ in range(4))
    units = [2.0**g.exponent / case.row_scale(draft.scale, d) for d, g in zip(case.drives, draft.grids, strict=True)]
    for block in form.blocks:
        at = slice(block.start, block.stop)
        for i in block.members:
            d, grid, unit = case.drives[i], draft.grids[i], units[i]
            owned = d.weight != 0
            x[:, at] += values[i] * unit
            free = owned & (values[i] * unit != d.weight)
            step[:, at] += np.where(free, grid.step * unit, 0.0)
            low[:, at] += np.where(free, grid.limits[0] * unit, 0.0)
            high[:, at] += np.where(free, grid.limits[1] * unit, 0.0)
    x = descend(x, step, low, high, form.quadratic, form.wish)
    for block in form.blocks:
        for i in block.members:
            owned = case.drives[i].weight != 0
            values[i] = np.where(owned, np.rint(x[:, block.start : block.stop] / units[i]), 0.0)
    theta = case.per_row(case.theta, rows)
    return values, float(np.mean(form.loss(x) / theta**2)) + case.own_error(draft.scale)


METHOD = Method("membranes", "integers whose membranes stay closest to the float ones on the calibration", fit=fit)
