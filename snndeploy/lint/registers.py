"""An integer network against the registers of a target: what `quantize` could not have made for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.targets import Target


def every_register_of_the_target_holds(network: Network, target: Target) -> Iterator[Finding]:
    """Registers and formats of an integer network against the target's own limits."""
    neuron, synapse = target.neuron, target.synapse
    for each in network.populations:
        rule = each.rule
        if not isinstance(rule, Registers):
            continue
        limits = {
            "du": (rule.du, neuron.decay_max.value),
            "dv": (rule.dv, neuron.decay_max.value),
            "vth": (0 if rule.vth is None else rule.vth, neuron.threshold_max.value),
            "bias_mant": (rule.bias_mant, neuron.bias_mantissa_max.value),
            "bias_exp": (rule.bias_exp, neuron.bias_exponent_max.value),
            "initial_u": (rule.initial_u, neuron.state_max.value),
            "initial_v": (rule.initial_v, neuron.state_max.value),
        }
        for name, (value, most) in limits.items():
            largest = int(np.max(np.abs(value)))
            if largest > most:
                what = f"{name} = {largest} exceeds {most} of {target.name}"
                yield Finding("SD109", f"population {each.name!r}", what, f"quantise for {target.name}")
    for p in network.projections:
        if p.format is None:
            continue
        for name, given, most in (
            ("bits", p.format.bits, synapse.weight_bits.value),
            ("exponent", p.format.exponent, synapse.weight_exponent_max.value),
        ):
            if given > most:
                what = f"{given} weight {name} exceed {most} of {target.name}"
                yield Finding("SD109", f"projection {p.name!r}", what, f"quantise for {target.name}")
