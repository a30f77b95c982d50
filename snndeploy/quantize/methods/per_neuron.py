"""A scale of its own for each neuron, in as many groups as a core has threshold settings.

Scaling the weights, the bias and the threshold of one neuron by the same factor leaves its spikes alone, so that each
neuron may use the range of its registers to the full. A core holds few different thresholds, so neurons are clustered:
each takes the largest threshold of a few that its own limits allow::

    vth_i = max of the levels <= theta_i · top_i,   S_i = vth_i / theta_i      theta is exact
    levels = argmin over sets of K of  sum_i (log top_i·theta_i - log vth_i)²

Neurons that share weights (the places of a channel) share a scale. K is `core.threshold_settings` of the target.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.search import Search

PER_OCTAVE = 8
OCTAVES = 3
# distinct limits that the clustering looks at
DISTINCT = 256


def clustered(tops: Array, levels: int) -> Array:
    """Each value lowered to one of at most `levels` values, by the least sum of squared logarithms."""
    if not tops.size:
        return tops
    flat = np.sort(np.unique(tops))
    if flat.size > DISTINCT:
        flat = flat[np.linspace(0, flat.size - 1, DISTINCT).astype(int)]
        flat[0] = tops.min()
    number = np.bincount(np.searchsorted(flat, tops.ravel(), side="right") - 1, minlength=flat.size)
    logs = np.log2(flat)
    n = flat.size
    # cost[i, j]: members i..j-1 all lowered to flat[i]
    weight = np.concatenate([[0.0], np.cumsum(number)])
    first = np.concatenate([[0.0], np.cumsum(number * logs)])
    second = np.concatenate([[0.0], np.cumsum(number * logs**2)])
    i, j = np.arange(n)[:, None], np.arange(n + 1)[None]
    spread = (second[j] - second[i]) - 2 * logs[i] * (first[j] - first[i]) + logs[i] ** 2 * (weight[j] - weight[i])
    cost = np.where(j > i, spread, np.inf)
    best, cuts = cost[0], []
    for _ in range(min(levels, n) - 1):
        total = best[:n, None] + cost
        cuts.append(total.argmin(axis=0))
        best = total.min(axis=0)
    starts, end = [], n
    for cut in reversed(cuts):
        end = int(cut[end])
        starts.append(end)
    chosen = flat[np.unique([0, *starts])]
    return np.asarray(chosen[np.searchsorted(chosen, tops, side="right") - 1])


def scales(case: Search) -> Iterator[Array]:
    """The clustered limits, and these lowered by steps of an eighth of an octave."""
    levels = case.target.core.threshold_settings.value
    theta = case.grouped(case.theta)
    tops = case.grouped(case.tops()) * theta
    for k in range(OCTAVES * PER_OCTAVE):
        level = np.floor(clustered(tops * 2.0 ** (-k / PER_OCTAVE), levels))
        if level.min() < 1:
            return
        yield np.asarray(level / theta)


METHOD = Method("per-neuron", "a scale per neuron, clustered to the threshold settings of a core", scales=scales)
