"""NIR files as the nir package of each version wrote them, from the same description of a graph.

A graph is (nodes, edges); a node is (type, fields) with the names of fields of nir 1.0.8, or a graph. What a version
did not store is left out, as its `nir.write` did. Found by running `nir.write` of every version on the package index
(0.0.1 to 1.0.8) and comparing the trees of the files, value by value; there is no 1.0.2.

| since | |
|---|---|
| 0.0.1 | `nodes/<number>` and `edges` (pairs of numbers) at the top, no version |
| | `Linear` has `weights` and a bias; the threshold of a LIF is `theta` |
| 0.0.2 | the threshold is `v_th` |
| 0.0.3 | Input, with a shape, and Output, without |
| 0.0.4 | the threshold is `v_threshold`; I, Threshold, Delay |
| 0.0.5 | IF |
| 0.0.6 | all below `node`; `weight`; Affine, and Linear without bias; CubaLIF; graphs in graphs |
| 0.1.0 | nodes and edges by name; Output has a shape; Flatten, without input_type; Scale; strides are pairs |
| 0.2.0 | `version`; Flatten has an input_type |
| 1.0.0 | w_in of CubaLIF, which was lost before; input_shape of convolutions; SumPool2d |
| 1.0.3 | AvgPool2d, metadata |
| 1.0.5 | CubaLI |
| 1.0.6 | v_reset; before, v less the threshold was what a spike left |
| 1.0.8 | arrays are compressed, so that one without axes cannot be written |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

VERSIONS = ("0.0.1", "0.0.2", "0.0.3", "0.0.4", "0.0.5", "0.0.6", "0.1.0", "0.2.0")
VERSIONS += ("1.0.0", "1.0.1", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.8")
FIRST = {
    **dict.fromkeys(("LI", "LIF", "Affine", "Conv1d", "Conv2d"), "0.0.1"),
    **dict.fromkeys(("Input", "Output"), "0.0.3"),
    **dict.fromkeys(("I", "Threshold", "Delay"), "0.0.4"),
    "IF": "0.0.5",
    **dict.fromkeys(("Linear", "CubaLIF", "NIRGraph"), "0.0.6"),
    **dict.fromkeys(("Flatten", "Scale"), "0.1.0"),
    "SumPool2d": "1.0.0",
    "AvgPool2d": "1.0.3",
    "CubaLI": "1.0.5",
}
STORED_SINCE = {
    ("Output", "shape"): "0.1.0",
    ("Flatten", "input_type"): "0.2.0",
    ("CubaLIF", "w_in"): "1.0.0",
    ("Conv1d", "input_shape"): "1.0.0",
    ("Conv2d", "input_shape"): "1.0.0",
    **{(kind, "v_reset"): "1.0.6" for kind in ("IF", "LIF", "CubaLIF")},
}


def since(version: str, first: str) -> bool:
    return VERSIONS.index(version) >= VERSIONS.index(first)


def has(version: str, kind: str) -> bool:
    return since(version, FIRST[kind])


def write(version: str, path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Path:
    """The file that `nir.write` of this version makes of the graph."""
    with h5py.File(path, "w") as file:
        if since(version, "0.2.0"):
            file.create_dataset("version", data=version, dtype=h5py.string_dtype())
        if since(version, "0.0.6"):
            _graph(version, file.create_group("node"), nodes, edges)
        else:
            _nodes(version, file, nodes, edges)
    return path


def _graph(version: str, group: Any, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> None:
    group.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
    _nodes(version, group, nodes, edges)


def _nodes(version: str, group: Any, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> None:
    names = list(nodes)
    folder = group.create_group("nodes")
    named = since(version, "0.1.0")
    for i, (name, node) in enumerate(nodes.items()):
        below = folder.create_group(name if named else str(i))
        if isinstance(node[0], dict):
            _graph(version, below, *node)
        else:
            _node(version, below, *node)
    pairs: Any = edges if named else [(names.index(a), names.index(b)) for a, b in edges]
    group.create_dataset("edges", data=pairs)


def _node(version: str, group: Any, kind: str, fields: dict[str, Any]) -> None:
    assert has(version, kind), f"nir {version} has no {kind}"
    early = not since(version, "0.0.6")
    group.create_dataset("type", data="Linear" if early and kind == "Affine" else kind, dtype=h5py.string_dtype())
    for name, value in fields.items():
        if since(version, STORED_SINCE.get((kind, name), "0.0.1")):
            if kind == "Conv2d" and name in ("stride", "padding", "dilation") and since(version, "0.1.0"):
                value = value if isinstance(value, str) else tuple(np.broadcast_to(value, 2))
            _field(version, group, _name(version, name), value)


def _name(version: str, name: str) -> str:
    if name == "weight" and not since(version, "0.0.6"):
        return "weights"
    if name == "v_threshold" and not since(version, "0.0.4"):
        return "v_th" if since(version, "0.0.2") else "theta"
    return name


def _field(version: str, group: Any, name: str, value: Any) -> None:
    if isinstance(value, str):
        group.create_dataset(name, data=value, dtype=h5py.string_dtype())
    elif since(version, "1.0.8") and isinstance(value, np.ndarray):
        group.create_dataset(name, data=value, compression="gzip")
    else:
        group.create_dataset(name, data=value)
