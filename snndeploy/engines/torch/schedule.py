"""The order of computation: samples in blocks, time in chunks; within a chunk, group by group.

The drive that a group receives from outside itself is computed for many steps in one product. Then the neurons are
scanned over time; only the projections inside a group with feedback are computed step by step.
"""

from __future__ import annotations

from math import prod

import numpy as np
import torch

from snndeploy.engines.base import Job
from snndeploy.engines.torch.blocks import TILE, Needs, cut
from snndeploy.engines.torch.emissions import Emissions, Store
from snndeploy.engines.torch.group import FloatTiled, Group, IntegerTiled, Stepwise, alone, whole_kernel
from snndeploy.engines.torch.launched import scans
from snndeploy.engines.torch.layout import Layout
from snndeploy.engines.torch.link import Link
from snndeploy.engines.torch.products import BYTE
from snndeploy.engines.torch.record import Record
from snndeploy.engines.torch.settings import Settings
from snndeploy.engines.torch.synapses import Synapses
from snndeploy.engines.torch.workers import Done, Work, do
from snndeploy.engines.trace import Trace
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule
from snndeploy.network.timing import update_order


def largest(job: Job, name: str) -> int:
    """The largest magnitude that a source emits, in the integer form; spikes are 1, and signed numbers fit no byte."""
    given = job.network.input.get(name)
    if given is None or given.kind in ("binary", "constant") or job.network.form == "float":
        return 1
    most = max(int(np.max(job.inputs[name])), -int(np.min(job.inputs[name])))
    return max(most, BYTE + 1) if given.kind == "signed" else most


def _bits(network: Network, name: str) -> bool:
    """Whether a source of the float form emits 0 and 1 alone."""
    if name in network.input:
        return network.input[name].kind in ("binary", "constant")
    rule = network.population[name].rule
    return rule.spiking and isinstance(rule, Rule) and bool(np.all(rule.value == 1))


