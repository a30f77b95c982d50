"""The living definition: both forms in plain NumPy, float64 and int64, one step at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from snndeploy.engines.base import Job, check_options
from snndeploy.engines.reference.float_rule import FloatState
from snndeploy.engines.reference.integer_rule import IntegerState, accumulate
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_apply, chain_matrix
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import Registers
from snndeploy.network.timing import update_order

State = FloatState | IntegerState


def missing() -> str | None:
    return None


def refusals(network: Network) -> list[Finding]:
    del network
    return []


def start(population: Population, batch: int) -> State:
    """The state of a population before the first step."""
    if isinstance(population.rule, Registers):
        return IntegerState(population.rule, (batch, *population.shape))
    return FloatState(population.rule, (batch, *population.shape))


def _check_sum(network: Network, p: Projection, inputs: Mapping[str, Array]) -> None:
    """Raises SD523 where counts are so large that a sum of mantissas leaves 64 bits."""
    most = int(np.abs(inputs[p.source]).max()) if p.source in inputs and p.format is not None else 0
    if most < 2**31:
        return  # 2^24 synapses of 2^8 are needed to leave 64 bits
    worst = most * int(abs(chain_matrix(p.maps, network.shapes[p.source])).sum(axis=1).max())
    if worst >= 2**63:
        what = f"counts up to {most:,} may add up to {worst:,}, beyond 64 bits"
        raise error("SD523", f"projection {p.name!r}", what, "give smaller counts")


def run(job: Job, begin: Callable[[Population, int], State] = start) -> Trace:
    """Every population at every step, in the order that the projections without delay demand.

    Args:
        begin: makes the state of a population from its number of samples; an error budget gives another.
    """
    check_options("reference", job.options, {})
    network = job.network
    integer = network.form == "integer"
    steps, batch = next(iter(job.inputs.values())).shape[:2]
    order = [name for group in update_order(network) for name in group]
    incoming = {name: network.into(name) for name in order}
    states = {name: begin(network.population[name], batch) for name in order}
    reach = max((p.delay for p in network.projections), default=0)
    emitted: dict[str, dict[int, Array]] = {name: {} for name in network.shapes}
    kept: dict[str, dict[str, list[Array]]] = {what: defaultdict(list) for what in ("spikes", "u", "v")}

    for p in network.projections:
        _check_sum(network, p, job.inputs)
    for t in range(steps):
        for name, array in job.inputs.items():
            emitted[name][t] = array[t]
        for name in order:
            state = states[name]
            drive = state.silence()
            for p in incoming[name]:
                if p.delay <= t:
                    arrived = chain_apply(p.maps, emitted[p.source][t - p.delay])
                    drive[p.receptor] = drive[p.receptor] + (accumulate(arrived, p.format) if p.format else arrived)
            emitted[name][t] = state.step(t, drive)
            for what in job.record:
                if what != "spikes" or state.rule.spiking:
                    kept[what][name].append(state.recorded(what))
        for history in emitted.values():
            history.pop(t - reach, None)
        job.progress(t + 1, steps)

    spikes, u, v = ({name: np.stack(rows) for name, rows in kept[what].items()} for what in ("spikes", "u", "v"))
    return Trace(network, "reference", "int" if integer else "float64", job.inputs, spikes, u, v, raw=job.raw)
