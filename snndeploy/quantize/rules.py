"""What of a float network a target cannot hold, whatever the scale. Each rule is one function named as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.network.encodings import ENCODINGS
from snndeploy.network.network import Network
from snndeploy.network.registers import BIAS_EXP_MAX, BIAS_MANT_MAX, DECAY_UNITY
from snndeploy.network.rule import Rule
from snndeploy.network.table import number
from snndeploy.network.timing import latencies
from snndeploy.passes.change import float_rules
from snndeploy.targets import Target

# what has no integer form: the nearest that has
NEAREST = {
    "receptors": "give all its inputs one synaptic time constant, or relay one kind over a population of its own",
    "refractory": "train with a shorter one; the nearest is a projection onto itself with negative weights",
    "adaptation": "train with a fixed threshold; the nearest is a projection onto itself with negative weights",
    "floor": "train without; the nearest is a membrane that may go below, with weaker inhibition",
    "state_floor": "train without; the nearest is a membrane that may go below, with weaker inhibition",
    "current reset": "leave the current unreset, or use alpha = 0, and fine-tune shortly",
}

TargetRule = Callable[[Network, Target], Iterator[Finding]]


def every_input_is_of_a_kind_that_the_target_takes(network: Network, target: Target) -> Iterator[Finding]:
    kinds = target.synapse.input_kinds.value
    for each in network.inputs:
        if each.kind in kinds or each.kind == "constant":
            continue
        if each.kind == "bias":
            neuron = target.neuron
            least = neuron.bias_mantissa_max.value < BIAS_MANT_MAX or neuron.bias_exponent_max.value < BIAS_EXP_MAX
            if least:
                what = f"a bias per sample needs a mantissa of {BIAS_MANT_MAX} and an exponent of {BIAS_EXP_MAX}"
                yield Finding("SD207", f"input {each.name!r}", f"{what}, {target.name} has less", "encode otherwise")
            continue
        if each.kind == "signed" and target.synapse.payload_bits.value:
            continue
        ways = "encoding='counts', exact; or feed 0 and 1, one event per step"
        fix = ways if each.kind == "counts" else f"choose an encoding: {', '.join(ENCODINGS)}"
        what = f"it is {each.kind}; {target.name} takes {' and '.join(kinds)}"
        yield Finding("SD207", f"input {each.name!r}", what, fix)


def every_reset_is_one_that_the_target_has(network: Network, target: Target) -> Iterator[Finding]:
    neuron = target.neuron
    for each in network.populations:
        rule, reset = each.rule, each.rule.reset
        if not rule.spiking:
            continue
        where = f"population {each.name!r}"
        fix = "take the nearest it has, a reset to zero in the step of the spike, and fine-tune shortly ("
        fix += "snnTorch: reset_mechanism='zero', reset_delay=False); or choose a target with programmable neurons"
        if reset.kind not in neuron.reset_kinds.value:
            have = " and ".join(map(repr, neuron.reset_kinds.value))
            what = f"its reset is {reset.kind!r}; the neurons of {target.name} only do {have}"
            yield Finding("SD206", where, what, fix)
        elif reset.kind != "none" and reset.when not in neuron.reset_times.value:
            have = " and ".join(map(repr, neuron.reset_times.value))
            what = f"its reset acts {reset.when!r}; the neurons of {target.name} only do {have}"
            yield Finding("SD206", where, what, fix)
        shifts = isinstance(rule, Rule)  # quantising shifts the membrane so that the reset is to zero
        if reset.kind == "to" and neuron.reset_to_zero_only.value and not shifts and np.any(reset.value):
            yield Finding("SD206", where, f"its reset is to {number(reset.value)}, not to zero", "quantise again")


def every_rest_and_adaptation_is_one_that_the_target_has(network: Network, target: Target) -> Iterator[Finding]:
    neuron = target.neuron
    for each in network.populations:
        rest, where = each.rule.refractory, f"population {each.name!r}"
        if rest is not None and rest.steps > neuron.refractory_max.value:
            what = f"it is refractory for {rest.steps} steps; {target.name} holds {neuron.refractory_max.value}"
            yield Finding("SD206", where, what, NEAREST["refractory"])
        if rest is not None and rest.freezes != "membrane" and not neuron.refractory_freezes_current.value:
            what = f"its current stands still in its refractory period; that of {target.name} goes on"
            yield Finding("SD206", where, what, "let the current go on, and fine-tune shortly")
        if each.rule.adaptation is not None and not neuron.adaptive_threshold.value:
            what = f"its threshold adapts; the neurons of {target.name} have fixed ones"
            yield Finding("SD206", where, what, NEAREST["adaptation"])


def every_neuron_has_an_integer_form(network: Network, target: Target) -> Iterator[Finding]:
    del target
    for each, rule in float_rules(network):
        where = f"population {each.name!r}"
        if len(rule.receptors) > 1:
            what = f"it has {len(rule.receptors)} receptors; a core filters one current"
            yield Finding("SD604", where, what, NEAREST["receptors"])
        for name in ("floor", "state_floor"):
            if getattr(rule, name) is not None:
                what = f"its membrane has a {name} at {number(getattr(rule, name))}"
                yield Finding("SD604", where, what, NEAREST[name])
        for receptor in rule.receptors:
            if receptor.reset and np.any(receptor.alpha):
                yield Finding("SD604", where, "a spike resets its current too", NEAREST["current reset"])


def every_population_that_feeds_others_spikes(network: Network, target: Target) -> Iterator[Finding]:
    for each in network.populations:
        if not each.rule.spiking and any(p.source == each.name for p in network.projections):
            what = f"it has no threshold and emits its membrane into other populations; {target.name} sends spikes"
            yield Finding("SD108", f"population {each.name!r}", what, "give it a threshold, or end the network there")


def every_decay_is_within_reach(network: Network, target: Target) -> Iterator[Finding]:
    most = target.neuron.decay_max.value
    for each, rule in float_rules(network):
        decays = [("beta", np.asarray(rule.beta), True)]
        decays += [] if rule.adaptation is None else [("adaptation.decay", np.asarray(rule.adaptation.decay), True)]
        decays += [(f"receptors[{k}].alpha", np.asarray(r.alpha), False) for k, r in enumerate(rule.receptors)]
        for name, value, may_be_one in decays:
            keeps = value * DECAY_UNITY
            # the registers hold 4096·(1 - decay) as a whole number; du has an offset of 1 and so never keeps all
            slow = (keeps > DECAY_UNITY - 1) & ~((keeps == DECAY_UNITY) & may_be_one)
            fast = (value < 0) | (DECAY_UNITY - keeps > most + 1)
            where = f"population {each.name!r}, {name}"
            for bad, what, nearest, fix in (
                (slow, "is slower than one part in 4096 per step", (DECAY_UNITY - 1) / DECAY_UNITY, "use a longer dt"),
                (fast, "is negative or faster than the registers hold", 1 - (most + 1) / DECAY_UNITY, "use 0 or more"),
            ):
                if bad.any():
                    also = " or exactly 1" if may_be_one and bad is slow else ""
                    shown = repr(float(value[bad].flat[0])) if value.ndim else repr(float(value))
                    what = f"{shown} {what}; {target.name}'s nearest is {nearest:.6g}{also}"
                    yield Finding("SD602", where, what, f"train with {nearest:.6g}, or {fix}")


def every_threshold_is_above_the_reset(network: Network, target: Target) -> Iterator[Finding]:
    for each, rule in float_rules(network):
        if rule.threshold is None:
            continue
        low = np.asarray(rule.reset.value) if rule.reset.kind == "to" else np.zeros(())
        above = np.asarray(rule.threshold) - low
        if above.min() < 0:
            what = f"its threshold is {number(above)} above what it resets to; {target.name} holds 0 and more"
            yield Finding("SD603", f"population {each.name!r}", what, "raise the threshold")


def every_loop_and_delay_fits(network: Network, target: Target) -> Iterator[Finding]:
    most = target.synapse.delay_max.value
    try:
        late = latencies(network)
    except SnnDeployError as problem:
        yield from problem.findings
        return
    for p in network.projections:
        extra = p.delay + late[p.target] - late[p.source] - 1
        if extra > most:
            what = f"it has to wait {extra} steps; {target.name} holds {most}"
            yield Finding("SD208", f"projection {p.name!r}", what, "shorten the delay, or relay it over a population")


RULES: tuple[TargetRule, ...] = (
    every_input_is_of_a_kind_that_the_target_takes,
    every_reset_is_one_that_the_target_has,
    every_rest_and_adaptation_is_one_that_the_target_has,
    every_neuron_has_an_integer_form,
    every_population_that_feeds_others_spikes,
    every_decay_is_within_reach,
    every_threshold_is_above_the_reset,
    every_loop_and_delay_fits,
)


def findings(network: Network, target: Target) -> list[Finding]:
    """All that the target cannot hold of a legal network."""
    return [finding for rule in RULES for finding in rule(network, target)]
