"""A NIR file as plain values: nodes by name, edges, and our own block. No framework, no HDF5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array

Edge = tuple[str, str]
Field = Array | str

# every node of nir 1.0.8 that a file can hold, with the fields it must have
REQUIRED: dict[str, tuple[str, ...]] = {
    "Input": ("shape",),
    "Output": (),
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Conv1d": ("weight", "stride", "padding", "dilation", "groups"),
    "Conv2d": ("weight", "stride", "padding", "dilation", "groups"),
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Flatten": ("start_dim", "end_dim"),
    "Delay": ("delay",),
    "Threshold": ("threshold",),
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "Output": ("shape",),
    "Conv1d": ("input_shape", "bias"),
    "Conv2d": ("input_shape", "bias"),
    "Flatten": ("input_type",),
    "IF": ("v_reset",),
    "LIF": ("v_reset",),
    "CubaLI": ("w_in",),
    "CubaLIF": ("v_reset", "w_in"),
}
NEURONS = frozenset({"Threshold", "I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"})
SPIKING = frozenset({"Threshold", "IF", "LIF", "CubaLIF"})


@dataclass(frozen=True, eq=False)
class Node:
    """One node. `fields` are named as in the file ("shape" for Input and Output); "padding" may be a word."""

    type: str
    fields: Mapping[str, Field]

    def array(self, name: str) -> Array:
        return np.asarray(self.fields[name])


@dataclass(frozen=True, eq=False)
class Block:
    """The metadata block `snndeploy`: a JSON manifest, and the arrays that it refers to, end to end."""

    manifest: str
    floats: Array
    integers: Array


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph; nested graphs are nodes too. `version` is that of the nir package that wrote the file, or ""."""

    nodes: Mapping[str, Node | Graph]
    edges: tuple[Edge, ...]
    version: str = ""
    block: Block | None = None

    def nodes_inside(self) -> int:
        """Nodes of it and of all graphs in it."""
        return sum(each.nodes_inside() if isinstance(each, Graph) else 1 for each in self.nodes.values())

    def edges_inside(self) -> int:
        """Edges of it and of all graphs in it."""
        return len(self.edges) + sum(e.edges_inside() for e in self.nodes.values() if isinstance(e, Graph))
