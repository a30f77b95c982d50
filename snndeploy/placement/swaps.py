"""Local search: the swap of two cores, or the move of one to a free site, that helps most, until none helps."""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array

# a swap must save this part of the cost, or rounding could swap for ever
LEAST = 1e-9
# numbers that are looked at in all: swaps end there where a problem is very large
WORK = 2**27


def improved(flow: Array, apart: Array, fixed: Array, start: Array) -> Array:
    """A local minimum of Σ over pairs flow[i, j]·apart[s_i, s_j] + Σ fixed[i, s_i] over places s.

    The saving of every swap is known at any time: G[i, s] = Σ_j flow[i, j]·apart[s, s_j] + fixed[i, s] is what i alone
    costs at s; a swap changes it by an outer product. The lowest numbers win a tie.

    Args:
        flow: float64 (n, n), symmetric, zero on the diagonal.
        apart: float64 (m, m), symmetric, zero on the diagonal, m ≥ n places.
        fixed: float64 (n, m), what i costs at a place by itself.
        start: int64 (n,), different places.

    Returns:
        int64 (n,), different places.
    """
    n, m = len(start), len(apart)
    # whoever has no flow fills the free places, so that a move is a swap
    flows = np.zeros((m, m))
    flows[:n, :n] = flow
    alone = np.zeros((m, m))
    alone[:n] = fixed
    place = np.concatenate([start, np.setdiff1d(np.arange(m), start)])
    costs = flows @ apart[place] + alone
    least = LEAST * max(1.0, float(np.abs(costs).sum()))
    for _ in range(min(50 * m, WORK // m**2 + 1)):
        at = costs[:, place]
        own = np.diagonal(at)
        gain = at + at.T - own[:, None] - own[None] + 2 * flows * apart[np.ix_(place, place)]
        i, j = divmod(int(gain[:n].argmin()), m)
        if gain[i, j] >= -least:
            break
        costs += np.outer(flows[:, i] - flows[:, j], apart[place[j]] - apart[place[i]])
        place[i], place[j] = place[j], place[i]
    return place[:n]
