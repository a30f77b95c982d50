"""Which shape arrives at every node, from what the file declares; node order does not matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from snndeploy.frontends.nir.graph import NEURONS, Node
from snndeploy.frontends.nir.linear import LINEAR, NEURONS_LIMIT, Linear, MisfitError, fitted, linear, rank
from snndeploy.frontends.nir.misshapen import believed, corrected, unbatched
from snndeploy.frontends.nir.nested import Flat, Notes
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape

# what NumPy allows
RANK_LIMIT = 64


@dataclass
class Shaped:
    """A graph with shapes: maps of linear nodes, parameters of neurons at full shape, shapes of what leaves.

    `wrong` has what nir takes for the shape of what leaves, where that is another (`misshapen.py`).
    """

    flat: Flat
    before: dict[str, list[str]]
    out: dict[str, Shape]
    linear: dict[str, Linear]
    parameters: dict[str, dict[str, Array]]
    wrong: dict[str, Shape] = field(default_factory=dict)


def with_ends(flat: Flat, notes: Notes) -> Flat:
    """Adds an Input or an Output, where the file has none and only one node can be meant."""
    nodes, edges = dict(flat.nodes), list(flat.edges)
    for kind, side in (("Input", 1), ("Output", 0)):
        if any(node.type == kind for node in nodes.values()):
            continue
        joined = {edge[side] for edge in edges}
        open_ends = [name for name in sorted(nodes) if name not in joined]
        if len(open_ends) != 1:
            listed = f": {', '.join(open_ends[:6])}" if open_ends else ""
            notes.wrong(
                "SD405",
                f"{kind} node",
                f"the graph has none, and {len(open_ends)} nodes could be meant{listed}",
                f"add an {kind} node",
            )
            continue
        (end,) = open_ends
        name = kind.lower()
        while name in nodes:
            name += "_"
        shape = _declared(nodes[end]) if kind == "Input" else ()
        if shape is None:
            notes.wrong("SD405", "Input node", f"the graph has none, and node {end!r} declares no shape", "add one")
            continue
        nodes[name] = Node(kind, {"shape": np.asarray(shape, np.int64)} if kind == "Input" else {})
        edges.append((name, end) if kind == "Input" else (end, name))
        notes.repaired(f"the graph has no {kind} node; one is added at node {end!r}")
    return Flat(nodes, tuple(edges))


def _declared(node: Node) -> Shape | None:
    """The shape that a first node takes, if its parameters tell."""
    if node.type in NEURONS:
        return _parameter_shape(node) or None
    if node.type in ("Affine", "Linear"):
        weight = node.array("weight")
        return (*weight.shape[:-2], weight.shape[-1])
    if node.type in ("Scale", "Delay"):
        return node.array(node.type.lower()).shape or None
    if node.type in ("Conv1d", "Conv2d") and "input_shape" in node.fields:
        size = node.array("input_shape").ravel()
        return (node.array("weight").shape[1] * int(node.array("groups").ravel()[0]), *(int(n) for n in size))
    return None


def _parameter_shape(node: Node) -> Shape:
    shapes = [np.asarray(value).shape for value in node.fields.values()]
    return max(shapes, key=lambda shape: (len(shape), prod(shape)))


def infer(flat: Flat, notes: Notes) -> Shaped:
    """Follows shapes from the inputs; where a loop keeps them from arriving, a neuron's own parameters tell."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for a, b in sorted(flat.edges):
        before[b].append(a)
        after[a].append(b)
    shaped = Shaped(flat, before, {}, {}, {})
    for name, node in sorted(flat.nodes.items()):
        if node.type == "Input":
            shaped.out[name] = _input_shape(name, node, [flat.nodes[n] for n in after[name]], notes)
    waiting = [name for name in sorted(flat.nodes) if name not in shaped.out]
    ready = [name for name in waiting if any(b in shaped.out for b in before[name])]
    pending = set(waiting)
    known = iter([n for n in waiting if flat.nodes[n].type in NEURONS and _parameter_shape(flat.nodes[n])])
    while pending:
        if not ready:
            first = next((n for n in known if n in pending), None)
            if first is None:
                break
            _arrive(shaped, first, _parameter_shape(flat.nodes[first]), notes)
            pending.discard(first)
            ready = [n for n in after[first] if n in pending and first in shaped.out]
            continue
        name = ready.pop()
        if name not in pending:
            continue
        pending.discard(name)
        source = next(b for b in before[name] if b in shaped.out)
        follow = [flat.nodes[n] for n in after[name]]
        _arrive(shaped, name, shaped.out[source], notes, shaped.wrong.get(source), follow)
        ready += [n for n in after[name] if n in pending and name in shaped.out]
    if not notes.fatal():
        for name in sorted(pending):
            notes.wrong("SD405", f"node {name!r}", "nothing from an input reaches it", "connect or remove it")
        _check_sums(shaped, notes)
    return shaped


