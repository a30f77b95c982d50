"""The order of computation: time in chunks; within a chunk, group by group; within a group, all steps.

The drive that a group receives from outside itself is computed for all steps of a chunk in one product. Then the
neurons are scanned over time; only the projections inside a group with feedback are computed step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.base import Job
from snndeploy.engines.torch.float_rule import FloatNeurons
from snndeploy.engines.torch.fused import Fused
from snndeploy.engines.torch.integer_rule import IntegerNeurons
from snndeploy.engines.torch.link import Link
from snndeploy.engines.torch.settings import Settings
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population
from snndeploy.network.registers import Registers
from snndeploy.network.timing import update_order

Neurons = FloatNeurons | IntegerNeurons
# How many numbers the emissions of one chunk may hold, all populations together (128 MiB in float64).
CHUNK_NUMBERS = 2**24


def neurons(population: Population, batch: int, settings: Settings) -> Neurons:
    """The neurons of a population before the first step."""
    if isinstance(population.rule, Registers):
        return IntegerNeurons(population.rule, population.shape, batch, settings)
    return FloatNeurons(population.rule, population.shape, batch, settings)


def receptors(population: Population) -> int:
    return 1 if isinstance(population.rule, Registers) else len(population.rule.receptors)


class Emissions:
    """What sources emit in the current chunk, and as many steps before it as the longest delay needs."""

    def __init__(self, network: Network, inputs: Mapping[str, Array], chunk: int, batch: int, settings: Settings):
        self.reach = {
            name: max((p.delay for p in network.projections if p.source == name), default=0) for name in network.shapes
        }
        integer = network.form == "integer"
        self.rows: dict[str, Tensor] = {}
        for name in {p.source for p in network.projections}:
            # spikes and usual counts are exact in float32; larger counts need float64
            large = name in inputs and int(np.abs(inputs[name]).max()) >= 2**24
            dtype = (torch.float64 if large else torch.float32) if integer else settings.dtype
            size = (self.reach[name] + chunk, batch, *network.shapes[name])
            self.rows[name] = torch.zeros(size, dtype=dtype, device=settings.device)

    def put(self, name: str, first: int, rows: Tensor) -> None:
        """Stores the emissions of steps `first`... of the chunk."""
        if name in self.rows:
            at = self.reach[name] + first
            self.rows[name][at : at + rows.shape[0]] = rows

    def late(self, name: str, first: int, steps: int, delay: int) -> Tensor:
        """What arrives in steps `first`... of the chunk over `delay` steps."""
        at = self.reach[name] + first - delay
        return self.rows[name][at : at + steps]

    def turn(self, steps: int) -> None:
        """A chunk of `steps` ends: its last rows become the past of the next."""
        for name, rows in self.rows.items():
            reach = self.reach[name]
            rows[:reach] = rows[steps : steps + reach].clone()


class Group:
    """Populations that are computed together."""

    def __init__(self, network: Network, names: tuple[str, ...], links: dict[str, Link], batch: int, by: Settings):
        self.names = names
        self.shapes = {name: (batch, *network.shapes[name]) for name in names}
        into = [(links[p.name], p) for name in names for p in network.into(name)]
        self.outer = [(link, p) for link, p in into if p.source not in names]
        self.inner = {name: [(link, p) for link, p in into if p.target == name and p.source in names] for name in names}
        self.device = by.device
        self.receptors = {name: receptors(network.population[name]) for name in names}
        # all steps in one kernel; None: step by step, for loops over several populations and of what does not spike
        one = len(names) == 1 and (network.population[names[0]].rule.spiking or not self.inner[names[0]])
        self.alone = names[0] if one else None
        self.fused: dict[str, Fused] = {}
        self.neurons: dict[str, Neurons] = {}
        for name in names:
            population = network.population[name]
            if by.device.type == "cpu":
                inner = [p for _, p in self.inner[name]] if self.alone else []
                self.fused[name] = Fused(network, population, batch, inner, by.dtype)
            else:
                self.neurons[name] = neurons(population, batch, by)

    def _driven(self, steps: int, emissions: Emissions) -> dict[str, list[Tensor | None]]:
        """What arrives from outside the group."""
        drive: dict[str, list[Tensor | None]] = {name: [None] * count for name, count in self.receptors.items()}
        for link, p in self.outer:
            arrived, so_far = link(emissions.late(p.source, 0, steps, p.delay)), drive[p.target][p.receptor]
            drive[p.target][p.receptor] = arrived if so_far is None else so_far + arrived
        return drive

    def advance(self, start: int, steps: int, emissions: Emissions, record: tuple[str, ...], tape: Tape) -> None:
        """Computes steps `start`...`start + steps - 1`."""
        drive = self._driven(steps, emissions)
        if self.alone is not None and self.fused:
            self._fused(self.alone, start, 0, steps, drive[self.alone], emissions, record, tape)
            return
        for i in range(steps):
            for name in self.names:
                now = [None if rows is None else rows[i : i + 1] for rows in drive[name]]
                for link, p in self.inner[name]:
                    arrived, so_far = link(emissions.late(p.source, i, 1, p.delay)), now[p.receptor]
                    now[p.receptor] = arrived if so_far is None else so_far + arrived
                if self.fused:
                    self._fused(name, start, i, 1, now, emissions, record, tape)
                    continue
                cells = self.neurons[name]
                silence = torch.zeros((), dtype=cells.drive_type, device=self.device).expand(self.shapes[name])
                emitted = cells.step(start + i, [silence if rows is None else rows[0] for rows in now])
                emissions.put(name, i, emitted[None])
                for what in record:
                    if what != "spikes" or cells.spiking:
                        tape.setdefault((what, name), []).append(cells.recorded(what)[None])

    def _fused(
        self,
        name: str,
        start: int,
        at: int,
        steps: int,
        drive: list[Tensor | None],
        emissions: Emissions,
        record: tuple[str, ...],
        tape: Tape,
    ) -> None:
        reach = self.fused[name].reach
        before = emissions.late(name, 0, reach, reach) if reach else None
        out, kept = self.fused[name].advance(start + at, steps, drive, before, record)
        emissions.put(name, at, out)
        for what, rows in kept.items():
            tape.setdefault((what, name), []).append(rows)


Tape = dict[tuple[str, str], list[Tensor]]


def chunk_size(network: Network, steps: int, batch: int) -> int:
    """Steps per chunk, so that a chunk's emissions stay within `CHUNK_NUMBERS`."""
    per_step = batch * sum(prod(shape) for shape in network.shapes.values())
    return max(1, min(steps, CHUNK_NUMBERS // per_step))


@torch.inference_mode()
def execute(job: Job, by: Settings) -> Trace:
    """Runs a job. The result does not depend on the size of the chunks but for rounding in the float form."""
    network = job.network
    integer = network.form == "integer"
    steps, batch = next(iter(job.inputs.values())).shape[:2]
    chunk = chunk_size(network, steps, batch)
    largest = {name: int(np.abs(job.inputs[name]).max()) if name in job.inputs else 1 for name in network.shapes}
    links = {p.name: Link(network, p, largest[p.source], by) for p in network.projections}
    groups = [Group(network, names, links, batch, by) for names in update_order(network)]
    emissions = Emissions(network, job.inputs, chunk, batch, by)
    kept: dict[str, dict[str, Array]] = {"spikes": {}, "u": {}, "v": {}}

    for start in range(0, steps, chunk):
        now = min(chunk, steps - start)
        for name, array in job.inputs.items():
            emissions.put(name, 0, torch.tensor(array[start : start + now], device=by.device))
        tape: Tape = {}
        for group in groups:
            group.advance(start, now, emissions, job.record, tape)
        for (what, name), pieces in tape.items():
            rows: Array = torch.cat(pieces).cpu().numpy()
            whole = kept[what].setdefault(name, np.empty((steps, *rows.shape[1:]), rows.dtype))
            whole[start : start + now] = rows
        emissions.turn(now)
        job.progress(start + now, steps)

    dtype = "int" if integer else str(by.dtype).removeprefix("torch.")
    return Trace(network, by.label, dtype, job.inputs, kept["spikes"], kept["u"], kept["v"], raw=job.raw)
