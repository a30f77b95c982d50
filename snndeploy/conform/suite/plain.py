"""A graph of the nir package as plain values, for adapters of our own engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from snndeploy.frontends.nir.graph import Field, Graph, Node
from snndeploy.network.arrays import Array

NO_FIELDS = ("input_type", "output_type", "metadata")


def plain(graph: Any) -> Graph:
    """A `nir.NIRGraph` as a `Graph`, subgraphs included; metadata are left out."""
    nodes = {name: plain(node) if hasattr(node, "nodes") else _node(node) for name, node in graph.nodes.items()}
    return Graph(nodes, tuple((str(a), str(b)) for a, b in graph.edges))


def _node(node: Any) -> Node:
    kind = type(node).__name__
    held: dict[str, Field] = {}
    for each in fields(node):
        value = getattr(node, each.name)
        if each.name not in NO_FIELDS and value is not None:
            held[each.name] = value if isinstance(value, str) else np.asarray(value)
    ends = {"Input": node.input_type, "Output": node.output_type}.get(kind)
    if ends:
        held["shape"] = np.asarray(next(iter(ends.values())))
    return Node(kind, held)


def named(graph: Graph, given: Any) -> Mapping[str, Array]:
    """Inputs by name of Input node."""
    if isinstance(given, Mapping):
        return given
    (only,) = (name for name, node in graph.nodes.items() if isinstance(node, Node) and node.type == "Input")
    return {only: given}
