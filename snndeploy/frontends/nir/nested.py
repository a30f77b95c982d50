"""Graphs within graphs become one graph; what is wrong with names, types, fields and values is found on the way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snndeploy.errors import Finding, error
from snndeploy.files import readable
from snndeploy.frontends.nir.graph import OPTIONAL, REQUIRED, Edge, Graph, Node
from snndeploy.frontends.nir.loading import Limits
from snndeploy.network.table import number

POSITIVE = frozenset({"tau", "tau_syn", "tau_mem"})
# no type of NIR: an Input or Output in the middle, which hands on what arrives
PASS = "Pass"


@dataclass
class Notes:
    """What was found while reading one file, in words for its owner."""

    path: str
    numbers: int = Limits.numbers
    findings: list[Finding] = field(default_factory=list)
    repairs: dict[str, None] = field(default_factory=dict)
    spent: int = 0

    def wrong(self, code: str, where: str, what: str, fix: str = "") -> None:
        self.findings.append(Finding(code, f"{self.path}: {readable(where, 120)}", readable(what), readable(fix, 200)))

    def repaired(self, text: str) -> None:
        self.repairs[readable(text)] = None

    def spend(self, numbers: int, where: str) -> None:
        """Counts numbers that are about to be written out.

        Raises:
            SnnDeployError SD402: they are too many together.
        """
        self.spent += numbers
        if self.spent > self.numbers:
            what = f"with it, the file describes {self.spent:,} numbers, more than {self.numbers:,}"
            raise error("SD402", f"{self.path}: {readable(where, 120)}", what, "raise Limits.numbers")

    def fatal(self) -> bool:
        return any(each.severity == "error" for each in self.findings)


@dataclass(frozen=True, eq=False)
class Flat:
    """One graph. Every edge joins two of `nodes`; a node of type "Pass" hands on what arrives."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]


