"""Opens a NIR file of unknown origin. Runs as its own process, with limits; imports NumPy and h5py alone.

    python child.py '{"path": ..., "memory": bytes, "seconds": s, "bytes": ..., "nodes": ..., and all of Limits}'

It writes to standard output: 8 bytes, the length of a JSON header (little-endian); the header; raw little-endian data.
Header: {"graph": {...}} where an array is {"dtype", "shape", "at"} and a text is a string, or {"error": [code, where,
what, fix]}. It reads only what NIR defines (`node`, `version`, the block `snndeploy`), follows no soft or external
link, no external or virtual storage, no filter plugin, and checks every size before it allocates.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

NUMBERS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}


class Refused(Exception):
    """(code, where, what, fix)"""


class Reader:
    def __init__(self, limits: dict[str, Any]):
        import h5py
        import numpy

        self.h5py, self.np = h5py, numpy
        self.limits = limits
        self.left, self.nodes, self.letters = limits["bytes"], limits["nodes"], limits["texts"]
        self.data: list[bytes] = []
        self.at = 0

    def child(self, group: Any, name: str, where: str, kind: str, needed: bool = True) -> Any:
        """A member of a group, over a hard link only. `kind`: "group" or "dataset"."""
        if not group.id.links.exists(name.encode("utf-8", "replace")):
            if needed:
                raise Refused("SD404", where, f"it has no {name!r}", "is this a NIR file? nir.write makes one")
            return None
        link = group.get(name, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            raise Refused(
                "SD403", f"{where}/{name}", "it is a link, and links are not followed", "h5repack resolves it"
            )
        found = group[name]
        wanted = self.h5py.Group if kind == "group" else self.h5py.Dataset
        if not isinstance(found, wanted):
            raise Refused("SD404", f"{where}/{name}", f"it is not a {kind}", "write the file again")
        return found

    def names(self, group: Any, where: str) -> list[str]:
        count = len(group)
        if count > self.limits["nodes"]:
            raise Refused("SD402", where, f"{count:,} members exceed {self.limits['nodes']:,}", "raise Limits.nodes")
        found = list(group.keys())
        self.spell(sum(map(len, found)), where)
        if not all(isinstance(name, str) and name.isprintable() for name in found):
            raise Refused("SD404", where, "a name in it is not text", "write the file again")
        return found

    def spell(self, letters: int, where: str) -> None:
        self.letters -= letters
        if self.letters < 0:
            what = f"its names and texts exceed {self.limits['texts']:,} characters"
            raise Refused("SD402", where, what, "raise Limits.texts")

    def value(self, dataset: Any, where: str) -> Any:
        """A text, or an array that is queued for output."""
        kept = dataset.id.get_create_plist()
        if kept.get_external_count() or dataset.is_virtual:
            raise Refused("SD403", where, "its data is in another file", "h5repack copies it into this one")
        dtype, shape = dataset.dtype, dataset.shape
        if shape is None:
            raise Refused("SD404", where, "it is empty", "write the file again")
        count = 1
        for n in shape:
            count *= int(n)
        chunk = 1
        for n in dataset.chunks or ():
            chunk *= int(n)
        text = self.h5py.check_string_dtype(dtype)
        size = 16 if text is not None and text.length is None else dtype.itemsize
        if max(count, chunk) * size > self.left:
            raise Refused(
                "SD402",
                where,
                f"shape {tuple(shape)} of {dtype} needs {max(count, chunk) * size:,} bytes, {self.left:,} are left of "
                f"{self.limits['bytes']:,}",
                "raise Limits.bytes",
            )
        if text is not None and count > 2 * self.limits["edges"]:
            what = f"{count:,} texts exceed {2 * self.limits['edges']:,}"
            raise Refused("SD402", where, what, "raise Limits.edges")
        if text is not None:
            raw = dataset[()]
            many = [raw] if shape == () else list(raw.ravel())
            decoded = []
            for each in many:
                decoded.append(each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each))
                self.spell(len(decoded[-1]), where)
            return decoded[0] if shape == () else {"texts": decoded, "shape": list(shape)}
        code = dtype.newbyteorder("<").str[1:] if dtype.kind in "fiub" else ""
        if code not in NUMBERS:
            raise Refused("SD404", where, f"its type is {dtype}, not numbers", "write it as float64")
        array = self.np.asarray(dataset[()])
        raw = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes()
        found = {"dtype": "<" + code if code[1:] != "1" else "|" + code, "shape": list(shape), "at": self.at}
        self.data.append(raw)
        self.at += len(raw)
        self.left -= len(raw)
        return found

    def text(self, group: Any, name: str, where: str) -> str:
        found = self.value(self.child(group, name, where, "dataset"), f"{where}/{name}")
        if not isinstance(found, str):
            raise Refused("SD404", f"{where}/{name}", "it is not one text", "write the file again")
        return found

    def node(self, group: Any, where: str, above: tuple[Any, ...]) -> dict[str, Any]:
        self.nodes -= 1
        if self.nodes < 0:
            raise Refused("SD402", where, f"more than {self.limits['nodes']:,} nodes", "raise Limits.nodes")
        here = self.h5py.h5o.get_info(group.id).addr
        if here in above:
            raise Refused("SD403", where, "the group contains itself", "write the file again")
        if len(above) >= self.limits["depth"]:
            raise Refused("SD402", where, f"graphs are nested deeper than {self.limits['depth']}", "raise Limits.depth")
        above = (*above, here)
        kind = self.text(group, "type", where)
        if kind == "NIRGraph":
            return self.graph(group, where, above)
        fields = {}
        for name in self.names(group, where):
            if name not in ("type", "metadata"):
                fields[name] = self.value(self.child(group, name, where, "dataset"), f"{where}/{name}")
        return {"type": kind, "fields": fields}

    def graph(self, group: Any, where: str, above: tuple[Any, ...]) -> dict[str, Any]:
        edges = self.child(group, "edges", where, "dataset")
        listed: Any = {"texts": [], "shape": [0, 2]} if edges.shape and 0 in edges.shape else None
        listed = listed or self.value(edges, f"{where}/edges")
        pairs = isinstance(listed, dict) and listed["shape"][1:] == [2]
        if not pairs or not ("texts" in listed or edges.dtype.kind in "iu"):
            what = f"shape {edges.shape} of {edges.dtype} is not pairs of names"
            raise Refused("SD404", f"{where}/edges", what, "write the file again")
        if listed["shape"][0] > self.limits["edges"]:
            what = f"{listed['shape'][0]:,} edges exceed {self.limits['edges']:,}"
            raise Refused("SD402", f"{where}/edges", what, "raise Limits.edges")
        # before nir 0.1 nodes had numbers
        texts = listed["texts"] if "texts" in listed else [str(number) for number in edges[()].ravel()]
        folder = self.child(group, "nodes", where, "group")
        nodes = {}
        for name in self.names(folder, f"{where}/nodes"):
            inner = self.child(folder, name, f"{where}/nodes", "group")
            nodes[name] = self.node(inner, f"{where}/nodes/{name}", above)
        return {"type": "NIRGraph", "nodes": nodes, "edges": list(zip(texts[::2], texts[1::2], strict=True))}

    def block(self, group: Any) -> dict[str, Any] | None:
        """The block, or None. Other metadata is nobody's business here."""
        where = "node/metadata"
        found = self.child(group, "metadata", "node", "group", needed=False)
        found = found and self.child(found, "snndeploy", where, "group", needed=False)
        if not found:
            return None
        where += "/snndeploy"
        block: dict[str, Any] = {"manifest": self.text(found, "manifest", where)}
        for name in ("float64", "int64"):
            held = self.child(found, name, where, "dataset", needed=False)
            block[name] = None if held is None else self.value(held, f"{where}/{name}")
        return block

    def layers(self, folder: Any) -> dict[str, Any]:
        """An exchange file of lava-dl: numbered groups of datasets, in which groups of datasets may be."""

        def held(group: Any, where: str, deep: bool) -> dict[str, Any]:
            found = {}
            for name in self.names(group, where):
                at = f"{where}/{name}"
                # what kind it is is asked of members alone: a link is refused unopened
                member = isinstance(group.get(name, getlink=True), self.h5py.HardLink)
                may = deep and member and name in ("neuron", "weight")
                inner = may and group.get(name, getclass=True) is self.h5py.Group
                each = self.child(group, name, where, "group" if inner else "dataset")
                found[name] = {"group": held(each, at, False)} if inner else self.value(each, at)
            return found

        names = self.names(folder, "layer")
        return {name: held(self.child(folder, name, "layer", "group"), f"layer/{name}", True) for name in names}

    def file(self, path: str) -> dict[str, Any]:
        with self.h5py.File(path, "r") as file:
            if not file.id.links.exists(b"node") and file.id.links.exists(b"layer"):
                return {"layers": self.layers(self.child(file, "layer", "", "group"))}
            version = self.text(file, "version", "") if file.id.links.exists(b"version") else ""
            if not file.id.links.exists(b"node") and file.id.links.exists(b"nodes"):
                # before nir 0.0.6 the graph was the file
                return {"graph": self.graph(file, "", ()), "version": version, "block": None}
            node = self.child(file, "node", "", "group")
            graph = self.node(node, "node", ())
            if graph["type"] != "NIRGraph":
                graph = {"type": "NIRGraph", "nodes": {graph["type"].lower(): graph}, "edges": []}
            return {"graph": graph, "version": version, "block": self.block(node)}


