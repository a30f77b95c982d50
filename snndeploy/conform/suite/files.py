"""Vectors as files: uncompressed NIR, arrays as .npz, a manifest as JSON. Same vector, same bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.conform.suite.expected import Recorded, smallest
from snndeploy.frontends.nir.graph import Graph
from snndeploy.network.arrays import Array

FOLDER = Path(__file__).parent / "vectors"
MANIFEST = "manifest.json"
# of the vectors, in the manifest: 1.0, 1.1 with more of them, 2.0 where one has changed
VERSION = "1.0"
# what the files say; nir 1.0.8 defines the fields
NIR = "1.0.8"
PARTS = ("input", "output", "v", "i")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_graph(graph: Graph, path: Path) -> None:
    """Uncompressed, so that no version of zlib has a part in the bytes, and with the small groups of HDF5 1.8."""
    import h5py

    text = h5py.string_dtype()

    def fill(group: Any, part: Graph) -> None:
        group.create_dataset("type", data="NIRGraph", dtype=text)
        edges = np.array(part.edges, dtype=object).reshape(-1, 2)
        group.create_dataset("edges", data=edges, dtype=text)
        nodes = group.create_group("nodes")
        for name, node in part.nodes.items():
            inside = nodes.create_group(name)
            if isinstance(node, Graph):
                fill(inside, node)
                continue
            inside.create_dataset("type", data=node.type, dtype=text)
            for field, value in node.fields.items():
                if isinstance(value, str):
                    inside.create_dataset(field, data=value, dtype=text)
                else:
                    inside.create_dataset(field, data=value)

    with h5py.File(path, "w", libver="v108") as file:
        file.create_dataset("version", data=NIR, dtype=text)
        fill(file.create_group("node"), graph)


def write_arrays(inputs: Mapping[str, Array], found: Recorded, path: Path) -> None:
    """An uncompressed .npz: input.<name>, output.<name>, v.<node>, i.<node>, each in the smallest exact type."""
    parts = dict(zip(PARTS, (inputs, found.outputs, found.v, found.i), strict=True))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for part, arrays in parts.items():
            for name, array in sorted(arrays.items()):
                held = io.BytesIO()
                np.lib.format.write_array(held, np.ascontiguousarray(smallest(array)), (1, 0), allow_pickle=False)
                # a fixed date, as NumPy has it
                archive.writestr(zipfile.ZipInfo(f"{part}.{name}.npy", (1980, 1, 1, 0, 0, 0)), held.getvalue())


def read_arrays(path: Path) -> tuple[dict[str, Array], Recorded]:
    """Inputs as int64 or float64; outputs, v and i as they are stored."""
    held: dict[str, dict[str, Array]] = {part: {} for part in PARTS}
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            part, _, name = key.partition(".")
            held[part][name] = arrays[key]
    inputs = {n: x.astype(np.int64 if x.dtype.kind == "i" else np.float64) for n, x in held["input"].items()}
    return inputs, Recorded(held["output"], held["v"], held["i"])
