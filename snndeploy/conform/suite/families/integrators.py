"""I, IF and LI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.sketch import DT, THETA, Draft, chain, linear, neuron, spikes, weights

STEPS, BATCH = 20, 2


def drafts() -> Iterator[Draft]:
    yield from _membranes()
    yield from _fires()


def _membranes() -> Iterator[Draft]:
    name = "i/standard/sum"
    graph = chain((3,), [("linear", linear(weights(name, 2, 3))), ("i", neuron("I", 2))])
    yield Draft(name, "v is the sum of all that came", graph, {"input": spikes(name, STEPS, BATCH, 3)})
    name = "i/standard/r"
    graph = chain((3,), [("i", neuron("I", 3, r=np.array([0.5, 2, -1]) / DT))])
    yield Draft(
        name, "r per second and per neuron: r·dt is what a unit adds", graph, {"input": spikes(name, 8, BATCH, 3)}
    )
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "decay": ("v decays by a half per step", {}),
        "tau-per-neuron": ("tau of 1, 2 and 4 steps", {"tau": [1, 2, 4], "r": [1, 2, 4]}),
        "tau-one-step": ("tau = dt: v is this step's input and nothing else", {"tau": 1}),
        "tau-long": ("tau of 2^20 steps: nothing leaks within the run", {"tau": 2.0**20, "r": 2.0**20}),
        "v_leak": ("without input v goes to v_leak, from 0", {"leak": [0.5, -1, 0]}),
        "r": ("r scales what arrives, not v_leak", {"r": [0.5, 2, -1], "leak": 0.25}),
    }
    for case, (about, values) in cases.items():
        name = f"li/standard/{case}"
        graph = chain((3,), [("li", neuron("LI", 3, **values))])
        yield Draft(name, about, graph, {"input": spikes(name, 12, BATCH, 3)})
    name = "li/exponential/decay"
    graph = chain((3,), [("li", neuron("LI", 3, tau=[2, 5, 20]))])
    about = "the membrane between two steps solved exactly: decays e^(-dt/tau)"
    yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3)}, Contract(scheme="exponential"))
    name = "li/from-v_leak/v_leak"
    graph = chain((3,), [("li", neuron("LI", 3, leak=[0.5, -1, 0]))])
    about = "membranes begin at v_leak"
    yield Draft(name, about, graph, {"input": spikes(name, 12, BATCH, 3)}, Contract(initial="v_leak"))


def _fires() -> Iterator[Draft]:
    cases: dict[str, tuple[str, dict[str, Any], Contract]] = {
        "v_reset": ("v_reset per neuron, below and above zero", {"reset": [-0.5, 0.25, 0]}, Contract()),
        "theta": ("a threshold per neuron", {"theta": [THETA / 2, THETA, 2 * THETA]}, Contract()),
        "r": ("r per second and per neuron", {"r": np.array([0.5, 1, 2]) / DT}, Contract()),
        "dt": ("dt = 1 ms", {}, Contract(dt=1e-3)),
        "r-one": ("r = 1 is meant per step", {"r": 1.0}, Contract(integrators="per-step")),
    }
    for case, (about, values, contract) in cases.items():
        name = f"if/{contract.reading}/{case}"
        node = neuron("IF", 3, contract.dt, **values)
        graph = chain((3,), [("linear", linear(weights(name, 3, 3, low=-4))), ("if", node)])
        yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3)}, contract)
