"""Populations that are computed together, and their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.emissions import Emissions
from snndeploy.engines.torch.float_rule import FloatNeurons
from snndeploy.engines.torch.fused import Fused
from snndeploy.engines.torch.integer_rule import IntegerNeurons
from snndeploy.engines.torch.launched import Launched, Scans, fits
from snndeploy.engines.torch.layout import Layout
from snndeploy.engines.torch.link import Link
from snndeploy.engines.torch.record import Record
from snndeploy.engines.torch.settings import Settings
from snndeploy.engines.torch.synapses import Synapses
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import Registers

Neurons = FloatNeurons | IntegerNeurons
# what arrives at each receptor; None: nothing
Drive = list[Tensor | None]
# more steps than there are
EVER = 2**62


class Group(Protocol):
    """Populations of one block of samples."""

    def advance(self, start: int, steps: int, emissions: Emissions, record: Record, samples: slice) -> None:
        """Computes steps `start`...`start + steps - 1` of `samples`."""


def neurons(population: Population, batch: int, settings: Settings) -> Neurons:
    """The neurons of a population before the first step."""
    if isinstance(population.rule, Registers):
        return IntegerNeurons(population.rule, population.shape, batch, settings)
    return FloatNeurons(population.rule, population.shape, batch, settings)


def receptors(population: Population) -> int:
    return 1 if isinstance(population.rule, Registers) else len(population.rule.receptors)


def into_itself(network: Network, name: str) -> list[Projection]:
    return [p for p in network.into(name) if p.source == name]


def alone(network: Network, names: Sequence[str], scans: Scans) -> bool:
    """Whether one kernel does all steps: not for loops over several populations and of what does not spike."""
    population, inner = network.population[names[0]], into_itself(network, names[0])
    if len(names) > 1 or scans == "torch" or (inner and not population.rule.spiking):
        return False
    return scans == "numba" or fits(population, inner)


def add(drive: Drive, p: Projection, arrived: Tensor) -> None:
    so_far = drive[p.receptor]
    drive[p.receptor] = arrived if so_far is None else so_far + arrived


def kernel(network: Network, population: Population, inner: Sequence[Projection], by: Settings, scans: Scans) -> Fused:
    """One population, with its projections onto itself that are computed in its kernel."""
    if scans == "numba":
        return Fused(network, population, 1, inner, by.dtype)
    return Launched(network, population, 1, inner, by.dtype, by.device)


def whole_kernel(network: Network, name: str, layout: Layout, by: Settings, scans: Scans) -> Fused:
    """One population with all its projections onto itself, as its neurons lie in rows."""
    population = network.population[name]
    rule = layout.rule(population.rule) if isinstance(population.rule, Registers) else population.rule
    return kernel(network, Population(name, layout.stored, rule), into_itself(network, name), by, scans)


class Tiled:
    """One population: its drive tile by tile, its neurons in one kernel per tile; on a GPU a tile is a whole chunk."""

    def __init__(self, network: Network, name: str, fused: Fused, batch: int, rows: int):
        """`rows`: steps · samples of a tile, at most, if that is a step of all samples at least."""
        self.name, self.batch, self.fused = name, batch, fused.again(batch)
        self.outer = [p for p in network.into(name) if p.source != name]
        self.tile = EVER if isinstance(fused, Launched) else max(1, rows // batch)

    def driven(self, at: int, steps: int, emissions: Emissions) -> Drive:
        """What arrives from others in some steps of the chunk, (steps, samples, size)."""
        raise NotImplementedError

    def advance(self, start: int, steps: int, emissions: Emissions, record: Record, samples: slice) -> None:
        for at in range(0, steps, self.tile):
            now = min(self.tile, steps - at)
            drive, reach = self.driven(at, now, emissions), self.fused.reach
            before = emissions.late(self.name, at, reach, reach) if reach else None
            into = emissions.spikes(self.name, at - reach, reach + now) if self.fused.spiking else None
            out, kept = self.fused.advance(start + at, now, drive, before, record.wanted(self.name), into)
            if into is None:
                emissions.put_inside(self.name, at, out.reshape(now, self.batch, -1))
            for what, rows in kept.items():
                record.put(what, self.name, start + at, samples, rows.cpu().numpy())


class IntegerTiled(Tiled):
    """The integer form: sums of mantissas by the units of `synapses`."""

    def __init__(
        self, network: Network, name: str, fused: Fused, batch: int, rows: int, synapses: Mapping[str, Synapses]
    ):
        super().__init__(network, name, fused, batch, rows)
        self.into = [synapses[p.name] for p in self.outer]
        self.room = np.empty((0, batch, prod(fused.shape)), np.int32)

    def driven(self, at: int, steps: int, emissions: Emissions) -> Drive:
        if not self.into:
            return [None]
        if len(self.room) < steps:
            self.room = np.empty((steps, *self.room.shape[1:]), np.int32)
        drive = self.room[:steps]
        flat = drive.reshape(-1, drive.shape[2])
        for i, (each, p) in enumerate(zip(self.into, self.outer, strict=True)):
            x = emissions.inside(p.source, at, steps, p.delay)
            each(x.reshape(len(flat), -1), flat, i > 0)
        return [torch.from_numpy(drive)]


class FloatTiled(Tiled):
    """The float form: products of matrices in the caller's type."""

    def __init__(self, network: Network, name: str, fused: Fused, batch: int, rows: int, links: Mapping[str, Link]):
        super().__init__(network, name, fused, batch, rows)
        self.links = [links[p.name] for p in self.outer]
        self.receptors = receptors(network.population[name])

    def driven(self, at: int, steps: int, emissions: Emissions) -> Drive:
        drive: Drive = [None] * self.receptors
        for link, p in zip(self.links, self.outer, strict=True):
            add(drive, p, link(emissions.late(p.source, at, steps, p.delay)))
        return drive