def flatten(graph: Graph, notes: Notes) -> Flat:
    """The graph without subgraphs: node `b` of subgraph `a` is called `a.b`."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    ends: dict[str, tuple[list[str], list[str]]] = {}
    _collect(graph, "", nodes, edges, ends, notes)
    edges = _renamed(nodes, edges, ends, notes)
    joined: list[Edge] = []
    unknown: dict[str, str] = {}
    for a, b in edges:
        source, target = _end(a, 1, nodes, ends, notes), _end(b, 0, nodes, ends, notes)
        for name, found in ((a, source), (b, target)):
            if found is None:
                unknown.setdefault(name, f"edge {a!r} -> {b!r}")
        if source is not None and target is not None:
            joined.append((source, target))
    listed = ", ".join(sorted(nodes)[:12])
    for name, edge in unknown.items():
        if name in ends:
            what = f"subgraph {name!r} has not exactly one input and one output"
        else:
            what = f"there is no node {name!r}; there are {listed}"
        notes.wrong("SD405", edge, what, "correct the edge in the file")
    for (a, b), times in Counter(joined).items():
        if times > 1:
            notes.wrong("SD405", f"edge {a!r} -> {b!r}", f"it is listed {times} times", "put a Scale between")
    targets, sources = {b for _, b in joined}, {a for a, _ in joined}
    for name, node in nodes.items():
        inside = (node.type == "Input" and name in targets) or (node.type == "Output" and name in sources)
        if inside:
            nodes[name] = Node(PASS, node.fields)
            if "." not in name or name.rpartition(".")[0] not in ends:
                notes.repaired(f"node {name!r}: an {node.type} in the middle of the graph hands on what arrives")
    return Flat(nodes, tuple(joined))


def _collect(
    graph: Graph,
    prefix: str,
    nodes: dict[str, Node],
    edges: list[Edge],
    ends: dict[str, tuple[list[str], list[str]]],
    notes: Notes,
) -> None:
    for name, each in graph.nodes.items():
        full = prefix + name
        if full in nodes or full in ends:
            notes.wrong("SD405", f"node {full!r}", "two nodes have this name once subgraphs are joined", "rename one")
            continue
        if isinstance(each, Node):
            nodes[full] = _checked(full, each, notes)
            continue
        inner = {kind: [k for k, n in each.nodes.items() if isinstance(n, Node) and n.type == kind] for kind in _ENDS}
        ends[full] = ([f"{full}.{k}" for k in inner["Input"]], [f"{full}.{k}" for k in inner["Output"]])
        _collect(each, f"{full}.", nodes, edges, ends, notes)
    edges += [(prefix + a, prefix + b) for a, b in graph.edges]


_ENDS = ("Input", "Output")


def _renamed(
    nodes: Mapping[str, Node], edges: list[Edge], ends: Mapping[str, tuple[list[str], list[str]]], notes: Notes
) -> list[Edge]:
    """The edges, where the only name without a node in a graph means the only node there that no edge names."""
    named = {name for edge in edges for name in edge}
    known = {*nodes, *ends}
    quiet = Notes(notes.path)
    lost = {
        n for edge in edges for side, n in ((1, edge[0]), (0, edge[1])) if _end(n, side, nodes, ends, quiet) is None
    }
    meant: dict[str, str] = {}
    free: dict[str, list[str]] = defaultdict(list)
    for name in sorted(known - named):
        free[name.rpartition(".")[0]].append(name)
    lost_in = Counter(name.rpartition(".")[0] for name in lost)
    for name in sorted(lost - known):
        graph = name.rpartition(".")[0]
        others = free[graph]
        if len(others) == 1 and lost_in[graph] == 1:
            meant[name] = others[0]
            notes.repaired(f"edges of {name!r}, which is no node, mean {others[0]!r}, which no edge names")
    return [(meant.get(a, a), meant.get(b, b)) for a, b in edges]


def _end(
    name: str, side: int, nodes: Mapping[str, Node], ends: Mapping[str, tuple[list[str], list[str]]], notes: Notes
) -> str | None:
    """The node that an edge means: a subgraph's only output (side 1) or input (side 0), or the node itself."""
    if name in ends:
        found = ends[name][side]
        return found[0] if len(found) == 1 else None
    if name in nodes:
        return name
    # a subgraph that was written flat: "a" stands for "a.output" and "a.input"
    virtual = f"{name}.{'output' if side else 'input'}"
    if virtual in nodes and nodes[virtual].type == _ENDS[side]:
        notes.repaired(f"edges of {name!r}, which is no node, mean {name + '.input'!r} and {name + '.output'!r}")
        return virtual
    return None


def _checked(name: str, node: Node, notes: Notes) -> Node:
    """The node itself, after everything that can be said about it alone."""
    where = f"node {name!r}"
    if node.type not in REQUIRED:
        notes.wrong("SD404", where, f"its type {node.type!r} is not one of {', '.join(REQUIRED)}", "replace it")
        return node
    needed = REQUIRED[node.type]
    known = {*needed, *OPTIONAL.get(node.type, ())}
    for field_ in needed:
        if field_ not in node.fields:
            notes.wrong("SD404", f"{where}, {field_}", f"a {node.type} must have it, and it is missing", "add it")
    for field_, value in node.fields.items():
        at = f"{where}, {field_}"
        if field_ not in known:
            notes.wrong("SD404", at, f"a {node.type} has no such field", "remove it")
        elif isinstance(value, str):
            if not (field_ == "padding" and node.type.startswith("Conv") and value in ("same", "valid")):
                notes.wrong("SD404", at, f"it is the text {value!r}, not numbers", "write numbers")
        elif not np.isfinite(value).all():
            bad = np.count_nonzero(~np.isfinite(value))
            notes.wrong("SD406", at, f"{bad} of {value.size} values are NaN or infinite", "train or export it again")
        elif value.size and field_ in POSITIVE and value.min() <= 0:
            notes.wrong("SD406", at, f"{number(value)} s is not a positive time", "write seconds > 0")
        elif value.size and field_ == "delay" and value.min() < 0:
            notes.wrong("SD406", at, f"{number(value)} s is negative", "write seconds >= 0")
        elif value.size == 0 and field_ not in ("shape", "input_type"):
            notes.wrong("SD407", at, f"its shape {value.shape} has no elements", "write the file again")
    return node
