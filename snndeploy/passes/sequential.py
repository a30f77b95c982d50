"""Synchronous populations (v takes u[t-1]) as sequential ones (v takes u[t]) whose inputs come one step later.

With u'[t] = u[t-1], q takes u'[t] and u'[t] = alpha·u'[t-1] + x[t-1] + constant·[t-1 >= onset]. So each projection
into the population gets one more step of delay and each constant sets in one step later. The spikes and v are the
same, bit for bit; the recorded u is one step late. A current that starts at u0 has to start at u0/alpha.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule
from snndeploy.passes.change import changed, float_rules


def sequential(network: Network, but: frozenset[str] = frozenset()) -> Network:
    """See the module.

    Args:
        but: populations that stay as they are.

    Raises:
        SnnDeployError SD605: a current that does not start at 0, or is reset or frozen together with the membrane,
        has no sequential equivalent.
    """
    rules: dict[str, Rule] = {}
    found: list[Finding] = []
    for each, rule in float_rules(network):
        if rule.synapse == "sequential" or each.name in but:
            continue
        for k, r in enumerate(rule.receptors):
            where = f"population {each.name!r}, receptor {k}"
            if np.any(r.initial):
                found.append(Finding("SD605", where, "its current does not start at 0", "start it at 0"))
            if rule.refractory is not None and rule.refractory.freezes == "membrane and current":
                found.append(Finding("SD605", where, "its refractory period freezes the current", "freeze v alone"))
            if r.reset:
                found.append(Finding("SD605", where, "a spike resets its current", "leave the current unreset"))
        receptors = tuple(replace(r, onset=r.onset + 1) for r in rule.receptors)
        rules[each.name] = replace(rule, receptors=receptors, synapse="sequential")
    raise_errors(found)
    if not rules:
        return network
    projections = [replace(p, delay=p.delay + 1) if p.target in rules else p for p in network.projections]
    return changed(network, rules, projections)
