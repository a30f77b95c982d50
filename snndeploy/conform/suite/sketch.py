"""Small NIR graphs in a few words. Time constants are in steps of dt, so that decays are exact in binary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from snndeploy.conform.suite.contract import Contract
from snndeploy.frontends.nir.graph import Edge, Graph, Node
from snndeploy.network.arrays import Array

DT = 1e-4
# off the lattice of weights, so that a membrane meets it in the vectors alone that are about ties
THETA = 1 - 3 / 512
Step = tuple[str, Node]


@dataclass(frozen=True, eq=False)
class Draft:
    """A vector before the reference has run it.

    Attributes:
        name: family/reading/case.
        about: what it is there for, one sentence.
        graph: plain NIR.
        inputs: by name of Input node, (time, batch, *shape).
    """

    name: str
    about: str
    graph: Graph
    inputs: Mapping[str, Array]
    contract: Contract = field(default_factory=Contract)


def rng_of(name: str) -> np.random.Generator:
    """Numbers that belong to a name, on every machine the same."""
    return np.random.default_rng(list(name.encode()))


def spikes(name: str, steps: int, batch: int, *shape: int, rate: float = 0.4) -> Array:
    """Random events, int64 (steps, batch, *shape)."""
    return (rng_of(f"{name} in").random((steps, batch, *shape)) < rate).astype(np.int64)


def weights(name: str, *shape: int, scale: int = 16, low: int = -12, high: int = 24) -> Array:
    """Random multiples of 1/scale."""
    return np.asarray(rng_of(f"{name} w").integers(low, high + 1, shape) / scale)


def chain(shape: tuple[int, ...], steps: Iterable[Step], out: tuple[int, ...] | None = None) -> Graph:
    """input -> steps -> output. `out`: the shape of what leaves; None: that of the last step's first parameter."""
    listed = list(steps)
    if out is None:
        out = np.asarray(next(iter(listed[-1][1].fields.values()))).shape
    named = [("input", ends("Input", shape)), *listed, ("output", ends("Output", out))]
    return Graph(dict(named), tuple(pairwise([name for name, _ in named])))


def ends(kind: str, shape: tuple[int, ...]) -> Node:
    return Node(kind, {"shape": np.asarray(shape, np.int64)})


def joined(nodes: Mapping[str, Node | Graph], *edges: str) -> Graph:
    """A graph from nodes and edges as "a->b->c"."""
    pairs: list[Edge] = []
    for way in edges:
        pairs += pairwise(way.split("->"))
    return Graph(dict(nodes), tuple(pairs))


def linear(weight: Any, bias: Any = None) -> Node:
    weight = np.asarray(weight, np.float64)
    if bias is None:
        return Node("Linear", {"weight": weight})
    return Node("Affine", {"weight": weight, "bias": np.asarray(bias, np.float64)})


def neuron(kind: str, shape: int | tuple[int, ...], dt: float = DT, ease: float = 1.0, **values: Any) -> Node:
    """A neuron node. tau, tau_mem and tau_syn are in steps; r and w_in are such that gains are 1 if nothing is said.

    For LI and LIF r is 1 if nothing is said, as the input is then scaled by dt/tau, and importers that know no r agree.
    The threshold is about 1/ease, an odd multiple of 1/512.
    """
    if ease != 1:
        values["theta"] = (int(512 / ease) | 1) / 512
    full: dict[str, Array] = {name: np.broadcast_to(np.asarray(v, float), shape) for name, v in values.items()}
    one = np.ones(shape)
    fields: dict[str, Array] = {}
    if kind == "Threshold":
        return Node(kind, {"threshold": np.array(full.get("theta", one))})
    if kind in ("I", "IF"):
        fields["r"] = full.get("r", one / dt)
    elif kind in ("LI", "LIF"):
        fields["tau"] = full.get("tau", 2 * one) * dt
        fields["r"] = full.get("r", one)
    else:
        mem, syn = full.get("tau_mem", 2 * one), full.get("tau_syn", 2 * one)
        fields |= {"tau_syn": syn * dt, "tau_mem": mem * dt, "r": full.get("r", mem), "w_in": full.get("w_in", syn)}
    if kind not in ("I", "IF"):
        fields["v_leak"] = full.get("leak", 0 * one)
    if kind.endswith("F"):
        fields |= {"v_threshold": full.get("theta", THETA * one), "v_reset": full.get("reset", 0 * one)}
    unknown = set(values) - {"tau", "tau_mem", "tau_syn", "r", "w_in", "leak", "theta", "reset"}
    assert not unknown, unknown
    return Node(kind, {name: np.array(value, np.float64) for name, value in fields.items()})


def conv(kind: str, weight: Any, size: tuple[int, ...], bias: Any = None, **settings: Any) -> Node:
    """Conv1d or Conv2d on an input of `size`; settings: stride, padding, dilation, groups."""
    weight = np.asarray(weight, np.float64)
    dims = len(size)

    def steps(value: Any) -> Any:
        if isinstance(value, str):
            return value
        full = np.broadcast_to(np.asarray(value, np.int64), (dims,)).copy()
        return full if dims == 2 else full[0]

    fields: dict[str, Any] = {
        "input_shape": np.asarray(size, np.int64) if dims == 2 else np.int64(size[0]),
        "weight": weight,
        "stride": steps(settings.get("stride", 1)),
        "padding": steps(settings.get("padding", 0)),
        "dilation": steps(settings.get("dilation", 1)),
        "groups": np.int64(settings.get("groups", 1)),
        "bias": np.zeros(weight.shape[0]) if bias is None else np.asarray(bias, np.float64),
    }
    return Node(kind, fields)


def pool(kind: str, kernel: Any, stride: Any = None, padding: Any = 0) -> Node:
    def pair(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, np.int64), (2,)).copy()

    stride = kernel if stride is None else stride
    return Node(kind, {"kernel_size": pair(kernel), "stride": pair(stride), "padding": pair(padding)})


def flat(start: int = 0, end: int = -1, shape: tuple[int, ...] = ()) -> Node:
    fields: dict[str, Any] = {"start_dim": np.int64(start), "end_dim": np.int64(end)}
    return Node("Flatten", fields | ({"input_type": np.asarray(shape, np.int64)} if shape else {}))
