"""Neurons that feed themselves and each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.sketch import DT, Draft, conv, ends, joined, linear, neuron, spikes, weights
from snndeploy.frontends.nir.graph import Graph, Node

STEPS, BATCH = 16, 2
EYE = np.eye(3)


def _loop(name: str, body: Node, way: Node, scale: float = 2.0, size: int = 3) -> Graph:
    nodes = {
        "input": ends("Input", (3,)),
        "linear": linear(scale * weights(name, size, 3, low=0, high=20)),
        "lif": body,
        "rec": way,
        "output": ends("Output", (size,)),
    }
    return joined(nodes, "input->linear->lif->output", "lif->rec->lif")


def drafts() -> Iterator[Draft]:
    lif, cuba = neuron("LIF", 3), neuron("CubaLIF", 3)
    mixed = weights("rec", 3, 3, low=-20, high=20)
    cases: dict[str, tuple[str, Node, Node, float, Contract]] = {
        "lif": ("spikes of step t-1 come back in step t", lif, linear(2 * mixed), 2, Contract()),
        "one-to-one": ("each neuron feeds itself alone", lif, linear(-1.5 * EYE), 2, Contract()),
        "inhibition": ("all inhibit each other", lif, linear(-1 * (1 - EYE)), 3, Contract()),
        "excitation": ("one spike is enough to keep all firing", lif, linear(1.5 * np.ones((3, 3))), 1.25, Contract()),
        "bias": (
            "the bias on the way back is there from step 0",
            lif,
            linear(2 * mixed, [1.5, 2.5, -1]),
            1,
            Contract(),
        ),
        "if": ("an IF", neuron("IF", 3), linear(mixed), 1, Contract()),
        "cubalif": ("what comes back goes through the synapse", cuba, linear(mixed), 1, Contract()),
        "cubalif-bias": ("and so does the bias", cuba, linear(mixed, [0.5, 0.25, -0.5]), 1, Contract()),
        "by-threshold": ("subtracting reset", lif, linear(2 * mixed), 2, Contract(reset="by-threshold")),
        "bias-late": (
            "the way back gives nothing in step 0",
            lif,
            linear(2 * mixed, [1.5, 2.5, -1]),
            1,
            Contract(loop="current"),
        ),
        "two-steps": ("spikes come back two steps later", lif, linear(2 * mixed), 2, Contract(delays={"lif->lif": 2})),
    }
    for case, (about, body, way, scale, contract) in cases.items():
        name = f"loop/{contract.reading}/{case}"
        yield Draft(name, about, _loop(name, body, way, scale), {"input": spikes(name, STEPS, BATCH, 3)}, contract)
    yield from _ways()
    yield from _two()


def _ways() -> Iterator[Draft]:
    name = "loop/standard/direct"
    nodes: dict[str, Any] = {
        "input": ends("Input", (3,)),
        "lif": neuron("LIF", 3, ease=1.5),
        "output": ends("Output", (3,)),
    }
    about = "an edge from the neuron to itself, without a node between"
    yield Draft(name, about, joined(nodes, "input->lif->output", "lif->lif"), {"input": spikes(name, STEPS, BATCH, 3)})
    name = "loop/standard/delay"
    nodes = {
        "input": ends("Input", (3,)),
        "lif": neuron("LIF", 3, ease=2.5),
        "delay": Node("Delay", {"delay": np.full(3, 2 * DT)}),
        "rec": linear(-1.5 * EYE),
        "output": ends("Output", (3,)),
    }
    about = "a Delay of 2·dt on the way back: spikes of step t-2 arrive"
    graph = joined(nodes, "input->lif->output", "lif->delay->rec->lif")
    yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3, rate=0.6)})
    name = "loop/standard/convolution"
    nodes = {
        "input": ends("Input", (1, 4, 4)),
        "lif": neuron("LIF", (1, 4, 4), ease=2.5),
        "rec": conv("Conv2d", weights(name, 1, 1, 3, 3, low=-12, high=12), (4, 4), padding=1),
        "output": ends("Output", (1, 4, 4)),
    }
    graph = joined(nodes, "input->lif->output", "lif->rec->lif")
    yield Draft(name, "neighbours in a plane", graph, {"input": spikes(name, 12, BATCH, 1, 4, 4, rate=0.3)})
    name = "loop/standard/two-ways"
    nodes = {
        "input": ends("Input", (3,)),
        "lif": neuron("LIF", 3, ease=2.5),
        "a": linear(weights(name, 3, 3)),
        "b": linear(-weights(f"{name} b", 3, 3)),
        "output": ends("Output", (3,)),
    }
    graph = joined(nodes, "input->lif->output", "lif->a->lif", "lif->b->lif")
    yield Draft(name, "two ways back at once", graph, {"input": spikes(name, STEPS, BATCH, 3)})


def _two() -> Iterator[Draft]:
    """Two neurons in a circle: where no Delay says which edge is late, the contract must."""
    x = spikes("circle", STEPS, BATCH, 3)
    there, back = 2 * weights("there", 2, 3, low=4), 2 * weights("back", 3, 2, low=-20, high=8)

    def nodes(late: float = 0.0) -> dict[str, Any]:
        found: dict[str, Any] = {
            "input": ends("Input", (3,)),
            "a": neuron("LIF", 3, ease=2.5),
            "there": linear(there),
            "b": neuron("LIF", 2),
            "back": linear(back),
            "output": ends("Output", (2,)),
        }
        return found | ({"delay": Node("Delay", {"delay": np.full(2, late)})} if late else {})

    name = "loop/standard/circle-with-delay"
    graph = joined(nodes(DT), "input->a->there->b->output", "b->delay->back->a")
    yield Draft(name, "two neurons in a circle; a Delay of dt says which edge is late", graph, {"input": x})
    graph = joined(nodes(), "input->a->there->b->output", "b->back->a")
    for at in ("b->a", "a->b"):
        contract = Contract(delays={at: 1})
        about = f"two neurons in a circle; the contract says that {at} is late"
        yield Draft(f"loop/{contract.reading}/circle", about, graph, {"input": x}, contract)
    name = "loop/standard/two-layers"
    body = nodes()
    body["rec"] = linear(weights("rec a", 3, 3, low=-16, high=16))
    body["rec_b"] = linear(weights("rec b", 2, 2, low=-16, high=16))
    del body["back"]
    graph = joined(body, "input->a->there->b->output", "a->rec->a", "b->rec_b->b")
    yield Draft(name, "two layers, each with a loop of its own", graph, {"input": x})