class Stepwise:
    """Any populations of either form on any device, step by step; what arrives from others for all steps at once."""

    def __init__(
        self,
        network: Network,
        names: tuple[str, ...],
        links: Mapping[str, Link],
        batch: int,
        by: Settings,
        scans: Scans,
    ):
        self.names = names
        self.shapes = {name: (batch, *network.shapes[name]) for name in names}
        into = [(links[p.name], p) for name in names for p in network.into(name)]
        self.outer = [(link, p) for link, p in into if p.source not in names]
        self.inner = {name: [(link, p) for link, p in into if p.target == name and p.source in names] for name in names}
        self.device = by.device
        self.receptors = {name: receptors(network.population[name]) for name in names}
        self.fused: dict[str, Fused] = {}
        self.neurons: dict[str, Neurons] = {}
        for name in names:
            population = network.population[name]
            if scans == "torch":
                self.neurons[name] = neurons(population, batch, by)
            else:
                self.fused[name] = kernel(network, population, (), by, scans).again(batch)

    def _driven(self, steps: int, emissions: Emissions) -> dict[str, Drive]:
        """What arrives from outside the group."""
        drive: dict[str, Drive] = {name: [None] * count for name, count in self.receptors.items()}
        for link, p in self.outer:
            add(drive[p.target], p, link(emissions.late(p.source, 0, steps, p.delay)))
        return drive

    def advance(self, start: int, steps: int, emissions: Emissions, record: Record, samples: slice) -> None:
        drive = self._driven(steps, emissions)
        kept: dict[tuple[str, str], list[Tensor]] = {}
        for i in range(steps):
            for name in self.names:
                now = [None if rows is None else rows[i : i + 1] for rows in drive[name]]
                for link, p in self.inner[name]:
                    add(now, p, link(emissions.late(p.source, i, 1, p.delay)))
                emitted, recorded = self._step(name, start + i, now, record.wanted(name))
                emissions.put(name, i, emitted)
                for what, rows in recorded.items():
                    kept.setdefault((what, name), []).append(rows)
        for (what, name), pieces in kept.items():
            record.put_natural(what, name, start, samples, torch.cat(pieces).cpu().numpy())

    def _step(self, name: str, t: int, drive: Drive, wanted: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        if self.fused:
            return self.fused[name].advance(t, 1, drive, None, wanted)
        cells = self.neurons[name]
        silence = torch.zeros((), dtype=cells.drive_type, device=self.device).expand(self.shapes[name])
        emitted = cells.step(t, [silence if rows is None else rows[0] for rows in drive])
        kept = [what for what in wanted if what != "spikes" or cells.spiking]
        return emitted[None], {what: cells.recorded(what)[None] for what in kept}
