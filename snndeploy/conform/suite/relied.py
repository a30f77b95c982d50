"""What of plain NIR a graph relies on: node types, fields that are not neutral, and structures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.frontends.nir.graph import NEURONS, Graph, Node
from snndeploy.frontends.nir.nested import Notes, flatten

# a field of this value changes nothing
NEUTRAL: dict[str, float] = {
    "v_leak": 0,
    "v_reset": 0,
    "r": 1,
    "w_in": 1,
    "bias": 0,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
}
# fields that every node of the type has and every backend reads
PLAIN = frozenset({"shape", "input_shape", "input_type", "weight", "kernel_size", "scale", "delay", "threshold"})


def relied(graph: Graph) -> tuple[str, ...]:
    """Sorted, as "LIF", "LIF.v_reset" or "loop"."""
    found = set(_structures(graph))
    for node in flatten(graph, Notes("graph")).nodes.values():
        if node.type not in ("Input", "Output", "Pass"):
            found.add(node.type)
            found |= {f"{node.type}.{name}" for name, value in node.fields.items() if _counts(node, name, value)}
    return tuple(sorted(found))


def _counts(node: Node, name: str, value: object) -> bool:
    if name in PLAIN or name.endswith("_dim"):
        return False
    if isinstance(value, str):
        return True
    array = np.asarray(value)
    if node.type in NEURONS and array.size > 1 and (array != array.ravel()[0]).any():
        return True
    return name in NEUTRAL and bool((array != NEUTRAL[name]).any())


def _structures(graph: Graph) -> Iterator[str]:
    import networkx as nx

    flat = flatten(graph, Notes("graph"))
    types = [node.type for node in flat.nodes.values()]
    joined: nx.DiGraph = nx.DiGraph(flat.edges)
    if any(isinstance(node, Graph) for node in graph.nodes.values()):
        yield "subgraph"
    if not nx.is_directed_acyclic_graph(joined):
        yield "loop"
    if any(degree > 1 for _, degree in joined.in_degree()):
        yield "sum of edges"
    if any(degree > 1 for _, degree in joined.out_degree()):
        yield "branch"
    for kind in ("Input", "Output"):
        if types.count(kind) > 1:
            yield f"several {kind}s"
    last = [flat.nodes[a].type for a, b in flat.edges if flat.nodes[b].type == "Output"]
    if any(kind not in NEURONS for kind in last):
        yield "values at an Output"
