"""Decays that make up for what truncation takes, in the least squares over the states of the calibration.

A decay truncates toward zero and so takes half a unit a step more than it should from every state but 0. A register one
or two lower gives it back to states y of the usual size::

    k / 4096 = argmin over d of sum (|y|·d - 1/2 - |y|·decay)² = decay + sum |y| / (2·sum y²)    y in state units
    du = 4095 - k, dv = 4096 - k, rounded

Smaller states still lose more than they should, and larger ones now less. It matters where a state is small against
what truncation takes: slow decays at a coarse scale (lint: SD224). Without calibration, and where that is less than
half a register, it changes nothing. A bias cannot do it: the loss has the sign of the state. Compare nengo-loihi's
`decay_magnitude`, which scales the weights for the same loss.
"""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY
from snndeploy.network.rule import Rule
from snndeploy.quantize.activity import Activity
from snndeploy.quantize.methods.base import Method

MOST = 0.1


def decays(rule: Rule, name: str, units: Array, activity: Activity) -> tuple[Array, Array]:
    """(alpha, beta) to be rounded instead of those of the rule. units: state units per unit of the membrane."""
    alpha, beta = np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta)
    u, v = activity.sizes.get(name, (0.0, 0.0))
    slowest = (DECAY_UNITY - 1) / DECAY_UNITY
    return _given_back(alpha, u * units, slowest), _given_back(beta, v * units, slowest)


def _given_back(decay: Array, size: Array, slowest: float) -> Array:
    with np.errstate(divide="ignore"):
        more = np.where(size > 0, 0.5 / size, 0.0)
    # where this is more than a tenth of the leak, states are too small for any decay to be right
    more = np.minimum(more, MOST * (1 - decay))
    return np.where((decay > 0) & (decay < slowest), np.minimum(decay + more, slowest), decay)


METHOD = Method("decays", "decays that make up for what truncation takes on the calibration", decays=decays)
