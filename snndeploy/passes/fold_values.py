"""What a spike emits, other than 1, into the weights that it meets: afterwards every spike is worth 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.network.maps import Scale
from snndeploy.network.network import Network
from snndeploy.passes.change import changed, float_rules


def fold_values(network: Network) -> Network:
    """See the module. Populations without threshold emit v and are left alone."""
    values = {p.name: rule.value for p, rule in float_rules(network) if rule.spiking and np.any(rule.value != 1)}
    if not values:
        return network
    rules = {p.name: replace(rule, value=1.0) for p, rule in float_rules(network) if p.name in values}
    projections = [
        replace(p, maps=(Scale(values[p.source]), *p.maps)) if p.source in values else p for p in network.projections
    ]
    return changed(network, rules, projections)
