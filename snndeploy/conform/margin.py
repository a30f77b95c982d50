"""The margin p - θ of one bin, by the definition, on the inputs that a trace recorded."""

from __future__ import annotations

import numpy as np

from snndeploy.conform.align import View
from snndeploy.engines.reference import start
from snndeploy.engines.reference.integer_rule import accumulate
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_apply
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Rule


def _source(view: View, name: str, steps: int, sample: int) -> Array | None:
    """What a source emitted in one sample, (steps, 1, *shape); None if it was not recorded."""
    network = view.trace.network
    rows: Array | None
    if name in network.input:
        rows = view.inputs.get(name)
    else:
        rule = network.population[name].rule
        rows = view.spikes.get(name) if rule.spiking else view.v.get(name)
        if rows is not None and isinstance(rule, Rule) and rule.spiking:
            rows = np.asarray(rule.value) * rows
    return None if rows is None else rows[:steps, sample : sample + 1]


def margin_at(view: View, name: str, place: tuple[int, ...]) -> float | None:
    """p - θ at `place` (step, sample, *index) in float units; None without threshold or without its inputs."""
    network = view.trace.network
    population = network.population[name]
    rule, (step, sample, *index) = population.rule, place
    sources = {p.source: _source(view, p.source, step + 1, sample) for p in network.into(name)}
    if not rule.spiking or any(rows is None for rows in sources.values()):
        return None
    state = start(population, 1)
    for t in range(step + 1):
        drive = state.silence()
        for p in network.into(name):
            if p.delay <= t:
                arrived = chain_apply(p.maps, np.asarray(sources[p.source])[t - p.delay].astype(drive[0].dtype))
                drive[p.receptor] = drive[p.receptor] + (accumulate(arrived, p.format) if p.format else arrived)
        state.step(t, drive)
    at = (0, *index)
    if isinstance(rule, Registers):
        theta = np.broadcast_to(state.theta, state.p.shape)
        scale = np.broadcast_to(np.asarray(rule.scale), population.shape)
        return float((state.p[at] - theta[at]) / scale[tuple(index)])
    return float(state.p[at] - np.broadcast_to(state.theta, state.p.shape)[at])
