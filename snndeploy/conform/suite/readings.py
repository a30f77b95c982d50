"""The readings next to a contract, and which of them an answer belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.expected import Recorded
from snndeploy.frontends.nir.graph import Graph
from snndeploy.frontends.nir.nested import Notes, flatten
from snndeploy.network.arrays import Array

CHOICES: dict[str, tuple[Any, ...]] = {
    "scheme": ("euler", "exponential"),
    "synapse": ("sequential", "synchronous"),
    "reset": ("to-v_reset", "by-threshold"),
    "when": ("now", "next", "residual"),
    "comparator": (">", ">="),
    "loop": ("spike", "current"),
    "integrators": ("per-second", "per-step"),
    "initial": ("zero", "v_leak"),
}


def others(graph: Graph, contract: Contract) -> Iterator[Contract]:
    """Contracts that differ in one choice which this graph leaves open."""
    open_ = open_choices(graph)
    for name, values in CHOICES.items():
        for value in values:
            if name in open_ and value != getattr(contract, name):
                yield replace(contract, **{name: value})


def open_choices(graph: Graph) -> set[str]:
    """What can matter at all for a graph with these nodes."""
    types = {node.type for node in flatten(graph, Notes("graph")).nodes.values()}
    found = set()
    if types & {"LI", "LIF", "CubaLI", "CubaLIF"}:
        found |= {"scheme", "initial"}
    if types & {"CubaLI", "CubaLIF"}:
        found.add("synapse")
    if types & {"IF", "LIF", "CubaLIF"}:
        found |= {"reset", "when", "comparator", "loop"}
    if "Threshold" in types:
        found.add("comparator")
    if types & {"I", "IF"}:
        found.add("integrators")
    return found


def same(a: Recorded, b: Recorded) -> bool:
    """The same outputs."""
    return _same(a.outputs, b.outputs)


def _same(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)
