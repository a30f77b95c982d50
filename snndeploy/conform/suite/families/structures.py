"""Graphs: order and names of nodes, branches, sums, subgraphs, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.conform.suite.sketch import DT, Draft, chain, ends, joined, linear, neuron, spikes, weights
from snndeploy.frontends.nir.graph import Graph, Node

STEPS, BATCH = 16, 2
X = {"input": spikes("structure", STEPS, BATCH, 3)}


def _body() -> dict[str, Any]:
    """Two layers; the second one's way back to itself."""
    return {
        "input": ends("Input", (3,)),
        "fc1": linear(2 * weights("fc1", 4, 3)),
        "lif1": neuron("LIF", 4),
        "fc2": linear(2 * weights("fc2", 3, 4, low=0)),
        "lif2": neuron("LIF", 3),
        "output": ends("Output", (3,)),
    }


def drafts() -> Iterator[Draft]:
    yield from _layers()
    yield from _orders()
    yield from _sums()
    yield from _ports()
    yield from _subgraphs()


def _layers() -> Iterator[Draft]:
    graph = joined(_body(), "input->fc1->lif1->fc2->lif2->output")
    yield Draft("graph/standard/two-layers", "a spike passes both layers within its step", graph, X)
    steps = [(f"{kind}{i}", node) for i in range(3) for kind, node in _layer(i)]
    about = "three layers: a spike passes all of them within its step"
    yield Draft("graph/standard/three-layers", about, chain((3,), steps), X)
    nodes = {"input": ends("Input", (3,)), "output": ends("Output", (3,))}
    about = "an Input that is the Output: spikes leave as they came"
    yield Draft("graph/standard/identity", about, joined(nodes, "input->output"), {"input": X["input"][:4]})


def _layer(i: int) -> Any:
    return ("fc", linear(2 * weights(f"layer {i}", 3, 3, low=0))), ("lif", neuron("LIF", 3))


def _orders() -> Iterator[Draft]:
    graph = joined(_body(), "input->fc1->lif1->fc2->lif2->output")
    back = Graph(dict(reversed([*graph.nodes.items()])), graph.edges[::-1])
    yield Draft("graph/standard/order-reversed", "nodes and edges listed backwards", back, X)
    # a file lists nodes by name: here against the order of computation
    names = dict(zip(graph.nodes, ("z", "y", "x", "w", "v", "u"), strict=True))
    yield Draft("graph/standard/names-reversed", "names that sort backwards", _renamed(graph, names), {"z": X["input"]})
    odd = {"input": "in.put", "fc1": "a.b", "lif1": "a_b", "fc2": "class", "lif2": "2", "output": "out put"}
    about = "names with dots, blanks and digits, and one that is a word of Python"
    yield Draft("graph/standard/names-odd", about, _renamed(graph, odd), {"in.put": X["input"]})
    nodes = _body() | {"rec": linear(weights("rec order", 4, 4, low=-16, high=16))}
    loop = joined(nodes, "input->fc1->lif1->fc2->lif2->output", "lif1->rec->lif1")
    names = {name: f"{chr(122 - i)}{i}" for i, name in enumerate(loop.nodes)}
    yield Draft(
        "graph/standard/order-with-loop",
        "a loop, and names that sort backwards",
        _renamed(loop, names),
        {"z0": X["input"]},
    )


def _renamed(graph: Graph, names: dict[str, str]) -> Graph:
    nodes = {names[name]: node for name, node in graph.nodes.items()}
    return replace(graph, nodes=nodes, edges=tuple((names[a], names[b]) for a, b in graph.edges))