def _input_shape(name: str, node: Node, consumers: list[Node], notes: Notes) -> Shape:
    """The declared shape without axes that no consumer takes: batch or time."""
    declared = node.array("shape").ravel()
    if declared.size > RANK_LIMIT:
        notes.wrong("SD407", f"node {name!r}, shape", f"{declared.size:,} axes are no shape", "write the file again")
        return (1,)
    if (declared < 1).any() or (declared != np.floor(declared)).any() or prod(int(n) for n in declared) > NEURONS_LIMIT:
        notes.wrong("SD407", f"node {name!r}, shape", f"{declared.tolist()} is not a shape", "write the file again")
        return (1,)
    shape = tuple(int(n) for n in declared)
    ranks = {rank(each) for each in consumers} - {None}
    if len(ranks) == 1 and len(shape) > (wanted := int(next(iter(ranks)) or 1)):
        notes.repaired(f"node {name!r}: axes {shape[:-wanted]} of its shape {shape} are dropped (batch or time)")
        shape = shape[-wanted:]
    return shape


def _arrive(
    shaped: Shaped,
    name: str,
    shape: Shape,
    notes: Notes,
    wrong: Shape | None = None,
    follow: Sequence[Node] = (),
) -> None:
    """Fits node `name` to the shape that arrives, and notes what leaves.

    Args:
        wrong: what nir takes for that shape.
        follow: the nodes behind it.
    """
    node = shaped.flat.nodes[name]
    if wrong is not None:
        node = corrected(name, node, wrong, shape, notes)
    if node.type == "Flatten" and shape:
        node = unbatched(name, node, shape, follow, notes)
    taken = wrong or shape
    try:
        if node.type == "Output" or node.type == "Pass":
            _check_end(name, node, shape, notes)
        if node.type in LINEAR:
            shaped.linear[name] = linear(name, node, shape, notes)
            shape = shaped.linear[name].out
        if node.type in NEURONS or node.type == "Delay":
            shaped.parameters[name] = fitted(name, node, shape, notes)
    except MisfitError as problem:
        notes.wrong("SD407", f"node {name!r} ({node.type})", str(problem), "correct the shapes in the file")
        return
    shaped.out[name] = shape
    taken = believed(node, shaped.linear.get(name), taken)
    if taken != shape:
        shaped.wrong[name] = taken


def _check_end(name: str, node: Node, shape: Shape, notes: Notes) -> None:
    if "shape" not in node.fields:
        return
    declared = tuple(int(n) for n in node.array("shape").ravel()[: RANK_LIMIT + 1])
    if declared == shape:
        return
    extra = len(declared) - len(shape)
    if node.type == "Pass":
        notes.repaired(f"node {name!r}: its shape {declared} is not used; {shape} arrives")
    elif extra > 0 and declared[extra:] == shape:
        notes.repaired(f"node {name!r}: axes {declared[:extra]} of its shape {declared} are dropped (batch or time)")
    else:
        raise MisfitError(f"its shape is {declared}, what arrives is {shape}")


def _check_sums(shaped: Shaped, notes: Notes) -> None:
    """Everything that arrives at one node has one shape."""
    for name, sources in sorted(shaped.before.items()):
        node = shaped.flat.nodes[name]
        if name not in shaped.out or any(a not in shaped.out for a in sources):
            continue  # nothing reaches it, which is reported
        arriving = {shaped.out[a] for a in sources}
        wanted = shaped.out[name] if node.type in NEURONS else None
        if len(arriving) > 1 or (wanted is not None and arriving != {wanted}):
            each = ", ".join(f"{a!r} delivers {shaped.out[a]}" for a in sources)
            notes.wrong("SD407", f"node {name!r} ({node.type})", f"{each}; it takes one shape", "correct the file")
