"""CubaLI and CubaLIF in the standard reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.sketch import THETA, Draft, chain, linear, neuron, rng_of, spikes, weights

STEPS, BATCH = 12, 2
MEMBRANES: dict[str, tuple[str, dict[str, Any]]] = {
    "impulse": ("the answer to single spikes: the membrane takes the current of this step", {}),
    "tau-per-neuron": ("three pairs of time constants", {"tau_mem": [2, 4, 1], "tau_syn": [4, 2, 1]}),
    "tau_syn-one-step": ("tau_syn = dt: no synapse, the current is the input", {"tau_syn": 1}),
    "tau_syn-long": ("tau_syn of 2^16 steps: the current is a sum", {"tau_syn": 2.0**16}),
    "v_leak": ("v_leak acts on the membrane, not on the current", {"leak": [0.5, -1, 0]}),
    "w_in": ("w_in scales what enters the synapse", {"w_in": [0.5, 3, 1]}),
    "r": ("r scales what enters the membrane", {"r": [0.5, 3, -1]}),
}
FIRING: dict[str, tuple[str, dict[str, Any]]] = {
    "gain-one": ("w_in = tau_syn/dt and r = tau_mem/dt: a unit of input adds 1", {}),
    "current-stays": ("a spike resets the membrane and leaves the current", {"tau_syn": 4, "theta": THETA / 2}),
    "tau-equal": ("tau_syn = tau_mem, where closed forms divide by zero", {"tau_mem": 4, "tau_syn": 4}),
    "w_in": ("w_in per neuron", {"w_in": [1, 3, 4]}),
    "w_in-one": ("w_in = 1: a unit adds dt/tau_syn to the current", {"w_in": 1}),
    "r": ("r per neuron", {"r": [1, 3, 4]}),
    "v_leak": ("v_leak per neuron", {"leak": [0.75, -0.5, 0]}),
    "v_reset": ("v_reset per neuron", {"reset": [-0.5, 0.25, 0]}),
    "theta": ("a threshold per neuron", {"theta": [THETA / 2, 1.25 - 5 / 512, 2 * THETA]}),
}


def drafts() -> Iterator[Draft]:
    for case, (about, values) in MEMBRANES.items():
        name = f"cubali/standard/{case}"
        x = spikes(name, STEPS, BATCH, 3, rate=0.25)
        yield Draft(name, about, chain((3,), [("li", neuron("CubaLI", 3, **values))]), {"input": x})
    for case, (about, values) in FIRING.items():
        name = f"cubalif/standard/{case}"
        weight = weights(name, 3, 3, low=-2, high=20) * (1.5 if "w_in" in values or "r" in values else 1)
        graph = chain((3,), [("linear", linear(weight)), ("lif", neuron("CubaLIF", 3, **values))])
        yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3)})
    yield from _inputs()


def _inputs() -> Iterator[Draft]:
    kinds: dict[str, tuple[str, Any, float]] = {
        "empty": ("no input at all", np.zeros((STEPS, BATCH, 3), np.int64), 4.0),
        "silent": ("input that never reaches the threshold", spikes("cuba", STEPS, BATCH, 3), 0.1875),
        "firing": ("a spike in every step", np.ones((STEPS, BATCH, 3), np.int64), 2.5),
        "one-step": (
            "T = 1: the first spike moves the membrane in its own step",
            np.ones((1, BATCH, 3), np.int64),
            1.5,
        ),
    }
    for case, (about, x, weight) in kinds.items():
        graph = chain((3,), [("linear", linear(weight * np.eye(3))), ("lif", neuron("CubaLIF", 3))])
        yield Draft(f"cubalif/standard/{case}", about, graph, {"input": x})
    for contract in (Contract(), Contract(scheme="exponential")):
        name = f"cubalif/{contract.reading}/long"
        long = rng_of(name).normal(0.1, 0.25, (3, 4))
        node = neuron("CubaLIF", 3, tau_mem=[20.0, 33.3, 7.7], tau_syn=[5.5, 12.0, 7.7])
        graph = chain((4,), [("linear", linear(long)), ("lif", node)])
        about = "150 steps of numbers that are exact in no arithmetic; no membrane comes near the threshold"
        yield Draft(name, about, graph, {"input": spikes(name, 150, 1, 4, rate=0.3)}, contract)
