"""The threshold that a picture of membranes shows."""

from __future__ import annotations

import numpy as np

from snndeploy.network.registers import STATE_SHIFT, Registers
from snndeploy.network.rule import Rule


def fixed_threshold(rule: Rule | Registers) -> float | None:
    """In units of the float membrane; None: there is none, it differs from neuron to neuron, or it moves."""
    if not rule.spiking or rule.adaptation is not None:
        return None
    if isinstance(rule, Registers):
        level = (np.asarray(rule.vth) << STATE_SHIFT) / np.asarray(rule.scale) + np.asarray(rule.offset)
    else:
        level = np.asarray(rule.threshold)
    return float(level.reshape(-1)[0]) if np.ptp(level) == 0 else None
