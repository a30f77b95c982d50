"""Shifts each membrane by its reset value, so that a reset "to" is always to zero.

With w = v - v_r::

    w[t] = beta·w[t-1] + sum_k gain_k·u_k + bias + (beta - 1)·v_r       threshold, floors and initial v less v_r

The spikes are the same and v is lower by v_r; a decision by v is the same if v_r is the same for all its neurons.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.network import Network
from snndeploy.network.rule import Reset, Rule
from snndeploy.passes.change import changed, float_rules


def reset_to_zero(network: Network) -> Network:
    """See the module.

    Raises:
        SnnDeployError SD605: a bias that sets in later cannot be joined with the bias that the shift needs from the
        first step on.
    """
    rules: dict[str, Rule] = {}
    found: list[Finding] = []
    for each, rule in float_rules(network):
        if not rule.spiking or rule.reset.kind != "to" or not np.any(rule.reset.value):
            continue
        low = np.asarray(rule.reset.value)
        added = (rule.beta - 1) * low
        onset = rule.bias_onset if not np.any(added) else 0
        if onset != rule.bias_onset and np.any(rule.bias):
            what = f"its bias sets in at step {rule.bias_onset}, and its reset is not to zero"
            found.append(Finding("SD605", f"population {each.name!r}", what, "let the bias act from step 0"))
            continue
        rules[each.name] = replace(
            rule,
            bias=rule.bias + added,
            bias_onset=onset,
            threshold=rule.threshold - low,
            initial=rule.initial - low,
            floor=None if rule.floor is None else rule.floor - low,
            state_floor=None if rule.state_floor is None else rule.state_floor - low,
            reset=Reset("to", 0.0, rule.reset.when),
        )
    raise_errors(found)
    return changed(network, rules) if rules else network
