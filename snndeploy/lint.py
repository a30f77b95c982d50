"""`lint`: everything that keeps a network from being legal, or from running on a target, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network import spec
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.passes.change import float_rules
from snndeploy.quantize import rules
from snndeploy.targets import Target, load

Advice = Callable[[Network], Iterator[Finding]]


def lint(network: Network, target: str | Path | Target | None = None) -> list[Finding]:
    """Findings, errors first. What a target cannot hold is looked at only where the network itself is legal.

    Raises:
        SnnDeployError SD201, SD202, SD204: the target cannot be loaded.
    """
    chip = None if target is None else load(target)
    found = spec.findings(network)
    if not found:
        found = [each for advice in ADVICE for each in advice(network)]
        if chip is not None:
            found += rules.findings(network, chip) + list(every_register_of_the_target_holds(network, chip))
    order = ("error", "warning", "note")
    return sorted(found, key=lambda each: order.index(each.severity))


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


def every_time_constant_spans_two_steps(network: Network) -> Iterator[Finding]:
    for each, rule in float_rules(network):
        beta = np.asarray(rule.beta)
        short = np.count_nonzero((beta > 0) & (beta < 0.5))
        if short:
            what = f"{short} of {beta.size} membranes have a time constant below two steps (beta {beta.min():g} < 0.5)"
            fix = "use a shorter dt if the step matters, or beta = 0 for no memory"
            yield Finding("SD211", f"population {each.name!r}", what, fix, "note")


def every_weight_does_something(network: Network) -> Iterator[Finding]:
    for p in network.projections:
        for each in p.maps:
            weight = getattr(each, "weight", None)
            if weight is not None and not (weight if isinstance(weight, np.ndarray) else weight.data).any():
                yield Finding("SD211", f"projection {p.name!r}", "all its weights are 0", "remove it", "warning")


ADVICE: tuple[Advice, ...] = (every_time_constant_spans_two_steps, every_weight_does_something)
