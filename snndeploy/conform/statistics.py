"""How sure a share is, whether two classifiers differ, and how alike two rasters are."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np

from snndeploy.network.arrays import Array

# of the normal distribution, for 95 %
Z = 1.959963984540054


def wilson(right: int, samples: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, Journal of the American Statistical Association 22, 1927)::

    (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    """
    if samples < 1:
        return 0.0, 1.0
    p, z2 = right / samples, Z**2
    middle, half = p + z2 / (2 * samples), Z * sqrt(p * (1 - p) / samples + z2 / (4 * samples**2))
    whole = 1 + z2 / samples
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def mcnemar(a: Array, b: Array) -> float:
    """Two-sided exact p-value that two classifiers are equally often right (McNemar, Psychometrika 12, 1947).

    Args:
        a, b: bool (samples,), right or not, on the same samples. Only samples on which they differ count: under the
            hypothesis each of these is a fair coin.
    """
    first, second = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    n, least = first + second, min(first, second)
    tail = sum(comb(n, k) for k in range(least + 1))
    return min(1.0, float(2 * tail / 2**n)) if n else 1.0


def raster_cosine(a: Array, b: Array) -> float:
    """Cosine of two rasters as vectors of all their bins: sum(a·b) / sqrt(sum a · sum b); 1 where both are silent."""
    return cosine(int(np.count_nonzero(a)), int(np.count_nonzero(b)), int(np.count_nonzero(a & b)))


def cosine(one: int, two: int, both: int) -> float:
    """The cosine from numbers of spikes: in the one, in the other, in both."""
    if not one or not two:
        return 1.0 if one == two else 0.0
    return both / sqrt(one * two)
