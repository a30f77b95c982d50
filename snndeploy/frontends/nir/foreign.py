"""What the importers of Norse 1.1 and snnTorch 1.0 get right: the common part of the files written for them.

Both compute in order, from one Input to one Output, and know few nodes. So every projection becomes one weight (pools,
factors and what a spike emits are folded in), every membrane is shifted so that it resets to 0, gains move into the
weights, biases into the layer in front, and nodes are called by the order in which they are computed: both importers
take that order from names or from the list of edges.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.frontends.nir import neurons
from snndeploy.frontends.nir.chains import Step
from snndeploy.frontends.nir.encode import Encoder, Places, placed
from snndeploy.frontends.nir.graph import Edge, Graph, Node
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Scale, Sparse
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Receptor, Reset, Rule

ONE = np.ones(())
# what is left of numbers that cancel
ROUNDING = 1e-14


@dataclass(frozen=True)
class Held:
    """A population as an importer takes it.

    Attributes:
        type, fields: the node, but for what `bias` says; arrays broadcast to the shape.
        factor: of everything that arrives, per receptor.
        drive: what has to arrive beside the spikes in each step, in units of what arrives.
    """

    type: str
    fields: dict[str, Array]
    factor: tuple[Array, ...]
    drive: Array


class RefusedError(ValueError):
    """Why an importer does not hold a population."""


Holds = Callable[[Rule, float], Held]


@dataclass(frozen=True)
class Shifted:
    """A rule whose reset is to 0, or by its threshold, in the units of a membrane less its reset value.

    `drive` joins the bias and the constants of receptors without filter.
    """

    beta: Array
    threshold: Array
    soft: bool
    initial: Array
    bias: Array
    alpha: Array
    gain: tuple[Array, ...]
    constant: Array
    drive: Array


def shifted(rule: Rule) -> Shifted:
    """The rule without what no importer knows.

    Raises:
        RefusedError: it has something of that kind.
    """
    if rule.threshold is None:
        raise RefusedError("it has no threshold, and the importer knows spiking neurons alone")
    for what, there in (
        ("a refractory period", rule.refractory is not None),
        ("an adaptive threshold", rule.adaptation is not None),
        ("a floor", rule.floor is not None or rule.state_floor is not None),
        ("a current that a spike resets", any(r.reset for r in rule.receptors)),
        ("a synapse that works a step late", rule.synapse == "synchronous"),
        ("a constant that sets in later", rule.bias_onset > 0 or any(r.onset for r in rule.receptors)),
        ("a current that starts at another value than 0", any(np.any(r.initial) for r in rule.receptors)),
        ("a spike of another value than 1", np.any(rule.value != 1)),
    ):
        if there:
            raise RefusedError(f"the importer has no neuron with {what}")
    if rule.reset.kind == "none" or rule.reset.when != "now":
        told = "nothing" if rule.reset.kind == "none" else f"{rule.reset.kind} a value, {rule.reset.when} step"
        raise RefusedError(f"a spike resets {told}; the importer's neurons reset in the step of the spike")
    filters = any(np.any(r.alpha) for r in rule.receptors)
    if filters and len(rule.receptors) > 1:
        raise RefusedError(f"it has {len(rule.receptors)} receptors, one of them with a filter")
    soft = rule.reset.kind == "by"
    at = np.zeros(()) if soft else np.asarray(rule.reset.value, np.float64)
    beta, initial = np.asarray(rule.beta), np.asarray(rule.initial) - at
    bias = _clean(np.asarray(rule.bias) - (1 - beta) * at, np.asarray(rule.bias))
    if soft and np.any(rule.reset.value != rule.threshold):
        raise RefusedError("a spike subtracts another amount than the threshold")
    gain = tuple(np.asarray(r.gain) for r in rule.receptors)
    constant = np.asarray(rule.receptors[0].constant)
    through = sum((g * np.asarray(r.constant) for g, r in zip(gain, rule.receptors, strict=True)), np.zeros(()))
    return Shifted(
        beta,
        np.asarray(rule.threshold) - at,
        soft,
        initial,
        bias,
        np.asarray(rule.receptors[0].alpha),
        gain,
        constant,
        bias if filters else bias + through,
    )


def _clean(value: Array, of: Array) -> Array:
    return np.where(np.abs(value) <= ROUNDING * np.abs(of), 0.0, value)


def structure(network: Network, reader: str, chain: bool) -> Iterator[Finding]:
    """What the graph executor behind an importer computes wrongly or not at all."""
    say = "write it with style='standard' or style='decomposed', and run it here"

    def no(where: str, what: str, fix: str = say) -> Finding:
        return Finding("SD416", where, f"{reader}'s importer {what}", fix)

    if network.form == "integer":
        yield no("network", "computes in floating point, and registers truncate", "write the float network instead")
        return
    if len(network.inputs) != 1 or network.inputs[0].kind == "constant":
        yield no("network", f"takes one input, not {', '.join(each.name for each in network.inputs)}")
    feeding = {p.source for p in network.projections if p.source != p.target}
    ends = [*network.outputs, *(p.name for p in network.populations if p.name not in {*feeding, *network.outputs})]
    if len(ends) != 1:
        yield no("network", f"gives one output, not {', '.join(ends)}")
    for p in network.projections:
        loop = p.source == p.target
        if p.delay != loop:
            what = "has a loop take one step" if loop else "has no delays"
            yield no(f"projection {p.name!r}", f"{what}, and this one takes {p.delay} steps")
    for each in network.populations:
        loops = sum(p.source == each.name for p in network.into(each.name))
        fed = len(network.into(each.name)) - loops
        if loops > 1:
            yield no(f"population {each.name!r}", f"knows one loop per neuron, and it has {loops}")
        if chain and fed > 1:
            what = f"computes a neuron before all of the {fed} layers that feed it"
            yield no(f"population {each.name!r}", what, "merge the layers into one, or write it for snntorch")
    if chain and len(ends) == 1 and ends[0] in feeding:
        yield no(f"population {ends[0]!r}", "returns what it computes last, and this one feeds others")


def prepared(network: Network, reader: str, holds: Holds, dt: float, chain: bool) -> tuple[Network, dict[str, Held]]:
    """The network with one weight per projection, and each population as the importer takes it.

    Raises:
        SnnDeployError SD416: everything that it cannot hold.
    """
    from snndeploy.passes import fold_values, merge_maps

    found = list(structure(network, reader, chain))
    if network.form == "integer":
        raise_errors(found)
    out = set(network.outputs)
    kept = {p.name: p.rule for p in network.populations}
    folded = fold_values(network)
    held: dict[str, Held] = {}
    for each in folded.populations:
        rule: Any = kept[each.name] if each.name in out else each.rule
        try:
            held[each.name] = holds(rule, dt)
        except RefusedError as problem:
            fix = "write it with style='decomposed' where that holds it, else keep it here"
            found.append(Finding("SD416", f"population {each.name!r}", f"for {reader}: {problem}", fix))
    raise_errors(found)
    projections = [
        p if np.all(factor == 1) else replace(p, maps=(*p.maps, Scale(factor)))
        for p, factor in ((p, held[p.target].factor[p.receptor]) for p in folded.projections)
    ]
    one = Rule(0.0, 1.0, (Receptor(),), reset=Reset("to", 0.0))
    populations = tuple(replace(each, rule=one) for each in folded.populations)
    ways = tuple(replace(p, receptor=0) for p in projections)
    return merge_maps(network.with_(populations=populations, projections=ways, source=None)), held


class ForeignEncoder(Encoder):
    """Nodes that both importers read alike: Linear, Affine, Conv2d, Flatten over all axes, and `held` neurons."""

    def __init__(self, network: Network, held: dict[str, Held]):
        super().__init__(network)
        self.held = held
        for each in network.populations:
            drive = np.broadcast_to(held[each.name].drive, each.shape).reshape(each.shape[0] if each.shape else 1, -1)
            # a convolution has one bias per channel; where that is not enough, neurons stand in a row
            if len(each.shape) > 1 and (drive != drive[:, :1]).any():
                self.flat.add(each.name)

    def _chain(self, p: Projection) -> list[Step] | None:
        simple = all(_simple(each, shape) for each, shape in _shapes(p.maps, self.network.shapes[p.source]))
        if not simple and len(self.network.shapes[p.target]) > 1 and p.target not in self.flat:
            return None
        found = super()._chain(p) if simple else self._matrix(p)
        for step in found or ():
            if step.type == "Flatten":
                # counted from the end: the same axes with a batch in front and without
                rank = len(step.fields["input_type"])
                step.fields |= {"start_dim": np.asarray(-rank), "end_dim": np.asarray(-1)}
        return found

    def _population(self, each: Population, incoming: list[tuple[Projection, list[Step]]]) -> None:
        shape, written = each.shape, self.shape(each.name)
        held = self.held[each.name]

        def full(value: Any) -> Array:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64), shape).reshape(written))

        zero, one = full(0.0), full(1.0)
        placed(neurons.Numbers(zero, zero, (zero,), (one,), (full(held.drive),)), incoming)
        self.nodes[each.name] = Node(held.type, {field: full(value) for field, value in held.fields.items()})
        self.entry[each.name, 0] = self.exit[each.name] = each.name

    def loops(self) -> dict[str, list[str]]:
        """Population -> the nodes on the way back to it."""
        found: dict[str, list[str]] = {}
        after = {a: b for a, b in self.edges if a not in self.network.shapes}
        starts: dict[str, list[str]] = {}
        for a, b in self.edges:
            if b not in self.network.shapes:
                starts.setdefault(a, []).append(b)
        for p in self.network.projections:
            if p.source == p.target:
                for start in starts.get(p.source, []):
                    way = [start]
                    while way[-1] in after and after[way[-1]] not in self.network.shapes:
                        way.append(after[way[-1]])
                    if after.get(way[-1]) == p.target:
                        found[p.source] = way
        return found


def _shapes(maps: tuple[Map, ...], shape: tuple[int, ...]) -> Iterator[tuple[Map, tuple[int, ...]]]:
    for each in maps:
        yield each, shape
        shape = each.shape_out(shape)


def _simple(each: Map, shape: tuple[int, ...]) -> bool:
    match each:
        case Flatten():
            return each._span() == (0, each.rank - 1)
        case Dense():
            return len(shape) == 1
        case Conv():
            return len(each.kernel) == 2
        case Sparse():
            return len(each.shape_to) == 1
    return False


def arranged(encoder: ForeignEncoder, nested: bool) -> tuple[Graph, Places]:
    """The graph with names in the order of computation; loops first in the list of edges, or in graphs of their own."""
    loops = encoder.loops()
    inside = {node: name for name, way in loops.items() for node in way}
    edges = [(a, b) for a, b in encoder.edges if a not in inside and b not in inside]
    order = _order(list(encoder.nodes), edges, inside, nested)
    width = len(str(len(order) - 1))
    called = {name: f"n{i:0{width}d}_{_plain(name)}" for i, name in enumerate(order)}
    nodes: dict[str, Node | Graph] = {}
    for name in order:
        node, way = encoder.nodes[name], loops.get(name, []) if nested else []
        nodes[called[name]] = _nested(node, [encoder.nodes[w] for w in way]) if way else node
    listed = [] if nested else [(a, b) for a, b in encoder.edges if a in inside or b in inside]
    places = {
        key: (called[node], field)
        for key, (node, field) in encoder.places.items()
        if node in called and not isinstance(nodes[called[node]], Graph)
    }
    return Graph(nodes, tuple((called[a], called[b]) for a, b in [*listed, *edges])), places


def _order(names: list[str], edges: list[Edge], inside: dict[str, str], nested: bool) -> list[str]:
    import networkx as nx

    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(name for name in names if name not in inside)
    graph.add_edges_from(edges)
    at = {name: i for i, name in enumerate(names)}
    order: list[str] = list(nx.lexicographical_topological_sort(graph, key=at.__getitem__))
    if nested:
        return order
    return [each for name in order for each in (name, *(w for w in names if inside.get(w) == name))]


def _plain(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]", "_", name)


def _nested(node: Node, way: list[Node]) -> Graph:
    shape = np.asarray(next(iter(node.fields.values())).shape, np.int64)  # type: ignore[union-attr]
    back = [f"n{i + 2}_rec" for i in range(len(way))]
    last = f"n{len(way) + 2}_output"
    nodes: dict[str, Node | Graph] = {"n0_input": Node("Input", {"shape": shape}), "n1_lif": node}
    nodes |= dict(zip(back, way, strict=True)) | {last: Node("Output", {"shape": shape})}
    circle = ["n1_lif", *back, "n1_lif"]
    edges = [("n0_input", "n1_lif"), *pairwise(circle), ("n1_lif", last)]
    return Graph(nodes, tuple(edges))
