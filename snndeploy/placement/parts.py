"""Parts: neurons of one population that go to one core together, and what they need of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf, prod
from typing import NamedTuple

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement.axons import Axons
from snndeploy.placement.settings import Settings, limits
from snndeploy.placement.windows import Windows
from snndeploy.placement.wires import SynapseFormat, Wires
from snndeploy.targets import Target

# what adds up over the parts of a core
ADDED = ("neurons", "input axons", "bits of synaptic memory", "output axons")


@dataclass(frozen=True, eq=False)
class Part:
    """Attributes:
    neurons: int64, their numbers in the population, row-major.
    need: int64 (4,), `ADDED`, at most; a core that holds several parts needs at most the sum.
    kinds: the settings that they need, as `settings.KINDS`. formats: those of the synapses onto them.
    heard: source neurons that have synapses there, over all projections.
    """

    population: str
    neurons: Array
    need: Array
    kinds: tuple[Array, ...]
    formats: frozenset[SynapseFormat]
    heard: int


class Asked(NamedTuple):
    """What neurons need of one projection: axons, bits of memory, and the sources that they hear."""

    axons: int
    bits: int
    heard: int


# so few neurons may fit a core of their own where sources happen to have the same weight for them
FEW = 4


@dataclass
class Study:
    """What parts of a network need on a target.

    Attributes:
        into: the wires of each population. needs: None where settings do not count.
        reach: by population the cores that each neuron reaches, over all projections, as far as they are known.
        asked: what single neurons of convolutions need, for others that are alike.
    """

    network: Network
    target: Target
    into: Mapping[str, tuple[Wires, ...]]
    needs: Settings | None
    reach: dict[str, Array] = field(default_factory=dict)
    asked: dict[tuple[int, ...] | None, Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reach = {each.name: np.zeros(prod(each.shape), np.int64) for each in self.network.populations}
        core = self.target.core
        given = (core.neurons, core.input_axons, core.synaptic_memory_bits, core.output_axons)
        self.limits = np.array([fact.value for fact in given])
        self.kind_limits = limits(self.target)
        self.format_limit = core.synapse_formats.value

    def part(self, population: str, neurons: Array) -> Part:
        """What these neurons need of a core."""
        return self._part(population, neurons, Wires.planned)

    def _part(self, population: str, neurons: Array, axons_of: Callable[[Wires, Array], Axons]) -> Part:
        axons = bits = heard = 0
        formats = set()
        for each in self.into[population]:
            found = self._asked(each, neurons, axons_of)
            if found.heard:
                axons += found.axons
                heard += found.heard
                bits += found.bits
                formats.add(each.form)
        outs = int(self.reach[population][neurons].sum())
        need = np.array([len(neurons), axons, bits, outs])
        return Part(population, neurons, need, self.kinds(population, neurons), frozenset(formats), heard)

    def _asked(self, wires: Wires, neurons: Array, axons_of: Callable[[Wires, Array], Axons]) -> Asked:
        """What neurons need of one projection; of one neuron of a convolution it is known from one that is alike."""
        key = None
        if len(neurons) == 1 and isinstance(wires.held, Windows):
            exact = axons_of is Wires.onto
            if exact or wires.classes is None:
                key = (id(wires), exact, *wires.held.alike(int(neurons[0])))
        if key in self.asked:
            return self.asked[key]
        found = axons_of(wires, neurons)
        asked = Asked(len(found.synapses), wires.memory(found, neurons), len(found.sources))
        if key is not None:
            self.asked[key] = asked
        return asked

    def kinds(self, population: str, neurons: Array) -> tuple[Array, ...]:
        if self.needs is None:
            return ()
        if (self.needs.most[population] == 1).all():
            return tuple(self.needs.of[population][:, :1])
        return tuple(np.unique(row) for row in self.needs.of[population][:, neurons])

    def share(self, part: Part) -> float:
        """How much of a core a part takes, by the limit that it takes most of; infinite beyond settings and formats."""
        beyond = any(len(row) > n for row, n in zip(part.kinds, self.kind_limits, strict=False))
        if beyond or len(part.formats) > self.format_limit:
            return inf
        return float((part.need / self.limits).max())

    def fitting(self, population: str, neurons: Array) -> Part | None:
        """The part, if it fits a core of its own."""
        if len(neurons) > self.limits[0] or self.reach[population][neurons].sum() > self.limits[3]:
            return None
        found = self.part(population, neurons)
        return found if self.share(found) <= 1 else self.by_chance(found)

    def by_chance(self, part: Part) -> Part | None:
        """A part too large for a core that yet fits one of its own, for sources have equal weights just there."""
        if len(part.neurons) > FEW or self.share(part) == inf:
            return None
        if (self._part(part.population, part.neurons, Wires.onto).need > self.limits).any():
            return None
        # nothing can be added to that: the core counts as full
        return replace(part, need=np.array([*self.limits[:3], part.need[3]]))

    def reached(self, parts: list[Part]) -> None:
        """Notes that each of these parts of one population is on a core of its own."""
        for part in parts:
            for each in self.into[part.population]:
                if each.projection.source in self.reach:
                    self.reach[each.projection.source][each.sources(part.neurons)] += 1


class Room:
    """What is left on the cores opened so far."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.used = np.zeros((0, len(ADDED)), np.int64)
        self.kinds: list[tuple[Array, ...]] = []
        self.formats: list[frozenset[SynapseFormat]] = []

    def first(self, part: Part) -> int:
        """The first core that has room for a part; a new one if none has."""
        for core in np.flatnonzero((self.used[: len(self.kinds)] + part.need <= self.study.limits).all(axis=1)):
            if self.shares(int(core), part):
                return int(core)
        if len(self.kinds) == len(self.used):
            self.used = np.concatenate([self.used, np.zeros((1 + len(self.used), len(ADDED)), np.int64)])
        self.kinds.append(tuple(np.zeros(0, np.int64) for _ in part.kinds))
        self.formats.append(frozenset())
        return len(self.kinds) - 1

    def share(self, core: int, part: Part) -> float:
        """The share of a core that is in use once a part is there too; infinite beyond settings and formats."""
        if not self.shares(core, part):
            return inf
        return float(((self.used[core] + part.need) / self.study.limits).max())

    def shares(self, core: int, part: Part) -> bool:
        """Whether the settings and formats of a core suffice for a part as well."""
        if len(self.formats[core] | part.formats) > self.study.format_limit:
            return False
        each = zip(self.kinds[core], part.kinds, self.study.kind_limits, strict=False)
        return all(np.union1d(held, row).size <= most for held, row, most in each)

    def take(self, core: int, part: Part) -> None:
        self.used[core] += part.need
        self.kinds[core] = tuple(np.union1d(a, b) for a, b in zip(self.kinds[core], part.kinds, strict=True))
        self.formats[core] = self.formats[core] | part.formats
