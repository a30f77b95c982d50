"""The block of a file against its plain fields: what the block says is encoded again and compared, value by value."""

from __future__ import annotations

import numpy as np

from snndeploy.errors import Finding
from snndeploy.frontends.nir.graph import Field, Graph, Node
from snndeploy.network.table import number

# plain fields are a few float64 operations away from the block; compilers may fuse two of them
TOLERANCE = 1e-12
FIX = (
    "if the plain fields are right, delete the block (h5py: del file['node/metadata/snndeploy']) or read with "
    "ignore_block=True; if the block is right, write the file again"
)


def disagreements(stored: Graph, meant: Graph, where: str) -> list[Finding]:
    """Everything in which the plain graph `stored` differs from `meant`, the plain form of its block."""
    found: list[Finding] = []

    def differ(node: str, what: str) -> None:
        found.append(Finding("SD412", f"{where}: {node}", what, FIX))

    for name in sorted({*stored.nodes, *meant.nodes}):
        a, b = stored.nodes.get(name), meant.nodes.get(name)
        if a is None or b is None:
            differ(f"node {name!r}", "only the block has it" if a is None else "the block does not know it")
        elif isinstance(a, Graph) and isinstance(b, Graph):
            found.extend(disagreements(a, b, f"{where}: subgraph {name!r}"))
        elif isinstance(a, Graph) or isinstance(b, Graph) or a.type != b.type:
            kinds = ["NIRGraph" if isinstance(each, Graph) else each.type for each in (a, b)]
            differ(f"node {name!r}", f"it is {kinds[0]}, by the block {kinds[1]}")
        else:
            for field in sorted({*a.fields, *b.fields}):
                text = _difference(a, b, field)
                if text:
                    differ(f"node {name!r}, {field}", text)
    there = {*stored.edges}
    for edge in sorted(there ^ {*meant.edges}):
        which = "the block does not have it" if edge in there else "only the block has it"
        differ(f"edge {edge[0]!r} -> {edge[1]!r}", which)
    if len(stored.edges) != len(there):
        differ("edges", "one is listed twice")
    return found


def _difference(a: Node, b: Node, field: str) -> str:
    if field not in a.fields or field not in b.fields:
        return "only the block has it" if field not in a.fields else "the block does not know it"
    x, y = a.fields[field], b.fields[field]
    if isinstance(x, str) or isinstance(y, str):
        return (
            ""
            if x is y or (isinstance(x, str) and isinstance(y, str) and x == y)
            else f"{_text(x)}, by the block {_text(y)}"
        )
    if x.shape != y.shape:
        return f"its shape is {x.shape}, by the block {y.shape}"
    with np.errstate(invalid="ignore"):
        wrong = ~((x == y) | (np.abs(x - y) <= TOLERANCE * np.abs(y)))
    if not wrong.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at {at}" if at else ""
    return f"{x[at]!s}{place}, by the block {y[at]!s} ({np.count_nonzero(wrong)} of {wrong.size} values differ)"


def _text(value: Field) -> str:
    return repr(value) if isinstance(value, str) else number(value)