class Plan:
    """What all blocks of samples share: parameters in the form in which they are used, and where everything lies."""

    def __init__(self, job: Job, by: Settings):
        network = self.network = job.network
        self.job, self.by = job, by
        self.order = update_order(network)
        self.scans = scans(by.device)
        self.largest = {name: largest(job, name) for name in network.shapes}
        self.tiled = {names[0] for names in self.order if alone(network, names, self.scans)}
        self.layouts = {name: Layout(shape, self._moved(name)) for name, shape in network.shapes.items()}
        self.kernels = {name: whole_kernel(network, name, self.layouts[name], by, self.scans) for name in self.tiled}
        self.links: dict[str, Link] = {}
        self.synapses: dict[str, Synapses] = {}
        for p in network.projections:
            inside = p.target in self.tiled
            if inside and p.source == p.target:
                continue  # in the kernel
            if inside and self.units:
                self.synapses[p.name] = Synapses(network, p, self.largest[p.source], self.layouts, by)
            else:
                self.links[p.name] = Link(network, p, self.largest[p.source], by)
        wide = {name: self._drive_bytes(name) for name in self.tiled}
        # what a tile takes, in each thread
        self.tile = max(min(TILE, by.memory // 4 // by.threads), *wide.values(), 0)
        self.together = max(1, self.tile // max(1, *wide.values(), 0))
        self.rows = {name: self.tile // each for name, each in wide.items()}
        self.stores = {name: self._store(name) for name in {p.source for p in network.projections}}

    @property
    def units(self) -> bool:
        """Whether sums are computed by the units of `synapses`."""
        return self.network.form == "integer" and self.scans == "numba"

    def _moved(self, name: str) -> bool:
        """Channels last: not where a kernel does what a population sends itself, in the order of the network."""
        network = self.network
        if not self.units or len(network.shapes[name]) < 2:
            return False
        return not any(p.source == name for p in network.into(name))

    def _drive_bytes(self, name: str) -> int:
        """What the drive of one step of one sample takes, and whatever is needed on the way."""
        into = [p for p in self.network.into(name) if p.source != name]
        size = prod(self.network.shapes[name])
        if self.units:
            most = max((self.synapses[p.name].row_bytes for p in into), default=0)
            return 4 * size * (1 + (len(into) > 1)) + most
        return 3 * self.by.dtype.itemsize * max(size, *(prod(self.network.shapes[p.source]) for p in into), 0)

    def _store(self, name: str) -> Store:
        network, by = self.network, self.by
        reach = max((p.delay for p in network.projections if p.source == name), default=0)
        if network.form == "float":
            dtype = torch.uint8 if self.scans == "numba" and _bits(network, name) else by.dtype
        elif self.largest[name] <= BYTE and self.units:
            dtype = torch.uint8
        else:
            # spikes and usual counts are exact in float32; larger counts need float64
            dtype = torch.float64 if self.largest[name] >= 2**24 else torch.float32
        return Store(self.layouts[name], dtype, reach)

    def groups(self, batch: int) -> list[Group]:
        """All groups before the first step."""
        return [self._group(names, batch) for names in self.order]

    def _group(self, names: tuple[str, ...], batch: int) -> Group:
        network, name, by = self.network, names[0], self.by
        if name not in self.tiled:
            return Stepwise(network, names, self.links, batch, by, self.scans)
        if self.units:
            return IntegerTiled(network, name, self.kernels[name], batch, self.rows[name], self.synapses)
        return FloatTiled(network, name, self.kernels[name], batch, self.rows[name], self.links)

    @property
    def several(self) -> bool:
        """Whether blocks of samples are computed one by one; step by step, all at once take as many calls as one."""
        return self.scans == "numba" and all(names[0] in self.tiled for names in self.order)

    @property
    def row_bytes(self) -> int:
        """What one step of one sample takes in a chunk."""
        kept = sum(each.layout.size * each.dtype.itemsize for each in self.stores.values())
        if self.several:
            return kept
        wide = max((prod(self.network.shapes[p.source]) + prod(each.out) for p in self.network.projections
                    for each in [self.links.get(p.name)] if each is not None), default=0)  # fmt: skip
        return kept + 16 * wide

    @property
    def sample_bytes(self) -> int:
        """What one sample takes besides."""
        past = sum(each.layout.size * each.dtype.itemsize * each.reach for each in self.stores.values())
        return past + 64 * sum(prod(each.shape) for each in self.network.populations)

    @property
    def needs(self) -> Needs:
        return Needs(self.row_bytes, self.sample_bytes, self.tile, self.together if self.several else None)

    def notes(self) -> tuple[str, ...]:
        steps = ["neurons are computed step by step: Triton is not installed"] if self.scans == "torch" else []
        links = [each.note for each in self.links.values() if each.note]
        return (*(each.note for each in self.synapses.values()), *links, *steps)


@torch.inference_mode()
def run_block(plan: Plan, samples: slice, chunk: int, record: Record, done: Done) -> None:
    """All steps of a block of samples. `done` is told the steps · samples that are."""
    job, by = plan.job, plan.by
    batch = samples.stop - samples.start
    groups = plan.groups(batch)
    emissions = Emissions(plan.stores, chunk, batch, by.device)
    for start in range(0, record.steps, chunk):
        now = min(chunk, record.steps - start)
        for name, array in job.inputs.items():
            emissions.put(name, 0, array[start : start + now, samples])
        for group in groups:
            group.advance(start, now, emissions, record, samples)
        emissions.turn(now)
        done(now * batch)


def execute(job: Job, by: Settings) -> Trace:
    """Runs a job. The result does not depend on blocks, chunks and threads but for rounding in the float form."""
    network = job.network
    steps, batch = next(iter(job.inputs.values())).shape[:2]
    plan = Plan(job, by)
    way = cut(steps, batch, plan.needs, by.memory, by.threads)
    record = Record(job, steps, batch, plan.layouts)
    finished = 0

    def done(rows: int) -> None:
        nonlocal finished
        finished += rows
        job.progress(finished // batch, steps)

    def work(samples: slice) -> Work:
        return lambda told: run_block(plan, samples, way.chunk, record, told)

    do([work(samples) for samples in way.blocks], by.threads, done)
    dtype = "int" if network.form == "integer" else str(by.dtype).removeprefix("torch.")
    spikes, u, v = (record.arrays(what) for what in ("spikes", "u", "v"))
    return Trace(network, by.label, dtype, job.inputs, spikes, u, v, notes=plan.notes(), raw=job.raw)
