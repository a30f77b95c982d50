"""IF, LIF and CubaLIF in every reading of reset, comparator and synapse: two vectors each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.sketch import THETA, Draft, chain, linear, neuron, rng_of, spikes, weights
from snndeploy.network.arrays import Array

STEPS, BATCH = 16, 2
RESETS = (
    Contract(),
    Contract(when="next"),
    Contract(when="residual"),
    Contract(reset="by-threshold"),
    Contract(reset="by-threshold", when="next"),
    Contract(reset="by-threshold", when="residual"),
    Contract(comparator=">="),
    Contract(comparator=">=", reset="by-threshold"),
)
SYNAPSES = (Contract(synapse="synchronous"), Contract(synapse="synchronous", reset="by-threshold"))
# of an IF, what tells more than of a LIF
FEW = (RESETS[0], RESETS[3], RESETS[6])


def drafts() -> Iterator[Draft]:
    for kind, contracts in (("IF", FEW), ("LIF", RESETS), ("CubaLIF", (*RESETS, *SYNAPSES))):
        for contract in contracts:
            head = f"{kind.lower()}/{contract.reading}"
            about = "strong drive: ties, spikes in consecutive steps, membranes far above the threshold"
            graph = chain((4,), [("lif", neuron(kind, 4, theta=1))])
            yield Draft(f"{head}/edges", about, graph, {"input": edges() * (2 if kind == "LIF" else 1)}, contract)
            name = f"{head}/random"
            weight = weights(f"{kind} random", 4, 3, low=-8, high=28) * (2 if kind == "LIF" else 1)
            theta = 1.0 if contract.comparator == ">=" else THETA
            graph = chain(
                (3,), [("linear", linear(weight)), ("lif", neuron(kind, 4, theta=theta, reset=_reset(contract)))]
            )
            about = "random spikes and weights, v_reset not zero"
            yield Draft(name, about, graph, {"input": spikes(f"{kind} random", STEPS, BATCH, 3)}, contract)


def _reset(contract: Contract) -> float:
    return -0.25 if contract.reset == "to-v_reset" else 0.0


def edges() -> Array:
    """Four neurons: exact ties; always above; far above once and a long way down; random quarters."""
    x = np.zeros((STEPS, BATCH, 4))
    x[::5, :, 0] = 1.0
    x[1::5, :, 0] = 0.5
    x[:, 0, 1], x[:, 1, 1] = 1.5, 2.0
    x[0, :, 2], x[9, :, 2] = 5.0, -1.0
    x[:, :, 3] = rng_of("edges").integers(-4, 9, (STEPS, BATCH)) / 4
    return x
