"""Integers that minimise a quadratic form: from a first rounding, by steps of one weight and of two at a time.

    E(x) = x^T H x - 2 g^T x     x_j on a grid of its own; moving x_j by d changes E by 2 d (H x - g)_j + d² H_jj

Finding the nearest point of a lattice is hard in general; steps of one and two coordinates find a point from which no
such step leads down. Compare adaptive rounding (Nagel et al., ICML 2020) and GPTQ (Frantar et al., ICLR 2023).
"""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array

SINGLES = 400
PAIRS = 400
ROUNDS = 4
# columns up to which all pairs are tried
PAIRED = 96
# rows whose pairs are held at a time
AT_ONCE = 2**24


def descend(x: Array, step: Array, low: Array, high: Array, h: Array, g: Array) -> Array:
    """Lowers E for every row; returns new x.

    Args:
        x, step, low, high: float64 (rows, m), in one unit; a step of 0 holds a weight.
        h: (rows or 1, m, m); g: (rows, m).
    """
    x = x.copy()
    gradient = (np.matmul(h, x[..., None])[..., 0] if len(h) > 1 or len(x) == 1 else x @ h[0]) - g
    diagonal = np.broadcast_to(np.einsum("rjj->rj", h), x.shape)
    at_once = max(1, AT_ONCE // (4 * x.shape[1] ** 2))
    for _ in range(ROUNDS):
        _singles(x, gradient, step, low, high, h, diagonal)
        if x.shape[1] > PAIRED:
            break
        moved = False
        for start in range(0, len(x), at_once):
            part = slice(start, start + at_once)
            own = h[part] if len(h) > 1 else h
            moved |= _pairs(x[part], gradient[part], step[part], low[part], high[part], own, diagonal[part])
        if not moved:
            break
    return x


def _moves(x: Array, gradient: Array, step: Array, low: Array, high: Array, diagonal: Array) -> tuple[Array, Array]:
    """(step, change of E) of going up and down, (2, rows, m); inf where that is not allowed."""
    tiny = 1e-9 * step
    d = np.stack([step, -step])
    allowed = (step > 0) & np.stack([x + step <= high + tiny, x - step >= low - tiny])
    return d, np.where(allowed, 2 * d * gradient + d**2 * diagonal, np.inf)


def _column(h: Array, rows: Array, j: Array) -> Array:
    return h[rows, :, j] if len(h) > 1 else h[0].T[j]


def _singles(x: Array, gradient: Array, step: Array, low: Array, high: Array, h: Array, diagonal: Array) -> None:
    rows = np.arange(len(x))
    for _ in range(SINGLES):
        d, change = _moves(x[rows], gradient[rows], step[rows], low[rows], high[rows], diagonal[rows])
        flat = change.transpose(1, 0, 2).reshape(len(rows), -1)
        best = flat.argmin(axis=1)
        better = flat[np.arange(len(rows)), best] < -1e-12 * np.abs(diagonal[rows]).max(axis=1) * _unit(step[rows])
        if not better.any():
            return
        side, j = np.divmod(best, x.shape[1])
        d = d[side, np.arange(len(rows)), j][better]
        rows, j = rows[better], j[better]
        x[rows, j] += d
        gradient[rows] += d[:, None] * _column(h, rows, j)


def _unit(step: Array) -> Array:
    return np.asarray(step.max(axis=1) ** 2)


def _pairs(x: Array, gradient: Array, step: Array, low: Array, high: Array, h: Array, diagonal: Array) -> bool:
    rows, m = np.arange(len(x)), x.shape[1]
    for count in range(PAIRS):
        d, change = _moves(x[rows], gradient[rows], step[rows], low[rows], high[rows], diagonal[rows])
        one, d = change.transpose(1, 0, 2).reshape(len(rows), -1), d.transpose(1, 0, 2).reshape(len(rows), -1)
        own = h[rows] if len(h) > 1 else h
        both = np.tile(own, (1, 2, 2)) * (d[:, :, None] * d[:, None, :]) * 2
        total = one[:, :, None] + one[:, None, :] + both
        index = np.arange(2 * m)
        total[:, index[:, None] % m == index[None] % m] = np.inf
        flat = total.reshape(len(rows), -1)
        best = flat.argmin(axis=1)
        better = flat[np.arange(len(rows)), best] < -1e-12 * np.abs(diagonal[rows]).max(axis=1) * _unit(step[rows])
        if not better.any():
            return count > 0
        first, second = np.divmod(best, 2 * m)
        here = np.arange(len(rows))
        moves = [(p[better] % m, d[here, p][better]) for p in (first, second)]
        rows = rows[better]
        for j, by in moves:
            x[rows, j] += by
            gradient[rows] += by[:, None] * _column(h, rows, j)
    return True
