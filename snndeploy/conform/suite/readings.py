"""The readings next to a contract, and which of them somebody's answer belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from snndeploy.conform.suite.case import Case
from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.expected import Recorded, expected
from snndeploy.conform.suite.plain import plain
from snndeploy.conform.suite.verdict import Answer, same
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir.graph import Graph
from snndeploy.frontends.nir.nested import Notes, flatten
from snndeploy.network.arrays import Array

# the usual one first, so that the first that fits is the plainest
CHOICES: dict[str, tuple[Any, ...]] = {
    "reset": ("to-v_reset", "by-threshold"),
    "when": ("now", "next", "residual"),
    "comparator": (">", ">="),
    "scheme": ("euler", "exponential", "impulse"),
    "synapse": ("sequential", "synchronous"),
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


def all_readings(graph: Graph, contract: Contract, only: Iterable[str] = tuple(CHOICES)) -> Iterator[Contract]:
    """Every contract that this graph leaves open, the nearest to the standard reading first; dt and delays are kept.

    Args:
        only: choices that are varied.
    """
    open_ = [name for name in CHOICES if name in open_choices(graph) & set(only)]
    usual = Contract(contract.dt, delays=contract.delays)
    found = [
        replace(usual, **dict(zip(open_, values, strict=True))) for values in product(*(CHOICES[n] for n in open_))
    ]
    yield from sorted(found, key=_unusual)


def open_choices(graph: Graph) -> set[str]:
    """What can matter at all for a graph with these nodes."""
    nodes = flatten(graph, Notes("graph")).nodes.values()
    types, found = {node.type for node in nodes}, set()
    if types & {"LI", "LIF", "CubaLI", "CubaLIF"}:
        found.add("scheme")
    if any(np.any(np.asarray(node.fields.get("v_leak", 0)) != 0) for node in nodes):
        found.add("initial")
    if types & {"CubaLI", "CubaLIF"}:
        found.add("synapse")
    if types & {"IF", "LIF", "CubaLIF"}:
        found |= {"reset", "when", "comparator"}
    if types & {"Affine", "Conv1d", "Conv2d"} and types & {"IF", "LIF", "CubaLIF"}:
        found.add("loop")
    if "Threshold" in types:
        found.add("comparator")
    if types & {"I", "IF"}:
        found.add("integrators")
    return found


def reproducing(
    graph: Graph,
    inputs: Mapping[str, Array],
    observed: Recorded,
    contract: Contract,
    *,
    only: Iterable[str] = tuple(CHOICES),
    late: int = 0,
    tolerance: float = 0.0,
) -> tuple[Contract, ...]:
    """All readings of a graph that give what was observed, spikes exactly, the plainest first.

    Args:
        observed: outputs, and what of v and i is known; what is not in it is not compared.
        contract: its dt and delays are kept.
        only: choices that are varied.
        late: steps by which the observation is late against the input, as engines are that take a step per layer.
        tolerance: of values and states, absolute.
    """
    found = []
    for each in all_readings(graph, contract, only):
        try:
            answer, _ = expected(graph, each, inputs)
        except SnnDeployError:
            continue
        pairs = [
            (held[name][: len(array) - late], array[late:])
            for held, seen in ((answer.outputs, observed.outputs), (answer.v, observed.v), (answer.i, observed.i))
            for name, array in seen.items()
        ]
        if all(_close(a, b, tolerance) for a, b in pairs):
            found.append(each)
    return tuple(found)


def _close(wanted: Array, found: Array, tolerance: float) -> bool:
    if wanted.dtype == bool:
        return bool(np.array_equal(wanted, found))
    return bool((np.abs(wanted - np.asarray(found, np.float64)) <= tolerance).all())


def named_reading(case: Case, found: Any) -> str:
    """The plainest other reading that gives exactly what a backend gave, as "comparator >="; "" if there is none."""
    outputs = found.outputs if isinstance(found, Answer) else found
    graph = plain(case.graph())
    for each in all_readings(graph, case.contract):
        try:
            answer, _ = expected(graph, each, case.inputs)
        except SnnDeployError:
            continue
        if same(answer.outputs, outputs):
            return difference(case.contract, each)
    return ""


def plainest(answers: Sequence[tuple[Case, Any]]) -> tuple[Contract, int]:
    """The reading that gives most of what a backend gave, of several the plainest; and how many answers it gives.

    A vector whose graph leaves a choice closed fits with any value of it.
    """
    tables: list[tuple[list[str], set[tuple[Any, ...]]]] = []
    for case, found in answers:
        graph = plain(case.graph())
        open_ = [name for name in CHOICES if name in open_choices(graph)]
        outputs = found.outputs if isinstance(found, Answer) else found
        readings = all_readings(graph, case.contract)
        fitting = [each for each in readings if same(expected(graph, each, case.inputs)[0].outputs, outputs)]
        tables.append((open_, {tuple(getattr(each, name) for name in open_) for each in fitting}))

    def explained(contract: Contract) -> int:
        return sum(tuple(getattr(contract, name) for name in open_) in fitting for open_, fitting in tables)

    candidates = [Contract(**dict(zip(CHOICES, values, strict=True))) for values in product(*CHOICES.values())]
    best = max(sorted(candidates, key=_unusual), key=explained)
    return best, explained(best)


def _unusual(contract: Contract) -> int:
    return sum(getattr(contract, name) != values[0] for name, values in CHOICES.items())


def difference(own: Contract, other: Contract) -> str:
    """What the other contract says otherwise."""
    mine, theirs = own.as_dict(), other.as_dict()
    return ", ".join(f"{name} {theirs[name]}" for name in mine if mine[name] != theirs[name])
