"""Bias: a value that holds still for the whole sample as a constant current into the membranes that it feeds.

    b = rule.bias + gain·W x        of each sample, in place of W x in every step

For images shown for a time. No event is sent at all: before each sample the host writes a bias into each neuron of the
population, rounded to its mantissa and exponent like any bias (`network.binding`). A chip adds its bias to the membrane
directly, so the current must have no memory (alpha = 0). A value that moves is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.encoding import Case, Encoding, Plane, checked, refusal
from snndeploy.network.maps import Map, Scale, chain_apply, chain_shape
from snndeploy.network.network import Input, Network
from snndeploy.network.rule import Rule

ELSE = "use graded, planes, rate or delta, or compute the first layer on the host"


@dataclass(frozen=True, eq=False)
class Feed:
    """What a value adds to the membranes of one population in each step: a chain of maps, gain and all."""

    population: str
    shape: tuple[int, ...]
    maps: tuple[Map, ...]


@dataclass(frozen=True, eq=False)
class Bias(Encoding):
    """feeds: one per projection of the input."""

    feeds: tuple[Feed, ...]

    name: ClassVar[str] = "bias"
    summary: ClassVar[str] = "no event: of a value that holds still, a bias for each neuron that it feeds, per sample"

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Bias:
        given, network = case.given, case.network
        checked(cls.name, given.name, {}, settings)
        feeds = []
        for p in (p for p in network.projections if p.source == given.name):
            each = network.population[p.target]
            rule = each.rule
            assert isinstance(rule, Rule)
            feeds.append(Feed(each.name, each.shape, (*p.maps, Scale(rule.receptors[p.receptor].gain))))
        made = cls(given.name, given.shape, case.kind, tuple(feeds))
        made.events({given.name: case.samples})  # refuses what moves
        return made

    @property
    def parts(self) -> tuple[Plane, ...]:
        return ()

    @property
    def made(self) -> tuple[Input, ...]:
        shapes = {each.population: each.shape for each in self.feeds}
        only = len(shapes) == 1
        return tuple(
            Input(self.input if only else f"{self.input}.{name}", shape, "bias", population=name)
            for name, shape in shapes.items()
        )

    @property
    def said(self) -> str:
        return f"a bias per sample for each neuron of {', '.join(dict.fromkeys(f.population for f in self.feeds))}"

    def problems(self) -> list[str]:
        for each in self.feeds:
            try:
                fits = chain_shape(each.maps, self.shape) == each.shape
            except ValueError:
                fits = False
            if not fits:
                return [f"maps that do not lead from {self.shape} to {each.shape} of {each.population!r}"]
        return []

    def events(self, given: Mapping[str, Array]) -> dict[str, Array]:
        x = np.asarray(given[self.input], np.float64)
        moves = np.flatnonzero((x != x[:1]).reshape(len(x), -1).any(axis=1))
        if moves.size:
            what = f"it moves in step {moves[0]}; a bias holds still for the whole sample"
            raise error("SD612", f"input {self.input!r}", what, ELSE)
        found: dict[str, Array] = {}
        for made in self.made:
            parts = [chain_apply(f.maps, x[0]) for f in self.feeds if f.population == made.population]
            found[made.name] = np.broadcast_to(np.sum(parts, axis=0), (len(x), x.shape[1], *made.shape))
        return found

    def applied(self, network: Network) -> Network:
        made = self.made
        rules: dict[str, Rule] = {}
        for p in (p for p in network.projections if p.source == self.input):
            rule = network.population[p.target].rule
            assert isinstance(rule, Rule)
            rules[p.target] = self._held(p.target, rule, p.receptor, p.delay, rules.get(p.target))
        populations = tuple(replace(p, rule=rules[p.name]) if p.name in rules else p for p in network.populations)
        inputs = tuple(new for each in network.inputs for new in (made if each.name == self.input else (each,)))
        return network.with_(
            inputs=inputs,
            populations=populations,
            projections=tuple(p for p in network.projections if p.source != self.input),
            encodings=(*network.encodings, self),
            source=None,
        )

    def _held(self, name: str, rule: Rule, k: int, delay: int, before: Rule | None) -> Rule:
        """The rule with the step in which the bias sets in, if a bias can do what the current did."""
        r = rule.receptors[k]
        late = rule.synapse == "synchronous"
        onset = delay + late
        frozen = rule.refractory is not None and rule.refractory.freezes != "membrane"
        if np.any(r.alpha) or r.reset or frozen or (late and rule.refractory is not None):
            what = f"the current of {name!r} has a memory, and a bias goes past it to the membrane"
            raise refusal(self.name, self.input, what, ELSE)
        constants = [each.onset + late for each in rule.receptors if np.any(each.constant)]
        other = [rule.bias_onset] if np.any(rule.bias) else []
        shifted = [0] if rule.reset.kind == "to" and np.any(rule.reset.value) else []
        known = [] if before is None else [before.bias_onset]
        if any(each != onset for each in (*constants, *other, *shifted, *known)):
            what = f"it sets in at step {onset} in {name!r}, and other constants of it do not"
            raise refusal(self.name, self.input, what, ELSE)
        return replace(rule, bias_onset=onset)