def _sums() -> Iterator[Draft]:
    nodes = _body() | {"skip": linear(weights("skip", 3, 3))}
    graph = joined(nodes, "input->fc1->lif1->fc2->lif2->output", "input->skip->lif2")
    yield Draft("graph/standard/skip", "two edges into one neuron add up, one around a layer", graph, X)
    nodes = _body() | {
        "fc1": linear(2 * weights("around", 3, 3)),
        "lif1": neuron("LIF", 3),
        "fc2": linear(2 * weights("b", 3, 3)),
    }
    graph = joined(nodes, "input->fc1->lif1->fc2->lif2->output", "lif1->lif2")
    yield Draft("graph/standard/around", "spikes and their weighted sum add up, as in a residual network", graph, X)
    nodes = _body() | {"bypass": linear(weights("bypass", 4, 3), [0.5, 0, 0.25, -0.5])}
    graph = joined(nodes, "input->fc1->lif1->fc2->lif2->output", "input->bypass->lif1")
    yield Draft("graph/standard/merge", "a Linear and an Affine into one neuron: the bias counts once", graph, X)
    nodes = {
        "input": ends("Input", (3,)),
        "left": neuron("LIF", 3, ease=2.5),
        "right": neuron("LIF", 3, ease=3),
        "late": Node("Delay", {"delay": np.full(3, 2 * DT)}),
        "join": neuron("LIF", 3, ease=2.25),
        "output": ends("Output", (3,)),
    }
    graph = joined(nodes, "input->left->join->output", "input->right->late->join")
    yield Draft("graph/standard/diamond", "two branches of one input, one of them late, meet again", graph, X)
    nodes = {
        "input": ends("Input", (3,)),
        "a": linear(weights("a", 2, 3)),
        "b": linear(weights("b2", 2, 3)),
        "output": ends("Output", (2,)),
    }
    graph = joined(nodes, "input->a->output", "input->b->output")
    yield Draft("graph/standard/sum-at-output", "an Output adds up what arrives", graph, {"input": X["input"][:6]})


def _ports() -> Iterator[Draft]:
    nodes = _body() | {"output": ends("Output", (4,)), "second": ends("Output", (3,))}
    graph = joined(nodes, "input->fc1->lif1->fc2->lif2->second", "lif1->output")
    yield Draft("graph/standard/two-outputs", "the first layer is an output too", graph, X)
    nodes = _body() | {"other": ends("Input", (2,)), "fc3": linear(2 * weights("fc3", 4, 2, low=0))}
    graph = joined(nodes, "input->fc1->lif1->fc2->lif2->output", "other->fc3->lif1")
    inputs = X | {"other": spikes("other", STEPS, BATCH, 2)}
    yield Draft("graph/standard/two-inputs", "two inputs into one neuron", graph, inputs)


def _subgraphs() -> Iterator[Draft]:
    def inner(n: int, name: str) -> Graph:
        body = {
            "input": ends("Input", (n,)),
            "fc": linear(2 * weights(name, n, n)),
            "lif": neuron("LIF", n),
            "output": ends("Output", (n,)),
        }
        return joined(body, "input->fc->lif->output")

    recurrent = joined(
        {
            "input": ends("Input", (3,)),
            "lif": neuron("LIF", 3, ease=2.5),
            "rec": linear(weights("sub", 3, 3, low=-16, high=16)),
            "output": ends("Output", (3,)),
        },
        "input->lif->output",
        "lif->rec->lif",
    )
    two: dict[str, Any] = {"input": ends("Input", (3,)), "block": inner(3, "block"), "output": ends("Output", (3,))}
    yield Draft("subgraph/standard/one", "a layer in a graph of its own", joined(two, "input->block->output"), X)
    nodes = two | {"block": recurrent, "fc": linear(2 * weights("into", 3, 3, low=0))}
    graph = joined(nodes, "input->fc->block->output")
    yield Draft("subgraph/standard/loop", "a recurrent layer in a graph of its own, as exporters write it", graph, X)
    nodes = two | {"block": joined(two, "input->block->output")}
    yield Draft("subgraph/standard/nested", "a graph in a graph in a graph", joined(nodes, "input->block->output"), X)
    nodes = {
        "a_second": inner(3, "second"),
        "b_first": inner(3, "first"),
        "input": ends("Input", (3,)),
        "output": ends("Output", (3,)),
    }
    graph = joined(nodes, "input->b_first->a_second->output")
    yield Draft("subgraph/standard/order", "two subgraphs, listed against the order of computation", graph, X)
