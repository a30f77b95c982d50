"""LIF in the standard reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.sketch import THETA, Draft, chain, linear, neuron, rng_of, spikes, weights

STEPS, BATCH = 20, 2


def drafts() -> Iterator[Draft]:
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "gain-one": ("r = tau/dt: a unit of input adds 1", {"tau": 2, "r": 2}),
        "r": ("r per neuron", {"r": [1, 2, 3.5]}),
        "theta": ("a threshold per neuron", {"theta": [0.5 - 3 / 512, THETA, 1.25 - 5 / 512]}),
        "theta-negative": ("thresholds at and below zero: neurons fire without input", {"theta": [0, -0.25, THETA]}),
        "tau-per-neuron": ("tau of 1, 2 and 4 steps", {"tau": [1, 2, 4], "r": [1, 2, 4]}),
        "tau-one-step": ("tau = dt: no memory", {"tau": 1}),
        "tau-long": ("tau of 2^20 steps: nothing leaks within the run", {"tau": 2.0**20, "r": 2.0**20}),
        "v_reset": ("v_reset per neuron, below and above zero", {"reset": [-0.5, 0.25, 0]}),
        "v_leak": ("v_leak per neuron, from v = 0", {"leak": [0.5, -0.5, 0]}),
        "v_leak-fires": ("v_leak above the threshold: a pacemaker", {"leak": [3, 1.5, 0], "reset": [-1, 0, 0]}),
    }
    for case, (about, values) in cases.items():
        name = f"lif/standard/{case}"
        weight = weights(name, 3, 3, low=0) * (1 if "r" in values else 2)
        graph = chain((3,), [("linear", linear(weight)), ("lif", neuron("LIF", 3, **values))])
        yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3)})
    yield from _inputs()
    yield from _steps()


def _inputs() -> Iterator[Draft]:
    lif, lattice = neuron("LIF", 3), neuron("LIF", 3, theta=1)
    kinds: dict[str, tuple[str, Any, Any]] = {
        "empty": ("no input at all", np.zeros((STEPS, BATCH, 3), np.int64), 4.0),
        "silent": ("input that never reaches the threshold", spikes("silent", STEPS, BATCH, 3), 0.875),
        "firing": ("a spike in every step", np.ones((STEPS, BATCH, 3), np.int64), 2.5),
        "ties": ("every membrane meets the threshold exactly, which is no spike", _ties(), 2.0),
        "counts": ("several events of one axon in a step", _counts(), 1.0),
        "real": ("input of real numbers", rng_of("real").integers(-32, 64, (STEPS, BATCH, 3)) / 16, 1.0),
        "one-step": ("T = 1", np.ones((1, BATCH, 3), np.int64), 2.5),
        "batch": (
            "seven samples, none of which begins where another ended",
            spikes("batch", STEPS, 7, 3, rate=0.7),
            1.5,
        ),
    }
    for case, (about, x, weight) in kinds.items():
        graph = chain((3,), [("linear", linear(weight * np.eye(3))), ("lif", lattice if case == "ties" else lif)])
        yield Draft(f"lif/standard/{case}", about, graph, {"input": x})
    name = "lif/standard/bare"
    yield Draft(
        name, "no weights", chain((3,), [("lif", neuron("LIF", 3, ease=2.5))]), {"input": spikes(name, STEPS, BATCH, 3)}
    )
    name = "lif/standard/several-axes"
    graph = chain((2, 3), [("lif", neuron("LIF", (2, 3), ease=2.5))])
    yield Draft(name, "neurons of shape (2, 3)", graph, {"input": spikes(name, STEPS, BATCH, 2, 3)})


def _ties() -> Any:
    """With weight 2 and tau of 2 steps, v' = v/2 + x: single spikes reach 1 and no more."""
    x = np.zeros((STEPS, BATCH, 3), np.int64)
    x[::7, :, 0] = x[3::9, :, 1] = x[5::13, :, 2] = 1
    # and one that exceeds it by 2^-8
    x[[1, 9], 0, 2] = 1
    return x


def _counts() -> Any:
    return rng_of("counts").integers(0, 6, (STEPS, BATCH, 3))


def _steps() -> Iterator[Draft]:
    for case, dt in (("dt-1ms", 1e-3), ("dt-binary", 2.0**-10), ("dt-1s", 1.0)):
        name = f"lif/standard/{case}"
        graph = chain((3,), [("linear", linear(2 * weights(name, 3, 3, low=0))), ("lif", neuron("LIF", 3, dt))])
        about = f"dt = {dt:g} s, tau = 2 dt"
        yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3)}, Contract(dt=dt))
    for contract in (Contract(), Contract(scheme="exponential"), Contract(scheme="impulse")):
        name = f"lif/{contract.reading}/long"
        weight = rng_of(name).normal(0.15, 0.35, (3, 4)) * 20
        node = neuron("LIF", 3, tau=[20.0, 33.3, 7.7])
        graph = chain((4,), [("linear", linear(weight)), ("lif", node)])
        about = "150 steps of numbers that are exact in no arithmetic; no membrane comes near the threshold"
        yield Draft(name, about, graph, {"input": spikes(name, 150, 1, 4, rate=0.3)}, contract)
