"""Whole NIR and exchange files that lie: values, graphs, and the block `snndeploy`."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import h5py
import numpy as np
from hostile_structure import Change, anything, dataset, members, odd_name, picked

SPECIAL = (
    *(np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 5e-324, -5e-324, 1e308, -1e308, 1.7976931348623157e308, 1e-300),
    *(2.0**31, 2.0**53 + 2, 2.0**63, 1e9, 0.5, 1e-45, 1e38, 3.5e38, 1.0, 2.0, 3.0, 7.0, 255.0, -2.0, 1e-9),
)


def numeric(file: h5py.File) -> list[str]:
    return [name for name in members(file) if file[name].dtype.kind in "fiub" and file[name].size]


def special(rng: np.random.Generator) -> float:
    return float(SPECIAL[int(rng.integers(len(SPECIAL)))])


def put(file: h5py.File, name: str, value: Any) -> None:
    del file[name]
    file[name] = value


def values(rng: np.random.Generator, file: h5py.File) -> None:
    """Some or all elements of some datasets become special."""
    names = numeric(file)
    for _ in range(int(rng.integers(1, 4))):
        held = file[picked(rng, names)]
        array = np.asarray(held[()])
        where = rng.random(array.shape) < rng.choice([0.05, 0.5, 1.1])
        with np.errstate(all="ignore"):
            new = np.where(where, np.float64(special(rng)).astype(array.dtype), array)
        held[...] = new.astype(array.dtype)


def retyped(rng: np.random.Generator, file: h5py.File) -> None:
    """The same numbers as another type of number."""
    name = picked(rng, numeric(file))
    with np.errstate(all="ignore"):
        value = np.asarray(file[name][()]).astype(
            str(rng.choice(["f2", "f4", "i1", "i8", "u1", "u8", "?", ">f8", "i4", "u2"]))
        )
    put(file, name, value)


SETTINGS = (
    *("stride", "padding", "dilation", "groups", "kernel_size", "input_shape", "shape", "input_type", "output_type"),
    *("start_dim", "end_dim", "delay", "inFeatures", "kernelSize", "iDecay", "vDecay", "vThMant", "refDelay"),
)


def settings(rng: np.random.Generator, file: h5py.File) -> None:
    """Strides, paddings, groups, kernels, shapes, registers: counts that are no counts."""
    names = [n for n in numeric(file) if n.rpartition("/")[2] in SETTINGS] or numeric(file)
    for _ in range(int(rng.integers(1, 3))):
        name = picked(rng, names)
        shape = file[name].shape
        number = rng.choice([0, -1, 1, 2, 3, 7, 10**4, 10**6, 2**24, 2**31 - 1, 2**31, 2**40, -(2**31), 2**62])
        value: Any = np.full(shape, int(number))
        if rng.random() < 0.2:
            value = np.full(shape, special(rng))
        elif shape and rng.random() < 0.5:
            value.ravel()[1:] = 1
        put(file, name, value)
        names = [n for n in names if n in file]


def large_shapes(rng: np.random.Generator, file: h5py.File) -> None:
    """Input shapes that are legal and large, and parameters that are one number for all of it."""
    side = int(rng.choice([2**10, 2**20, 2**22, 2**24]))
    for name in numeric(file):
        last = name.rpartition("/")[2]
        if last in ("shape", "input_type", "output_type") and rng.random() < 0.8:
            put(file, name, np.array([side]) if rng.random() < 0.7 else np.array([1, side // 64, 64]))
        elif last.startswith(("tau", "r", "v_", "threshold", "scale", "delay", "w_in")) and rng.random() < 0.8:
            put(file, name, np.asarray(file[name][()]).ravel()[:1].reshape(()))


# graphs


def edges_of(file: h5py.File) -> tuple[str, list[list[str]]]:
    name = "node/edges"
    raw = file[name].asstr()[()] if file[name].size else []
    return name, [[str(a), str(b)] for a, b in raw]


def save_edges(file: h5py.File, edges: list[list[str]]) -> None:
    del file["node/edges"]
    value = np.array(edges, object).reshape(-1, 2)
    file.create_dataset("node/edges", data=value, dtype=h5py.string_dtype())


def rewired(rng: np.random.Generator, file: h5py.File) -> None:
    """Edges turned, doubled, lost, led elsewhere or nowhere, onto themselves."""
    _, edges = edges_of(file)
    nodes = list(file["node/nodes"])
    for _ in range(int(rng.integers(1, 5))):
        way = int(rng.integers(8))
        at = int(rng.integers(len(edges))) if edges else -1
        a, b = picked(rng, nodes), picked(rng, nodes)
        if way == 0 and edges:
            edges[at].reverse()
        elif way == 1 and edges:
            edges.append(list(edges[at]))
        elif way == 2 and edges:
            del edges[at]
        elif way == 3:
            edges.append([a, odd_name(rng)])
        elif way == 4:
            edges.append([a, a])
        elif way == 5:
            edges += [[x, y] for x in nodes[:40] for y in nodes[:40] if rng.random() < 0.3]
        elif way == 6 and edges:
            edges[at][int(rng.integers(2))] = a
        else:
            edges.append([a, b])
    save_edges(file, edges)


def node_of(file: h5py.File, name: str, kind: str, **fields: Any) -> None:
    group = file.create_group(f"node/nodes/{name}")
    group["type"] = kind
    for key, value in fields.items():
        group[key] = value


LIF = {"tau": 0.1, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}


def another_graph(rng: np.random.Generator, file: h5py.File) -> None:
    """Hundreds to thousands of nodes: long chains, ladders with 2^n ways, stars, everything to everything."""
    del file["node/nodes"]
    file.create_group("node/nodes")
    count = int(rng.choice([10, 100, 1000], p=[0.6, 0.37, 0.03]))
    size = int(rng.choice([1, 4, 2**12, 2**20]))
    node_of(file, "input", "Input", shape=np.array([size]))
    node_of(file, "output", "Output", shape=np.array([size]))
    way = int(rng.integers(6))
    plain = [("Scale", {"scale": 0.5}), ("LIF", LIF), ("Delay", {"delay": 1e-4}), ("Threshold", {"threshold": 1.0})]
    edges: list[list[str]] = []
    names = [f"n{i}" for i in range(count)]
    kind, fields = plain[int(rng.integers(4))]
    for name in names:
        node_of(file, name, kind, **fields)
    if way == 0:  # a chain
        edges = [list(pair) for pair in zip(["input", *names], [*names, "output"], strict=True)]
    elif way == 1:  # a ladder: two nodes in every rung, all joined to the next
        rungs = [["input"], *(names[i : i + 2] for i in range(0, count, 2)), ["output"]]
        edges = [[a, b] for here, there in pairwise(rungs) for a in here for b in there]
    elif way == 2:  # a star
        edges = [["input", n] for n in names] + [[n, "output"] for n in names]
    elif way == 3:  # all to all
        few = names[:60]
        edges = [["input", few[0]], *([a, b] for a in few for b in few), [few[-1], "output"]]
        for name in names[60:]:
            del file[f"node/nodes/{name}"]
    elif way == 4:  # a circle
        edges = [
            ["input", "n0"],
            *(list(pair) for pair in pairwise([*names, names[0]])),
            ["n0", "output"],
        ]
    else:  # edges of nodes that are not there
        edges = [[f"x{i}", f"y{i}"] for i in range(count)]
    save_edges(file, edges)


def heavy_maps(rng: np.random.Generator, file: h5py.File) -> None:
    """Little to store and much to compute: kernels over large images, with a bias in front."""
    del file["node/nodes"]
    file.create_group("node/nodes")
    side = int(rng.choice([64, 512, 4096], p=[0.85, 0.1, 0.05]))
    taps = int(rng.choice([3, 31, 301], p=[0.85, 0.1, 0.05]))
    node_of(file, "input", "Input", shape=np.array([1, side, side]))
    dense = {"weight": np.full((1, 1, taps, taps), 0.1), "stride": np.array([1, 1])}
    conv = {**dense, "dilation": np.array([1, 1]), "groups": 1, "bias": np.ones(1)}
    names = [f"c{i}" for i in range(int(rng.integers(1, 6)))]
    for name in names:
        node_of(file, name, "Conv2d", **conv, padding=np.array([taps // 2] * 2), input_shape=np.array([side, side]))
    if rng.random() < 0.5:
        pool = {"kernel_size": np.array([taps, taps]), "stride": np.array([1, 1]), "padding": np.array([taps // 2] * 2)}
        node_of(file, "pool", "SumPool2d" if rng.random() < 0.5 else "AvgPool2d", **pool)
        names.append("pool")
    node_of(file, "lif", "LIF", **LIF)
    names.append("lif")
    save_edges(file, [list(pair) for pair in zip(["input", *names], names, strict=False)])


def nested(rng: np.random.Generator, file: h5py.File) -> None:
    """Graphs within graphs, as deep as it takes, or the whole graph many times in itself."""
    deep = int(rng.choice([1, 3, 15, 16, 17, 40]))
    node_of(file, "sub", "NIRGraph")
    inner = file["node/nodes/sub"]
    for _ in range(deep):
        inner["edges"] = np.array([[b"input", b"sub"], [b"sub", b"output"]], "S6")
        nodes = inner.create_group("nodes")
        for name in ("Input", "Output"):
            end = nodes.create_group(name.lower())
            end["type"], end["shape"] = name, np.array([4])
        inner = nodes.create_group("sub")
        inner["type"] = "NIRGraph"
    del inner["type"]
    inner["type"], inner["scale"] = "Scale", np.ones(4)
    _, edges = edges_of(file)
    if edges:
        save_edges(file, [*edges, [edges[0][0], "sub"], ["sub", edges[-1][1]]])


# the block


Raw = Any
WORDS: tuple[Raw, ...] = (
    *(0, -1, 1, 2**31, 2**40, 2**62, 2**63, 10**30, 0.5, -0.5, 1e308, 5e-324, 1e-9, True, None, "", "x", [], {}, [[]]),
    *("\x1b[31mred", "a\nb", "\ud800", "\u202e", "x" * 5000, "/", "float64", "Rule", "Sparse", "Registers", "by", "to"),
    *({"all": 0.0, "shape": [2**28]}, {"all": 1, "shape": [2**14, 2**14]}, {"all": 1.0, "shape": [10**9, 10**9]}),
    *({"of": "float64", "at": 0, "shape": [1]}, {"of": "int64", "at": -5, "shape": [2**62, 4]}),
    *({"node": "input", "field": "shape", "of": "int64"}, {"all": {"all": 1, "shape": [3]}, "shape": [2, 3]}),
    {"is": "csr", "shape": [3, 3], "data": {"all": 1.0, "shape": [2]}, "indices": 0, "indptr": 0},
)


def places(raw: Raw, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


def set_at(raw: Raw, at: tuple[Any, ...], change: Callable[[Raw], Raw]) -> None:
    for key in at[:-1]:
        raw = raw[key]
    raw[at[-1]] = change(raw[at[-1]])


def block(rng: np.random.Generator, file: h5py.File) -> None:
    """The manifest says something else: other numbers, words, kinds, sizes; parts doubled, lost or exchanged."""
    name = "node/metadata/snndeploy/manifest"
    if name not in file:
        return values(rng, file)
    content = json.loads(file[name].asstr()[()])
    for _ in range(int(rng.integers(1, 4))):
        found = [place for place in places(content) if place]
        at, other = found[int(rng.integers(len(found)))], found[int(rng.integers(len(found)))]
        word = WORDS[int(rng.integers(len(WORDS)))]
        way = int(rng.integers(7))
        try:
            if way <= 1:
                set_at(content, at, lambda _, word=word: json.loads(json.dumps(word)))
            elif way == 2:
                kept = content
                for key in other:
                    kept = kept[key]
                held = json.loads(json.dumps(kept))
                set_at(content, at, lambda _, held=held: held)
            elif way == 3:
                set_at(content, at, lambda old: old * int(rng.choice([2, 50])) if isinstance(old, list) else old)
            elif way == 4:
                set_at(content, at[:-1] or at, lambda old: without(old, rng))
            elif way == 5:
                set_at(content, at, lambda old: [old])
            else:
                set_at(content, at, lambda old: nudged(old, rng))
        except (KeyError, TypeError, IndexError):
            continue
    text = json.dumps(content)
    put(file, name, text.replace("\\u0000", "?"))
    return None


def without(raw: Raw, rng: np.random.Generator) -> Raw:
    if isinstance(raw, dict) and raw:
        raw.pop(list(raw)[int(rng.integers(len(raw)))])
    elif isinstance(raw, list) and raw:
        raw.pop(int(rng.integers(len(raw))))
    return raw


def nudged(raw: Raw, rng: np.random.Generator) -> Raw:
    """A little more or less: what a lie needs to be believed."""
    if type(raw) is int:
        return raw + int(rng.choice([-2, -1, 1, 2]))
    if type(raw) is float:
        return raw * float(rng.choice([1 + 1e-15, 1 - 1e-9, 1.5, -1.0]))
    return raw


def manifest_text(rng: np.random.Generator, file: h5py.File) -> None:
    """Text that is no manifest: cut, deep, long, not JSON."""
    name = "node/metadata/snndeploy/manifest"
    if name not in file:
        return settings(rng, file)
    text = str(file[name].asstr()[()])
    at = int(rng.integers(len(text)))
    ways = [
        text[:at],
        text[:at] + odd_name(rng) + text[at:],
        "[" * 100_000,
        "{" * 5 + text,
        text.replace(": 1", ": 1e999"),
        text.replace(": 0", ": -0"),
        '{"format": 1, "network": ' + "9" * 100_000 + "}",
        '{"format": 1, "network": ' + '{"is":' * 900 + "1" + "}" * 901,
        text.replace('"format"', '"format": 2, "format"'),
        "null",
        "",
        text * 2,
        " " * 10**6 + text,
    ]
    put(file, name, ways[int(rng.integers(len(ways)))])
    return None


def other_block(rng: np.random.Generator, file: h5py.File) -> None:
    """The arrays of the block change, but not the plain fields; or the other way round."""
    names = [n for n in numeric(file) if "metadata" in n] or numeric(file)
    held = file[picked(rng, names)]
    array = np.asarray(held[()])
    where = rng.random(array.shape) < 0.1
    with np.errstate(all="ignore"):
        held[...] = np.where(where, np.float64(special(rng)).astype(array.dtype), array)


# exchange files


def layers(rng: np.random.Generator, file: h5py.File) -> None:
    """Layers lost, doubled, exchanged, numbered otherwise."""
    names = list(file["layer"])
    way = int(rng.integers(5))
    a, b = picked(rng, names), picked(rng, names)
    if way == 0:
        file.move(f"layer/{a}", f"layer/{int(rng.integers(-3, 99))}x")
    elif way == 1:
        for i in range(len(names), len(names) + int(rng.choice([1, 30, 300]))):
            file.copy(f"layer/{a}", f"layer/{i}")
    elif way == 2 and a != b:
        file.move(f"layer/{a}", "layer/kept")
        file.move(f"layer/{b}", f"layer/{a}")
        file.move("layer/kept", f"layer/{b}")
    elif way == 3:
        del file[f"layer/{a}"]
    else:
        name = anything(rng, file)
        if f"layer/{a}/{name.rpartition('/')[2]}" not in file:
            file.copy(name, f"layer/{a}/{name.rpartition('/')[2]}")


def neuron(rng: np.random.Generator, file: h5py.File) -> None:
    names = [n for n in members(file) if "neuron" in n]
    name = picked(rng, names) if names else dataset(rng, file)
    ways: list[Any] = [np.arange(3), 0, -1, 4096, 2**40, 0.5, True, "LOIHI", np.zeros((0,)), np.zeros((2, 2)), np.nan]
    put(file, name, ways[int(rng.integers(len(ways)))])


CONTENTS: tuple[Change, ...] = (values, retyped, settings, large_shapes)
GRAPHS: tuple[Change, ...] = (
    rewired,
    rewired,
    rewired,
    rewired,
    nested,
    nested,
    another_graph,
    another_graph,
    heavy_maps,
)
BLOCKS: tuple[Change, ...] = (block, manifest_text, other_block)
LAYERS: tuple[Change, ...] = (layers, neuron)
