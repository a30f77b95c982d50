"""Networks between a float network and its integer form: some numbers of the one, the rest of the other.

All of them are in the float form and in state units, so that every number of the integer form is a whole number in
them. With all of its numbers and with truncation, such a network is the integer network.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.engines.reference.float_rule import FloatState
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map, Scale
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.network.rule import Receptor, Reset, Rule

DECAYS, WEIGHTS, LEVELS, STATES = "decays", "weights", "thresholds and biases", "state truncation"
PARTS = (DECAYS, WEIGHTS, LEVELS, STATES)


def mixture(ready: Network, made: Network, parts: Collection[str]) -> Network:
    """`ready`, the prepared float network, with these parts of its integer form `made`; state units."""
    populations = tuple(_population(ready.population[p.name], p, parts) for p in made.populations)
    source = made if WEIGHTS in parts else ready
    projections = tuple(_projection(p, made.population[p.target]) for p in source.projections)
    return made.with_(populations=populations, projections=projections)


def exact(net: Network) -> Network:
    """A network of forward Euler steps with the decays of continuous time: 1 - dt/tau becomes exp(-dt/tau).

    What drives a membrane is held over a step: its gain (1 - beta) becomes 1 - exp(-dt/tau) with it.
    """
    populations = []
    for each in net.populations:
        rule = each.rule
        assert isinstance(rule, Rule)
        lost = 1 - np.asarray(rule.beta)
        beta = np.exp(-lost)
        share = np.where(lost > 0, (1 - beta) / np.where(lost > 0, lost, 1), 1.0)
        receptors = tuple(replace(r, alpha=_exact(np.asarray(r.alpha)), gain=r.gain * share) for r in rule.receptors)
        made = replace(rule, beta=beta, receptors=receptors, bias=rule.bias * share)
        populations.append(replace(each, rule=made))
    return net.with_(populations=tuple(populations), source=None)


def _exact(alpha: Array) -> Array:
    """exp(-dt/tau) for alpha = 1 - dt/tau; a current without memory has no time constant."""
    return np.asarray(np.where(alpha > 0, np.exp(alpha - 1), alpha))


def _population(each: Population, made: Population, parts: Collection[str]) -> Population:
    rule, registers = each.rule, made.rule
    assert isinstance(rule, Rule)
    assert isinstance(registers, Registers)
    units = np.asarray(registers.scale)
    alpha, beta = np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta)
    if DECAYS in parts:
        alpha = (DECAY_UNITY - 1 - np.asarray(registers.du)) / DECAY_UNITY
        beta = (DECAY_UNITY - np.asarray(registers.dv)) / DECAY_UNITY
    receptor = rule.receptors[0]
    if LEVELS in parts:
        theta = None if registers.vth is None else np.asarray(registers.vth) << STATE_SHIFT
        bias = np.asarray(registers.bias_mant) << np.asarray(registers.bias_exp)
        value, u, v = registers.reset.value, registers.initial_u, registers.initial_v
    else:
        theta = None if rule.threshold is None else np.asarray(rule.threshold) * units
        bias, value = np.asarray(rule.bias) * units, np.asarray(rule.reset.value) * units
        u, v = np.asarray(receptor.initial) * units, np.asarray(rule.initial) * units
    reset = Reset(rule.reset.kind, value, rule.reset.when) if rule.spiking else Reset("none")
    mixed = Rule(beta, theta, (Receptor(alpha, initial=u),), bias, rule.bias_onset, reset, initial=v)
    moves, held = rule.adaptation, registers.adaptation
    if moves is not None and held is not None:
        decay = (DECAY_UNITY - np.asarray(held.da)) / DECAY_UNITY if DECAYS in parts else moves.decay
        moves = replace(moves, decay=decay, jump=held.jump if LEVELS in parts else np.asarray(moves.jump) * units)
    return Population(each.name, each.shape, replace(mixed, refractory=rule.refractory, adaptation=moves))


def _projection(p: Projection, target: Population) -> Projection:
    """Weights in state units: by the format where there is one, by the scale of the target where not."""
    assert isinstance(target.rule, Registers)
    if p.format is not None:
        factor: Array = np.asarray(2.0 ** (p.format.exponent + STATE_SHIFT))
    else:
        factor = np.asarray(target.rule.scale)
    maps: tuple[Map, ...] = (*map(_floating, p.maps), Scale(factor))
    return replace(p, maps=maps, receptor=0, format=None)


def _floating(each: Map) -> Map:
    if not each.weighted:
        return each
    given: Any = each
    made: Map = replace(given, weight=given.weight.astype(np.float64))
    return made


class TruncatedState(FloatState):
    """A population whose decays truncate toward zero to whole state units, and whose membrane ends at 24 bits."""

    def __init__(self, rule: Rule, shape: tuple[int, ...]):
        whole = tuple(replace(r, alpha=1.0) for r in rule.receptors)
        super().__init__(replace(rule, beta=1.0, receptors=whole), shape)
        self.beta, self.alpha = rule.beta, rule.receptors[0].alpha
        self.stored: Array = self.v

    def step(self, t: int, drive: list[Array]) -> Array:
        """As the float rule, on states that have already decayed."""
        self.stored, current, frozen = self.v, self.u, self.waiting > 0
        self.u = [np.trunc(self.alpha * u) for u in self.u]
        self.v = np.trunc(self.beta * self.v)
        emitted = super().step(t, drive)
        self.v = np.where(frozen, self.stored, np.clip(self.v, -STATE_MAX, STATE_MAX))
        if self.rule.refractory is not None and self.rule.refractory.freezes == "membrane and current":
            self.u = [np.where(frozen, old, new) for old, new in zip(current, self.u, strict=True)]
        self.adapted = np.clip(self.adapted, -STATE_MAX, STATE_MAX)
        return emitted if self.rule.spiking else self.v

    def pends(self) -> Array:
        return np.asarray(self.stored > self.theta)

    def _threshold(self) -> tuple[Array, Array]:
        moves = self.rule.adaptation
        if moves is None:
            return super()._threshold()
        faded = np.trunc(np.asarray(moves.decay) * self.adapted)
        return np.asarray(self.rule.threshold) + (faded if moves.decays == "before" else self.adapted), faded


def start(population: Population, batch: int) -> TruncatedState:
    """The truncating state of a population of a mixture, before the first step."""
    assert isinstance(population.rule, Rule)
    return TruncatedState(population.rule, (batch, *population.shape))
