"""Delay and Threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.sketch import DT, Draft, chain, linear, neuron, spikes, weights
from snndeploy.frontends.nir.graph import Node

STEPS, BATCH = 16, 2


def _late(steps: Any, shape: int = 3) -> Node:
    return Node("Delay", {"delay": np.array(np.broadcast_to(np.asarray(steps, float), shape)) * DT})


def drafts() -> Iterator[Draft]:
    cases = {
        "one-step": ("a delay of dt", 1, STEPS),
        "three-steps": ("a delay of 3·dt", 3, STEPS),
        "zero": ("a delay of 0 does nothing", 0, STEPS),
        "per-neuron": ("0, 1 and 4 steps", [0, 1, 4], STEPS),
        "longer-than-the-run": ("nothing arrives", 9, 8),
    }
    for case, (about, late, length) in cases.items():
        name = f"delay/standard/{case}"
        graph = chain((3,), [("delay", _late(late)), ("lif", neuron("LIF", 3, ease=2.5))])
        yield Draft(name, about, graph, {"input": spikes(name, length, BATCH, 3)})
    name = "delay/standard/two-in-a-row"
    graph = chain((3,), [("first", _late(1)), ("second", _late(2)), ("lif", neuron("LIF", 3, ease=2.5))])
    yield Draft(name, "delays add up", graph, {"input": spikes(name, STEPS, BATCH, 3)})
    name = "delay/standard/behind-a-bias"
    affine = linear(weights(name, 2, 2), [1.5, 2.5])
    graph = chain((2,), [("affine", affine), ("delay", _late(2, 2)), ("lif", neuron("LIF", 2))])
    about = "a bias in front of a delay arrives as late as the spikes"
    yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 2)})
    name = "delay/standard/between-neurons"
    steps = [
        ("first", neuron("LIF", 3, ease=2.5)),
        ("delay", _late(2)),
        ("linear", linear(2 * weights(name, 2, 3, low=4))),
        ("second", neuron("LIF", 2)),
    ]
    about = "spikes of a neuron arrive later, and the neuron itself is not late"
    yield Draft(name, about, chain((3,), steps), {"input": spikes(name, STEPS, BATCH, 3, rate=0.6)})
    yield from _thresholds()


def _thresholds() -> Iterator[Draft]:
    levels = np.arange(-4, 5) / 4
    x = np.broadcast_to(levels[:, None, None], (9, 1, 3)).copy()
    for contract, about in ((Contract(), "at the threshold: no spike"), (Contract(comparator=">="), "at it: a spike")):
        name = f"threshold/{contract.reading}/ties"
        graph = chain((3,), [("threshold", neuron("Threshold", 3, theta=[0.5, 0.0, -0.25]))])
        yield Draft(name, about, graph, {"input": x}, contract)
    name = "threshold/standard/behind-a-sum"
    steps = [("linear", linear(weights(name, 3, 4))), ("threshold", neuron("Threshold", 3, theta=[0.5, 1, 0.25]))]
    about = "it remembers nothing: a spike wherever this step's sum is above it"
    yield Draft(name, about, chain((4,), steps), {"input": spikes(name, STEPS, BATCH, 4)})
    name = "threshold/standard/behind-a-membrane"
    steps = [("li", neuron("LI", 3)), ("threshold", neuron("Threshold", 3, theta=155 / 512))]
    about = "LI and Threshold: a neuron that no spike resets"
    yield Draft(name, about, chain((3,), steps), {"input": spikes(name, STEPS, BATCH, 3)})
