"""Currents that follow what a delta encoding follows: bounded by the values, whatever the number of events.

The encoder keeps |y| <= reach thresholds, y[t] = decay·y[t-1] + event[t] (`network/encodings/delta.py`). A current of
the same decay that only such events feed is 64·sum_j w_j·y_j, but for what truncation takes: a unit per step, of which
the decay lets no more than 1 / (1 - decay) = 4096 units stand at a time.
"""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.quantize.certificate.interval import Interval
from snndeploy.quantize.worst_case import followed


def followed_current(network: Network, name: str) -> Interval | None:
    """The bound of the current of an integer population, state units; None where this says nothing."""
    each = network.population[name]
    rule = each.rule
    assert isinstance(rule, Registers)
    found = followed(network, name)
    if found is None or np.any(rule.initial_u):
        return None
    most, decays = found
    if np.any((DECAY_UNITY - 1 - np.asarray(rule.du)) / DECAY_UNITY != decays):
        return None
    if any(p.format is not None and p.format.exponent < 0 for p in network.into(name)):
        return None
    whole = (np.ceil(most * 2**STATE_SHIFT) + DECAY_UNITY + 1).astype(np.int64)
    return Interval(-whole, whole)


def narrowed(whole: Interval, *others: Interval | None) -> Interval:
    """What lies in all of them."""
    low: Array = whole.low
    high: Array = whole.high
    for each in others:
        if each is not None:
            low, high = np.maximum(low, each.low), np.minimum(high, each.high)
    return Interval(low, high)
