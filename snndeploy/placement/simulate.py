"""Cores that hold only their tables: the integer reference, executed from addresses as a chip does.

All cores update in every step of the chip. A spike becomes one event per route, (core, axon), which arrives a step
later, or as many more as the delay of its axon says; an event is added to the sums of the synapses of its axon, per
projection, whose exponent is applied when the core updates. A population starts as many steps late as its spikes need
to come in (`timing.latencies`). Nothing but registers, formats and delays is taken from the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from snndeploy.engines.base import Job
from snndeploy.engines.reference.integer_rule import IntegerState, accumulate
from snndeploy.engines.samples import run_samples
from snndeploy.engines.trace import Trace, chosen, reduced, wanted
from snndeploy.errors import error
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.network.registers import Format, Registers
from snndeploy.network.timing import latencies
from snndeploy.placement.addresses import Tables, tables
from snndeploy.placement.pieces import Piece, registers_of


def simulate(
    network: Network,
    core_of: Mapping[str, Array],
    spikes: Any,
    record: Iterable[str] = ("spikes",),
    progress: Callable[[int, int], None] | None = None,
    only: Iterable[str] | None = None,
    shared: bool = True,
) -> Trace:
    """Runs the tables of a placed network; see the module. The trace is in network time.

    Args:
        core_of: core of each neuron by population. shared: as for `addresses.tables`.

    Raises:
        SnnDeployError SD106: a loop has fewer steps of delay than projections. SD209: the float form. SD260: the
            assignment is not of this network.
    """
    spec.check(network)
    if network.form != "integer":
        raise error("SD209", "network", "it is in the float form", "quantise it first")
    kept = chosen(network, only)
    job = Job(
        network, as_inputs(network, spikes), wanted(network, record), False, progress or (lambda done, total: None)
    )

    def run(each: Job) -> Trace:
        return _run(each, core_of, shared)

    return reduced(run_samples(job, run) if per_sample(network) else run(job), kept)


def _run(job: Job, core_of: Mapping[str, Array], shared: bool) -> Trace:
    network, late = job.network, latencies(job.network)
    held = tables(network, core_of, shared)
    chip = _Chip(network, held, late)
    steps, batch = next(iter(job.inputs.values())).shape[:2]
    last = steps + max(late.values())
    parts = [(each, chip.compartments(core, each), _state(network, each, batch)) for core, each in held.parts]
    rows: dict[str, dict[str, Array]] = {what: {} for what in job.record}
    arriving: dict[int, Array] = {}
    spikes = events = 0
    for t in range(last):
        drive = chip.drive(arriving.pop(t, None), batch)
        active = {name: array[t].reshape(batch, -1).T for name, array in job.inputs.items() if t < steps}
        for each, compartments, state in parts:
            own = t - late[each.population]
            if not 0 <= own < steps:
                continue
            emitted = state.step(own, [drive[compartments].T]).T
            size = len(core_of[each.population])
            if state.rule.spiking:
                sent = active.setdefault(each.population, np.zeros((size, batch), np.int64))
                sent[each.neurons] = emitted
                spikes += int(emitted.sum())
            for what in job.record:
                if what != "spikes" or state.rule.spiking:
                    kept = np.asarray(state.recorded(what))
                    whole = rows[what].setdefault(each.population, np.zeros((steps, batch, size), kept.dtype))
                    whole[own][:, each.neurons] = kept
        for name, sent in active.items():
            for extra, matrix, fan_out in chip.routes[name]:
                if t + 1 + extra < last and sent.any():
                    events += int(np.count_nonzero(sent, axis=1) @ fan_out)
                    arriving[t + 1 + extra] = arriving.get(t + 1 + extra, 0) + matrix @ sent
        job.progress(min(t + 1, steps), steps)
    order = {what: [each for each in network.populations if each.name in by] for what, by in rows.items()}
    made = {what: {e.name: rows[what][e.name].reshape(steps, batch, *e.shape) for e in order[what]} for what in rows}
    table = f"{held.cores:,} cores, {len(held.axon_projection):,} input axons, {len(held.mantissa):,} synapses; "
    notes = (f"{table}{events:,} events of inputs and of {spikes:,} spikes",)
    used = {each.name: late[each.name] for each in network.populations}
    seen, u, v = (made.get(what, {}) for what in ("spikes", "u", "v"))
    return Trace(network, "cores", "int", job.inputs, seen, u, v, used, notes)


class _Chip:
    """Tables as matrices: what arrives at axons becomes drive, what neurons send arrives at axons."""

    def __init__(self, network: Network, held: Tables, late: Mapping[str, int]):
        from scipy import sparse

        self.held = held
        axons, compartments = len(held.axon_projection), int(held.compartment_start[-1])
        at = np.repeat(held.compartment_start[held.axon_core], np.diff(held.synapse_start)) + held.compartment
        whole = sparse.csc_array((held.mantissa, at, held.synapse_start), (compartments, axons))
        self.synapses: list[tuple[Format, Array, Any]] = []
        extra = np.zeros(axons, np.int64)
        for k, p in enumerate(network.projections):
            mine = np.flatnonzero(held.axon_projection == k)
            extra[mine] = p.delay + late[p.target] - late[p.source] - 1
            assert p.format is not None
            if len(mine):
                self.synapses.append((p.format, mine, sparse.csr_array(whole[:, mine])))
        self.routes: dict[str, list[tuple[int, Any, Array]]] = {}
        for name, sent in held.routes.items():
            source = np.repeat(np.arange(len(sent.start) - 1), np.diff(sent.start))
            self.routes[name] = []
            for wait in np.unique(extra[sent.axon]):
                these = extra[sent.axon] == wait
                where, ones = (sent.axon[these], source[these]), np.ones(int(these.sum()), np.int64)
                size = (axons, len(sent.start) - 1)
                matrix = sparse.csr_array(sparse.coo_array((ones, where), size))
                self.routes[name].append((int(wait), matrix, np.bincount(where[1], minlength=size[1])))

    def compartments(self, core: int, each: Piece) -> Array:
        return np.asarray(self.held.compartment_start[core] + self.held.compartment_of[each.population][each.neurons])

    def drive(self, arrived: Array | None, batch: int) -> Array:
        """int64 (compartments of all cores, batch), from the events at each axon (axons, batch)."""
        total = np.zeros((int(self.held.compartment_start[-1]), batch), np.int64)
        if arrived is not None:
            for form, axons, matrix in self.synapses:
                total += accumulate(matrix @ arrived[axons], form)
        return total


def _state(network: Network, each: Piece, batch: int) -> IntegerState:
    population = network.population[each.population]
    assert isinstance(population.rule, Registers)
    return IntegerState(registers_of(population.rule, population.shape, each.neurons), (batch, len(each.neurons)))
