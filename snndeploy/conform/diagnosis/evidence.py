"""What a trace recorded of one layer, and of what came into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from snndeploy.conform.align import View
from snndeploy.conform.rounding import TYPES, arrive
from snndeploy.engines.reference.integer_rule import accumulate
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_apply
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_MAX, Registers
from snndeploy.network.rule import Rule

# samples of a trace that are looked at, those that differ first
SAMPLES = 4
# an operation is off by half of this at most, and a step has fewer of them
ROUNDINGS = 32


@dataclass(frozen=True, eq=False)
class Evidence:
    """One population of a trace, with all that was recorded; arrays are (time, batch, *shape).

    Attributes:
        network: the definition. population: of it.
        sources: what each source of the population emitted.
        spikes, u, v: None where they were not recorded. u: (time, batch, receptors, *shape).
        eps: relative error of one operation of the trace's arithmetic; 0 for integers.
        converted: it was computed in other units, see `Trace.converted`.
    """

    network: Network
    population: Population
    projections: tuple[Projection, ...]
    sources: Mapping[str, Array]
    spikes: Array | None
    u: Array | None
    v: Array | None
    eps: float
    converted: bool = False
    _drives: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def integer(self) -> bool:
        return isinstance(self.population.rule, Registers)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.population.shape

    @property
    def steps(self) -> int:
        return len(self._any)

    @property
    def batch(self) -> int:
        return len(self._any[0])

    @property
    def _any(self) -> Array:
        return next(each for each in (self.spikes, self.v, self.u) if each is not None)

    @property
    def filtered(self) -> bool:
        """Some current has memory."""
        rule = self.population.rule
        if isinstance(rule, Registers):
            return bool((np.asarray(rule.du) != DECAY_MAX).any())
        return any(np.asarray(r.alpha).any() for r in rule.receptors)

    def drives(self, projections: Sequence[Projection], others: Sequence[tuple[str, Array]] = ()) -> list[Array]:
        """What arrives at each receptor: (time, batch, *shape). others: what sources emitted instead, by name."""
        key = (*map(id, projections), *(id(rows) for _, rows in others))
        if key not in self._drives:
            emitted = {**self.sources, **dict(others)}
            receptors = 1 if self.integer else len(self.population.rule.receptors)  # type: ignore[union-attr]
            kind = np.int64 if self.integer else np.float64
            found: list[Array] = [np.zeros((self.steps, self.batch, *self.shape), kind) for _ in range(receptors)]
            for p in projections:
                arrived = chain_apply(p.maps, delayed(emitted[p.source], p.delay).astype(kind))
                found[p.receptor] = found[p.receptor] + (accumulate(arrived, p.format) if p.format else arrived)
            if len(self._drives) > 8:
                self._drives.clear()
            # what the key names is kept, so that the names stay its own
            self._drives[key] = (found, list(projections), list(others))
        kept: list[Array] = self._drives[key][0]
        return kept

    @cached_property
    def sizes(self) -> list[tuple[Array, float]]:
        """Of what arrives at each receptor: sum of magnitudes times roundings, and a quantum of all its terms."""
        rule = self.population.rule
        assert isinstance(rule, Rule)
        found = [(np.zeros((self.steps, self.batch, *self.shape)), np.inf) for _ in rule.receptors]
        for p in self.projections:
            rows = delayed(self.sources[p.source], p.delay).astype(np.float64)
            drive, had = arrive(p.maps, rows, len(self.shape)), found[p.receptor]
            size = had[0] + (drive.roundings + ROUNDINGS) * drive.magnitude
            found[p.receptor] = (size, min(had[1], drive.quantum))
        return found


def delayed(rows: Array, delay: int) -> Array:
    """Rows `delay` steps later (earlier, < 0); zeros where there are none."""
    if delay == 0:
        return rows
    moved = np.zeros_like(rows)
    if abs(delay) < len(rows):
        if delay > 0:
            moved[delay:] = rows[:-delay]
        else:
            moved[:delay] = rows[-delay:]
    return moved


def gather(network: Network, view: View, name: str, samples: Array) -> Evidence | None:
    """The evidence on one layer in some samples; None where its sources, or all of it, were not recorded."""
    population = network.population[name]
    sources = {}
    for p in network.into(name):
        rows = _emitted(network, view, p.source)
        if rows is None:
            return None
        sources[p.source] = rows[:, samples]
    held = [getattr(view, what).get(name) for what in ("spikes", "u", "v")]
    spikes, u, v = (None if array is None else np.asarray(array)[:, samples] for array in held)
    if spikes is None and v is None and u is None:
        return None
    if population.rule.spiking and spikes is None:
        return None
    if u is not None and u.ndim == len(population.shape) + 2:
        u = u[:, :, None]
    integer = isinstance(population.rule, Registers)
    eps = 0.0 if integer else float(np.finfo(TYPES.get(view.trace.dtype, np.float32)).eps)
    kind = np.int64 if integer else np.float64
    u, v = (None if array is None else array.astype(kind) for array in (u, v))
    return Evidence(network, population, network.into(name), sources, spikes, u, v, eps, view.trace.converted)


def _emitted(network: Network, view: View, name: str) -> Array | None:
    if name in network.input:
        if name in view.inputs:
            return np.asarray(view.inputs[name])
        each = network.input[name]
        if each.kind != "constant":
            return None
        on = (np.arange(view.steps) >= each.onset).astype(np.int64).reshape(-1, 1, *(1,) * len(each.shape))
        return np.broadcast_to(on, (view.steps, view.batch, *each.shape))
    rule = network.population[name].rule
    if not rule.spiking:
        return np.asarray(view.v[name]) if name in view.v else None
    if name not in view.spikes:
        return None
    return np.asarray(rule.value) * view.spikes[name] if isinstance(rule, Rule) else view.spikes[name].astype(np.int64)
