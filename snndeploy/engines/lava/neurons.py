"""Which Lava process holds a population exactly, and with which numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Rule

Kind = Literal["LIF", "LIFReset", "RuleLIF"]


@dataclass(frozen=True, eq=False)
class Axon:
    """An axon that is on from step `onset` on, with one weight per neuron: a constant in the synaptic current."""

    weight: Array
    onset: int


@dataclass(frozen=True, eq=False)
class Neurons:
    """One population as a Lava process.

    Attributes:
        start: engine step of the network's step 0.
        numbers: constructor arguments that are arrays, (size,) each.
        settings: constructor arguments that are words or whole numbers.
    """

    name: str
    size: int
    kind: Kind
    start: int
    numbers: Mapping[str, Array]
    settings: Mapping[str, Any] = field(default_factory=dict)
    axons: tuple[Axon, ...] = ()

    @property
    def note(self) -> str:
        who = {
            "LIF": "lava LIF",
            "LIFReset": f"lava LIFReset, offset {self.start + 1}",
            "RuleLIF": f"snndeploy RuleLIF, start {self.start}",
        }[self.kind]
        return who + (", constant by an always-on axon" if self.axons else "")


def _zero(*values: Any) -> bool:
    return not any(np.any(value) for value in values)


def _inverts(decay: Array) -> bool:
    """Lava stores 1 - decay and computes with 1 - that: True if this gives the same number back."""
    return bool(np.all(1.0 - (1.0 - decay) == decay))


def fits_lif(population: Population, start: int) -> bool:
    """True if Lava's LIF computes this rule exactly, apart from its bias, which starts too early.

    A constant current comes over an axon, which is a step late: too late for a population that starts at once.
    """
    rule = population.rule
    reset = rule.reset
    if not rule.spiking or (reset.kind, reset.when) != ("to", "now") or not _zero(reset.value):
        return False
    if isinstance(rule, Registers):
        return rule.plain and _zero(rule.initial_u, rule.initial_v)
    receptor = rule.receptors[0]
    plain = (rule.floor, rule.state_floor, rule.refractory, rule.adaptation) == (None,) * 4
    return bool(
        plain
        and len(rule.receptors) == 1
        and rule.synapse == "sequential"
        and not receptor.reset
        and (_zero(receptor.constant) or receptor.onset + start > 0)
        and _zero(rule.initial, receptor.initial, rule.value - 1, receptor.gain - 1)
        and np.all(np.asarray(rule.threshold) >= 0)
        and _inverts(rule.beta)
        and _inverts(receptor.alpha)
    )


def biased(population: Population) -> bool:
    rule = population.rule
    return not _zero(rule.bias_mant if isinstance(rule, Registers) else rule.bias)


def _kinds(network: Network, start: Mapping[str, int]) -> dict[str, Kind]:
    """LIF where nothing happens before the first input; LIFReset where the early steps can be wiped out everywhere;
    RuleLIF, which waits for its start, elsewhere.

    A biased LIF works from step 0 of the engine on. Wiping u and v at its start repairs it, but what it has sent
    until then arrives at its targets before theirs only over projections without delay, and they have to forget it.
    """
    fit = {each.name: fits_lif(each, start[each.name]) for each in network.populations}
    wipeable = {
        each.name: fit[each.name]
        and each.rule.bias_onset == 0
        and all(p.delay == 0 for p in network.projections if p.source == each.name)
        for each in network.populations
    }
    changed = True
    while changed:
        changed = False
        for p in network.projections:
            if wipeable.get(p.source) and fit[p.target] and not wipeable[p.target]:
                wipeable[p.source], changed = False, True
    kinds: dict[str, Kind] = {}
    for each in network.populations:
        if fit[each.name] and biased(each):
            kinds[each.name] = "LIFReset" if wipeable[each.name] else "RuleLIF"
        else:
            kinds[each.name] = "LIF" if fit[each.name] else "RuleLIF"
    spread = [name for name, kind in kinds.items() if kind == "LIFReset"]
    while spread:
        source = spread.pop()
        for p in network.projections:
            if p.source == source and kinds[p.target] == "LIF":
                kinds[p.target] = "LIFReset"
                spread.append(p.target)
    return kinds


def choose(network: Network, start: Mapping[str, int]) -> tuple[Neurons, ...]:
    """The process of every population."""
    kinds = _kinds(network, start)
    return tuple(_neurons(each, kinds[each.name], start[each.name]) for each in network.populations)


def _neurons(population: Population, kind: Kind, start: int) -> Neurons:
    rule, shape = population.rule, population.shape
    size = prod(shape)

    def flat(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value), shape).reshape(size)

    name = population.name
    if isinstance(rule, Registers):
        numbers = {key: flat(getattr(rule, key)) for key in ("du", "dv", "bias_mant", "bias_exp")}
        if rule.vth is not None:
            numbers["vth"] = flat(rule.vth)
        if kind != "RuleLIF":
            return Neurons(name, size, kind, start, numbers)
        numbers |= {"u": flat(rule.initial_u), "v": flat(rule.initial_v), "reset_value": flat(rule.reset.value)}
        if rule.adaptation is not None:
            numbers |= {"adapt_da": flat(rule.adaptation.da), "adapt_jump": flat(rule.adaptation.jump)}
        return Neurons(name, size, kind, start, numbers, _settings(rule))
    receptor = rule.receptors[0]
    if kind != "RuleLIF":
        numbers = {"du": 1.0 - flat(receptor.alpha), "dv": 1.0 - flat(rule.beta), "vth": flat(rule.threshold)}
        numbers["bias_mant"] = flat(rule.bias)
        axons = () if _zero(receptor.constant) else (Axon(flat(receptor.constant), receptor.onset),)
        return Neurons(name, size, kind, start, numbers, axons=axons)
    optional = {"vth": rule.threshold, "floor": rule.floor, "state_floor": rule.state_floor}
    numbers = {key: flat(value) for key, value in optional.items() if value is not None}
    numbers |= {"beta": flat(rule.beta), "bias": flat(rule.bias), "v": flat(rule.initial)}
    numbers |= {"reset_value": flat(rule.reset.value), "value": flat(rule.value)}
    for key, source in (("alpha", "alpha"), ("gain", "gain"), ("constant", "constant"), ("u", "initial")):
        numbers[key] = np.stack([flat(getattr(each, source)) for each in rule.receptors])
    if rule.adaptation is not None:
        numbers |= {"adapt_decay": flat(rule.adaptation.decay), "adapt_jump": flat(rule.adaptation.jump)}
    settings = _settings(rule) | {
        "onsets": tuple(each.onset for each in rule.receptors),
        "u_resets": tuple(each.reset for each in rule.receptors),
        "synchronous": rule.synapse == "synchronous",
    }
    return Neurons(name, size, kind, start, numbers, settings)


def _settings(rule: Rule | Registers) -> dict[str, Any]:
    when = rule.reset.when if rule.spiking and rule.reset.kind != "none" else "never"
    rest, moves = rule.refractory, rule.adaptation
    return {
        "spiking": rule.spiking,
        "reset_to": rule.reset.kind == "to",
        "reset_when": when,
        "onset": rule.bias_onset,
        "adapt_first": moves is not None and moves.decays == "before",
        "refractory": 0 if rest is None else rest.steps,
        "freezes_u": rest is not None and rest.freezes == "membrane and current",
    }
