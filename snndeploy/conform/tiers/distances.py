"""Distances between spike trains in the field's terms, for many trains at a time.

All take bool (steps, trains) twice and give float64 (trains,). Times are in steps.
"""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array


def van_rossum(a: Array, b: Array, tau: float) -> Array:
    """Distance of two trains that are filtered with exp(-t/tau)::

        D² = sum_ij exp(-|a_i - a_j|/tau) + sum_ij exp(-|b_i - b_j|/tau) - 2 sum_ij exp(-|a_i - b_j|/tau)

    One spike more gives 1, two that are infinitely far apart give sqrt(2). Times tau/2 it is the integral of the
    squared difference of the filtered trains. Source: van Rossum, Neural Computation 13, 2001; normalised as elephant
    does, without the factor.

    Args:
        tau: steps, > 0; infinite: the difference of the numbers of spikes.
    """
    apart = a.astype(np.float64) - b
    fade = np.exp(-1 / tau) if np.isfinite(tau) else 1.0
    trace, total = np.zeros(a.shape[1]), np.zeros(a.shape[1])
    for row in apart:
        trace *= fade
        # every pair of this step's spikes with earlier ones, twice, and with themselves, once
        total += row * (2 * trace + row)
        trace += row
    return np.sqrt(np.maximum(total, 0))


def victor_purpura(a: Array, b: Array, cost: float) -> Array:
    """Least cost of turning one train into the other: 1 to add or remove a spike, cost·|dt| to move one by dt.

    Source: Victor and Purpura, Journal of Neurophysiology 76, 1996.

    Args:
        cost: per step, >= 0.
    """
    found = np.zeros(a.shape[1])
    odd = np.flatnonzero((a != b).any(axis=0))
    counts = [np.count_nonzero(each[:, odd], axis=0) for each in (a, b)]
    # trains of like length together, so that the short ones do not wait for the long
    order = np.argsort(np.maximum(*counts), kind="stable")
    for chosen in np.array_split(order, max(1, min(32, odd.size // 16))):
        found[odd[chosen]] = _victor_purpura(_times(a[:, odd[chosen]]), _times(b[:, odd[chosen]]), cost)
    return found


def _times(trains: Array) -> tuple[Array, Array]:
    """Times float64 (most, trains), filled up behind, and how many there are of each train."""
    counts = np.count_nonzero(trains, axis=0)
    train, step = np.nonzero(trains.T)
    place = np.arange(train.size) - np.repeat(np.cumsum(counts) - counts, counts)
    times = np.zeros((int(counts.max(initial=0)), trains.shape[1]))
    times[place, train] = step
    return times, counts


def _victor_purpura(a: tuple[Array, Array], b: tuple[Array, Array], cost: float) -> Array:
    """The table G[i, j] of least costs of the first i and j spikes, row by row, for all trains at once."""
    (one, n), (two, m) = a, b
    trains = one.shape[1]
    row: Array = np.repeat(np.arange(len(two) + 1.0)[:, None], trains, axis=1)
    ends = np.arange(trains)
    found = np.where(n == 0, row[m, ends], 0.0)
    for i in range(len(one)):
        # what is best without adding, then additions from left to right: a running minimum of G - j
        moved = row[:-1] + cost * np.abs(one[i] - two)
        best = np.concatenate([row[:1] + 1, np.minimum(row[1:] + 1, moved)])
        offset = np.arange(len(best), dtype=np.float64)[:, None]
        row = np.minimum.accumulate(best - offset, axis=0) + offset
        done = n == i + 1
        found = np.where(done, row[m, ends], found)
    return found


def coincidence(a: Array, b: Array, window: int) -> Array:
    """The coincidence factor Γ of b with a as the target: 1 for equal trains, 0 for a random train of b's rate::

        Γ = (N_coinc - chance·n_a) / ((n_a + n_b) / 2) / (1 - chance),   chance = 1 - (1 - n_b / steps)^(2·window + 1)

    N_coinc: spikes of a with a spike of b at most `window` steps away, each spike of b used once. `chance` is that of a
    bin to have one of b's spikes so near; for low rates it is the 2·ν·Δ of the papers. NaN where it is above one half:
    there b is so dense that coincidences say nothing. 1 where both trains are silent. Source: Kistler, Gerstner and van
    Hemmen, Neural Computation 9, 1997; Jolivet et al., Journal of Neuroscience Methods 169, 2008.
    """
    from snndeploy.conform.tiers.trains import MISSING, match

    n, m = (np.count_nonzero(each, axis=0).astype(np.float64) for each in (a, b))
    alone = np.count_nonzero(match(a, b, window).a == MISSING, axis=0)
    chance = 1 - (1 - m / a.shape[0]) ** (2 * window + 1)
    size = (n + m) / 2
    sparse = chance <= 0.5
    found = (n - alone - chance * n) / np.where(size > 0, size, 1) / np.where(sparse, 1 - chance, np.nan)
    return np.where((a == b).all(axis=0), 1.0, found)
