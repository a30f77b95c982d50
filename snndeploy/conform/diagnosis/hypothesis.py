"""What may be wrong with a layer: a variant of it, with a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.evidence import Evidence
from snndeploy.conform.diagnosis.predict import Predicted, Variant, state_frozen
from snndeploy.conform.diagnosis.result import Cause, Kind
from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY, Registers
from snndeploy.network.rule import Receptor, Rule


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A variant and what it says. rank: of several that explain as much, the lowest is taken."""

    kind: Kind
    text: str
    variant: Variant
    rank: int = 1
    rounding: bool = False
    projection: str = ""
    index: tuple[int, ...] | None = None
    expected: float | None = None
    found: float | None = None

    def cause(self, explained: int, bins: int, also: tuple[str, ...] = ()) -> Cause:
        return Cause(
            self.kind,
            self.text,
            self.rounding,
            self.projection,
            self.index,
            self.expected,
            self.found,
            explained,
            bins,
            also,
        )


@dataclass(frozen=True, eq=False)
class Case:
    """A layer that differs: the evidence, and what the definition makes of it."""

    e: Evidence
    base: Predicted

    @property
    def rule(self) -> Rule | Registers:
        return self.e.population.rule

    @property
    def whole(self) -> Variant:
        return Variant(self.rule, self.e.projections)

    @property
    def observed(self) -> bool:
        """The membrane was recorded."""
        return self.e.v is not None

    @property
    def in_current(self) -> bool:
        """The fault may lie in what arrives, or in the current."""
        return bool(self.base.bad_u.any()) or self.e.u is None

    @property
    def in_membrane(self) -> bool:
        return bool(self.base.bad_v.any()) or not self.observed

    @property
    def in_decision(self) -> bool:
        return bool(self.base.bad_s.any()) or not self.observed

    @property
    def late(self) -> bool:
        """A spike resets in the step after it."""
        return self.rule.spiking and self.rule.reset.kind != "none" and self.rule.reset.when != "now"

    @property
    def plain(self) -> Array:
        """Bins whose membrane no reset, refractory period or limit has touched."""
        e, base = self.e, self.base
        free: Array = np.ones(base.v.shape, bool)
        if e.spikes is not None:
            quiet = np.concatenate([np.ones_like(e.spikes[:1]), ~e.spikes[:-1]])
            free = ~e.spikes & quiet
        if self.late and e.v is not None:
            # a refractory period holds a membrane above the threshold
            above = e.v > base.theta
            free = free & np.concatenate([np.ones_like(above[:1]), ~above[:-1]])
        if self.rule.refractory is not None and e.spikes is not None:
            free = free & ~state_frozen(e, self.rule)
        return free

    def with_rule(self, **changes: Any) -> Variant:
        given: Any = self.rule
        return replace(self.whole, rule=replace(given, **changes))

    def with_receptor(self, k: int, **changes: Any) -> Variant:
        assert isinstance(self.rule, Rule)
        receptors = tuple(replace(r, **changes) if i == k else r for i, r in enumerate(self.rule.receptors))
        return self.with_rule(receptors=receptors)

    def receptors(self) -> tuple[Receptor, ...]:
        return () if isinstance(self.rule, Registers) else self.rule.receptors

    def full(self, value: Any) -> Array:
        """A parameter for every neuron."""
        return np.array(np.broadcast_to(np.asarray(value), self.e.shape))


Proposer = Callable[[Case], Any]


def decays_of(rule: Rule | Registers) -> tuple[list[Array], Array]:
    """(alpha of each receptor, beta) as factors per step."""
    if isinstance(rule, Registers):
        alpha = (DECAY_UNITY - 1 - np.asarray(rule.du)) / DECAY_UNITY
        return [alpha], (DECAY_UNITY - np.asarray(rule.dv)) / DECAY_UNITY
    return [np.asarray(r.alpha) for r in rule.receptors], np.asarray(rule.beta)
