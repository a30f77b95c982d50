"""Receptor gains into the weights, the constant and the initial current: afterwards every gain is 1.

With u' = g·u the filter u'[t] = alpha·u'[t-1] + g·x[t] + g·constant is the same one, and g·u = 1·u'. The recorded u
is scaled by g. Equal up to the rounding of the products.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.network.maps import Scale
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule
from snndeploy.passes.change import changed, float_rules


def fold_gain(network: Network) -> Network:
    """See the module."""
    rules: dict[str, Rule] = {}
    gains = {}
    for each, rule in float_rules(network):
        for k, r in enumerate(rule.receptors):
            if np.any(r.gain != 1):
                gains[each.name, k] = r.gain
        if any(name == each.name for name, _ in gains):
            receptors = tuple(
                replace(r, gain=1.0, constant=r.gain * r.constant, initial=r.gain * r.initial) for r in rule.receptors
            )
            rules[each.name] = replace(rule, receptors=receptors)
    if not rules:
        return network
    projections = [
        replace(p, maps=(*p.maps, Scale(gains[p.target, p.receptor]))) if (p.target, p.receptor) in gains else p
        for p in network.projections
    ]
    return changed(network, rules, projections)
