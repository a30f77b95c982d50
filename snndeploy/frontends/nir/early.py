"""Nodes of nir before 0.1 in today's names: the same numbers were called otherwise."""

from __future__ import annotations

from snndeploy.frontends.nir.graph import Graph, Node

# of Linear and convolutions before 0.0.6; of LIF in 0.0.1, and in 0.0.2 and 0.0.3
NAMES = {"weights": "weight", "theta": "v_threshold", "v_th": "v_threshold"}


def modern(graph: Graph) -> Graph:
    """The graph with the fields and types of nir 1.0; a Linear with a bias is an Affine."""
    nodes = {name: modern(each) if isinstance(each, Graph) else _renamed(each) for name, each in graph.nodes.items()}
    return Graph(nodes, graph.edges, graph.version, graph.block)


def _renamed(node: Node) -> Node:
    fields = {name if NAMES.get(name) in node.fields else NAMES.get(name, name): v for name, v in node.fields.items()}
    return Node("Affine" if node.type == "Linear" and "bias" in fields else node.type, fields)
