"""Spike trains side by side: matched, early, late, missing and extra spikes; jitter; rates.

All arrays are bool (steps, trains); a train is one neuron in one sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array

MATCHED, EARLY, LATE, MISSING, EXTRA = 1, 2, 3, 4, 5


@dataclass(frozen=True, eq=False)
class Matching:
    """How the spikes of two rasters belong together.

    Attributes:
        a: uint8 (steps, trains): of each spike of a, MATCHED (same step in b), EARLY or LATE (so b's partner is) or
            MISSING (b has none); 0 where a has no spike.
        b: uint8 (steps, trains): of each spike of b, MATCHED, EARLY, LATE or EXTRA; 0 where b has no spike.
    """

    a: Array
    b: Array

    def count(self, kind: int) -> int:
        return int(np.count_nonzero((self.b if kind == EXTRA else self.a) == kind))


def match(a: Array, b: Array, window: int) -> Matching:
    """Pairs the spikes of two rasters, one to one, at most `window` steps apart.

    Spikes of one bin belong together; of the rest, in the order of time, each takes the oldest of the other raster that
    is still alone and not further away. Among spikes that share no bin no other pairing has more pairs.
    """
    steps = a.shape[0]
    kinds_a, kinds_b = (np.where(a & b, MATCHED, 0).astype(np.uint8) for _ in range(2))
    odd = np.flatnonzero((a != b).any(axis=0))
    left_a, left_b = a[:, odd] & ~b[:, odd], b[:, odd] & ~a[:, odd]
    made_a, made_b = kinds_a[:, odd], kinds_b[:, odd]
    for t in range(steps):
        for mine, other, marks, theirs, kind in (
            # a spike of a that meets a lonely older one of b: b is early; and the other way round: b is late
            (left_a, left_b, made_a, made_b, EARLY),
            (left_b, left_a, made_b, made_a, LATE),
        ):
            for age in range(min(window, t), 0, -1):
                pairs = mine[t] & other[t - age]
                if pairs.any():
                    marks[t, pairs], theirs[t - age, pairs] = kind, kind
                    mine[t] &= ~pairs
                    other[t - age] &= ~pairs
    made_a[left_a], made_b[left_b] = MISSING, EXTRA
    kinds_a[:, odd], kinds_b[:, odd] = made_a, made_b
    return Matching(kinds_a, kinds_b)


def jitter(a: Array, b: Array) -> int | None:
    """The least k with which all spikes of both can be matched one to one, |t_a - t_b| <= k, in every train.

    On a line the i-th spike of the one belongs to the i-th of the other in a best matching. None: in some train there
    are more spikes in the one than in the other.
    """
    if not np.array_equal(np.count_nonzero(a, axis=0), np.count_nonzero(b, axis=0)):
        return None
    # times in the order of trains; both have as many of each train
    one, two = (np.nonzero(each.T)[1] for each in (a, b))
    return int(np.abs(one - two).max(initial=0))


def rate_distance(a: Array, b: Array) -> float:
    """Sum over trains of |n_a - n_b| / sum of max(n_a, n_b); 0 where both are silent."""
    one, two = (np.count_nonzero(each, axis=0) for each in (a, b))
    most = int(np.maximum(one, two).sum())
    return float(np.abs(one - two).sum() / most) if most else 0.0


def constant_lag(a: Array, b: Array, reach: int) -> int | None:
    """The smallest lag L with a[t] = b[t + L] on all steps that both have, one of which has a spike; None: no lag."""
    steps = a.shape[0]
    reach = min(reach, steps - 1)
    if np.array_equal(a, b):
        return 0 if a.any() else None
    counts = [np.count_nonzero(each, axis=1) for each in (a, b)]
    for lag in sorted(range(-reach, reach + 1), key=abs):
        early, late = slice(max(0, -lag), steps - max(0, lag)), slice(max(0, lag), steps - max(0, -lag))
        # rows with other numbers of spikes differ, and numbers are quick to compare
        alike = np.array_equal(counts[0][early], counts[1][late]) and counts[0][early].any()
        if lag and alike and np.array_equal(a[early], b[late]):
            return lag
    return None
