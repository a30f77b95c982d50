"""What a network does on calibration spikes: the statistics that the choice of a scale weighs errors with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snndeploy.encoding.apply import largest as largest_events
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample
from snndeploy.network.network import COUNTED, Network

# without calibration every source is taken to be active in one of ten steps
ASSUMED_RATE = 0.1
ASSUMED_STEPS = 100
# neuron-steps that one chunk of the calibration may record
CHUNK = 2**24


@dataclass(frozen=True)
class Activity:
    """Moments over time and samples.

    Attributes:
        mean, variance: of what each input or population emits, (*shape) by name.
        largest: largest magnitude that each emits.
        lowest, highest: range of the stored membrane of each neuron by population; empty without calibration.
        rate: mean spikes per step of a population's neurons.
        steps: length of a sample.
        sizes: sum u² / sum |u| and sum v² / sum |v| of a population; 0 where they always are.
        currents: largest magnitude that a bias per sample adds, by population, (*shape).
    """

    mean: Mapping[str, Array]
    variance: Mapping[str, Array]
    largest: Mapping[str, float]
    lowest: Mapping[str, Array]
    highest: Mapping[str, Array]
    rate: Mapping[str, float]
    steps: int
    currents: Mapping[str, Array] = field(default_factory=dict)
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        return bool(self.lowest)


def assumed(network: Network) -> Activity:
    """Every source alike, none above 1: what is known without calibration."""
    on = {each.name for each in network.inputs if each.kind == "constant"}
    mean = {n: np.full(s, 1.0 if n in on else ASSUMED_RATE) for n, s in network.shapes.items()}
    variance = {n: np.full(s, 0.0 if n in on else ASSUMED_RATE * (1 - ASSUMED_RATE)) for n, s in network.shapes.items()}
    largest = {**dict.fromkeys(network.shapes, 1.0), **counted(network)}
    rate = {each.name: ASSUMED_RATE for each in network.populations}
    return Activity(mean, variance, largest, {}, {}, rate, ASSUMED_STEPS)


def counted(network: Network) -> dict[str, float]:
    """The largest event of inputs that an encoding makes, whatever the calibration holds of them."""
    return {name: float(value) for name, value in largest_events(network).items()}


def measured(network: Network, inputs: Mapping[str, Any]) -> tuple[Activity, Trace]:
    """Runs the network on checked inputs, in float64, some samples at a time; with the trace of the first of them."""
    from snndeploy.engines import run

    given = {each.name: np.asarray(inputs[each.name]) for each in network.given}
    steps, batch = next(iter(given.values())).shape[:2]
    size = sum(int(np.prod(shape)) for shape in network.shapes.values())
    at_once = max(1, CHUNK // (steps * size))
    first: dict[str, Array] = {name: np.zeros(shape) for name, shape in network.shapes.items()}
    second: dict[str, Array] = {name: np.zeros(shape) for name, shape in network.shapes.items()}
    largest: dict[str, float] = {
        name: float(np.abs(given[name]).max()) if name in given and network.input[name].kind in COUNTED else 1.0
        for name in network.shapes
    } | counted(network)
    lowest: dict[str, Array] = {each.name: np.full(each.shape, np.inf) for each in network.populations}
    highest: dict[str, Array] = {each.name: np.full(each.shape, -np.inf) for each in network.populations}
    sums = {each.name: np.zeros((2, 2)) for each in network.populations}
    shown: Trace | None = None
    for start in range(0, batch, at_once):
        part = {name: array[:, start : start + at_once] for name, array in given.items()}
        trace = run(network, part, "torch", ("spikes", "u", "v"), dtype="float64")
        shown = trace if start == 0 else shown
        for name, x in (*trace.inputs.items(), *trace.spikes.items()):
            first[name] += x.sum(axis=(0, 1), dtype=np.float64)
            second[name] += np.square(x, dtype=np.float64).sum(axis=(0, 1))
        for k, states in enumerate((trace.u, trace.v)):
            for name, y in states.items():
                sums[name][k] += np.square(y).sum(), np.abs(y).sum()
        for name, v in trace.v.items():
            lowest[name] = np.minimum(lowest[name], v.min(axis=(0, 1)))
            highest[name] = np.maximum(highest[name], v.max(axis=(0, 1)))
    count = steps * batch
    mean = {name: total / count for name, total in first.items()}
    variance = {name: np.maximum(total / count - mean[name] ** 2, 0.0) for name, total in second.items()}
    rate = {each.name: float(mean[each.name].mean()) for each in network.populations}
    assert shown is not None
    sizes = {name: (float(u / n) if n else 0.0, float(v / m) if m else 0.0) for name, ((u, n), (v, m)) in sums.items()}
    currents: dict[str, Array] = {}
    for each in per_sample(network):
        most = np.abs(given[each.name][0]).max(axis=0)
        currents[each.population] = currents.get(each.population, np.zeros(each.shape)) + most
    return Activity(mean, variance, largest, lowest, highest, rate, steps, currents, sizes), shown