def limit(memory: int, seconds: float) -> None:
    """Address space and processor time, after the libraries are loaded; no core files, nothing can be written."""
    try:
        import resource
    except ImportError:  # not on Windows: there the parent's clock is the limit
        return
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, max(1, int(seconds + 1))),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        # processor time: the signal that says so comes a second before the one that does not
        late = value + (what == resource.RLIMIT_CPU)
        resource.setrlimit(what, (value, late if hard == resource.RLIM_INFINITY else min(late, hard)))


def answer(limits: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Header and data for one file; every failure becomes an error in the header."""
    try:
        reader = Reader(limits)
        limit(limits["memory"], limits["seconds"])
        return reader.file(limits["path"]), reader.data
    except Refused as problem:
        return {"error": list(problem.args)}, []
    except MemoryError:
        what = f"it needs more than {limits['memory']:,} bytes of memory"
        return {"error": ["SD402", "", what, "raise Limits.memory"]}, []
    except RecursionError:
        return {"error": ["SD402", "", "graphs are nested too deeply", "write the file again"]}, []
    except Exception as problem:  # whatever h5py raises on damaged bytes
        text = (str(problem) or type(problem).__name__).splitlines()[0][:200]
        return {"error": ["SD401", "", f"HDF5 cannot read it ({text})", "fetch or write the file again"]}, []


def main() -> int:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    header, data = answer(json.loads(sys.argv[1]))
    raw = json.dumps(header).encode()
    out.write(len(raw).to_bytes(8, "little"))
    out.write(raw)
    out.writelines(data)
    out.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
