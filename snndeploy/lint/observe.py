"""What a network does on data: who spikes, how close to the threshold, and what a sample leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snndeploy.conform.align import View
from snndeploy.conform.replay import steps as replay_steps
from snndeploy.engines import Trace, run
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

# neuron-steps that one run may record, and samples that are looked at closely
CHUNK = 2**23
CLOSELY = 8


@dataclass(frozen=True, eq=False)
class Observed:
    """The reference on all samples; the last three on the first `CLOSELY` samples only.

    Attributes:
        bins: steps times samples.
        spikes: spikes of each neuron, int64 (*shape), by population with a threshold.
        close: bins in which float32 may decide otherwise, by population (float form only), of `looked` bins.
        moved: spikes that change, by population, if a sample starts from what the sample before left behind.
        left: largest |v| at the end of a sample, by population.
    """

    bins: int
    spikes: Mapping[str, Array]
    looked: Mapping[str, int]
    close: Mapping[str, int]
    moved: Mapping[str, int]
    left: Mapping[str, float]


def observe(network: Network, inputs: Mapping[str, Array]) -> Observed:
    """Runs the reference on checked inputs, some samples at a time."""
    given = {each.name: np.asarray(inputs[each.name]) for each in network.given}
    first = next(iter(inputs.values()))
    steps, batch = first.shape[:2]
    at_once = max(1, CHUNK // (steps * sum(int(np.prod(shape)) for shape in network.shapes.values())))
    total: dict[str, Array] = {}
    for start in range(0, batch, at_once):
        part = {name: array[:, start : start + at_once] for name, array in given.items()}
        for name, spikes in run(network, part).spikes.items():
            total[name] = total.get(name, 0) + spikes.sum(axis=(0, 1), dtype=np.int64)
    few = min(batch, CLOSELY, at_once)
    part = {name: array[:, :few] for name, array in given.items()}
    trace = run(network, part, record=("spikes", "v"))
    moved, left = _kept(network, part, trace)
    close = {} if network.form == "integer" else _close(network, trace)
    looked = {name: int(spikes.size) for name, spikes in trace.spikes.items()}
    return Observed(steps * batch, total, looked, close, moved, left)


def _close(network: Network, trace: Trace) -> dict[str, int]:
    """Bins with |p - theta| within the rounding bound of float32; a bound of 0 means that nothing is rounded."""
    spikes, v = trace.spikes, trace.v
    view = View(replace(trace, dtype="float32"), trace.steps, trace.inputs, spikes, {}, v)
    samples, found = np.arange(trace.batch), {}
    for each in network.populations:
        if each.rule.spiking:
            done = replay_steps(network, view, each, samples)
            found[each.name] = sum(int(((np.abs(d.margin) <= d.bound) & (d.bound > 0)).sum()) for d in done)
    return found


def _kept(network: Network, part: Mapping[str, Array], alone: Trace) -> tuple[dict[str, int], dict[str, float]]:
    """Each sample after another one, without a reset between them, beside each sample alone."""
    after = {name: np.concatenate([np.roll(array, 1, axis=1), array]) for name, array in part.items()}
    second = run(network, after).spikes
    moved = {name: int((second[name][alone.steps :] != spikes).sum()) for name, spikes in alone.spikes.items()}
    return moved, {name: float(np.abs(v[-1]).max()) for name, v in alone.v.items()}
