"""HDF5 that is whole, and holds what no reader of NIR expects: types, links, shapes, filters, names, depths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

Change = Callable[[np.random.Generator, h5py.File], None]
NAMES = (
    *(
        "ü",
        "名前",
        "a b",
        "..",
        "...",
        " ",
        "a" * 300,
        "x" * 60_000,
        "\t",
        "a\nb",
        "\x1b[31mred",
        "\u202egnp",
        "\u200b",
    ),
    *("node", "type", "input.input", "'", '"', "{}", "%s", "[bold]", "\\", "nan", "0", "-1", "__class__", "a->b=1"),
)


def members(file: h5py.File, kind: type = h5py.Dataset) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, each: found.append(name) if isinstance(each, kind) else None)
    return found


def picked(rng: np.random.Generator, names: list[str]) -> str:
    return names[int(rng.integers(len(names)))]


def anything(rng: np.random.Generator, file: h5py.File) -> str:
    return picked(rng, members(file, h5py.Dataset) + members(file, h5py.Group))


def dataset(rng: np.random.Generator, file: h5py.File) -> str:
    return picked(rng, members(file))


def odd_name(rng: np.random.Generator) -> str:
    return NAMES[int(rng.integers(len(NAMES)))]


def lost(rng: np.random.Generator, file: h5py.File) -> None:
    del file[anything(rng, file)]


def renamed(rng: np.random.Generator, file: h5py.File) -> None:
    name = anything(rng, file)
    where = name.rpartition("/")[0]
    new = odd_name(rng) if rng.random() < 0.7 else anything(rng, file).rpartition("/")[2]
    if f"{where}/{new}" not in file:
        file.move(name, f"{where}/{new}")


def copied(rng: np.random.Generator, file: h5py.File) -> None:
    name, where = anything(rng, file), picked(rng, members(file, h5py.Group))
    new = f"{where}/{name.rpartition('/')[2]}{'' if rng.random() < 0.5 else odd_name(rng)}"
    if new not in file and not where.startswith(name):
        file.copy(name, new)


def exchanged(rng: np.random.Generator, file: h5py.File) -> None:
    a, b = dataset(rng, file), dataset(rng, file)
    if a != b:
        file.move(a, "kept")
        file.move(b, a)
        file.move("kept", b)


def typed(rng: np.random.Generator, file: h5py.File) -> Any:
    """A value of a type that NIR does not use, in the shape of what it stands for."""
    shape = tuple(int(n) for n in rng.integers(1, 5, int(rng.integers(0, 4))))
    plain = rng.integers(0, 3, shape)
    pair = np.dtype([("a", "f8"), ("b", "i4", (2,))])
    choices: list[Callable[[], Any]] = [
        lambda: plain.astype("f2"),
        lambda: plain.astype(">f8"),
        lambda: plain.astype("u8"),
        lambda: plain.astype(bool),
        lambda: plain.astype(complex),
        lambda: plain.astype(np.longdouble),
        lambda: np.zeros(shape, pair),
        lambda: np.zeros(shape, "V16"),
        lambda: plain.astype(h5py.enum_dtype({"a": 0, "b": 1, "c": 2}, "i4")),
        lambda: np.zeros(shape, np.dtype(("f8", (3, 2)))),
        lambda: "text",
        lambda: np.array([b"a", b"bc"], "S3"),
        lambda: b"\xff\xfe\x00\x01",
        lambda: "x" * 100_000,
        lambda: np.array(["a", "b"], h5py.string_dtype("ascii")),
        lambda: h5py.Empty("f8"),
        lambda: h5py.Empty("S3"),
        lambda: np.zeros((0, 3)),
        lambda: np.zeros((1,) * 32),
        lambda: np.datetime64("2020-01-01").astype("i8"),
        lambda: file.ref,
        lambda: file[dataset(rng, file)].regionref[...],
        lambda: np.uint64(2**64 - 1),
        lambda: np.int64(-(2**63)),
    ]
    return choices[int(rng.integers(len(choices)))]()


def other_type(rng: np.random.Generator, file: h5py.File) -> None:
    name = dataset(rng, file)
    value = typed(rng, file)
    del file[name]
    if isinstance(value, h5py.h5r.RegionReference):
        file.create_dataset(name, data=np.array(value, h5py.regionref_dtype), dtype=h5py.regionref_dtype)
    else:
        file[name] = value


def varying_length(rng: np.random.Generator, file: h5py.File) -> None:
    name = dataset(rng, file)
    del file[name]
    held = file.create_dataset(name, (3,), h5py.vlen_dtype(np.dtype("f8")))
    held[0] = np.ones(int(rng.integers(0, 5000)))


def committed(rng: np.random.Generator, file: h5py.File) -> None:
    """A type with a name of its own, in the place of a dataset or as the type of one."""
    name = dataset(rng, file)
    del file[name]
    if rng.random() < 0.5:
        file[name] = np.dtype("f8")
    else:
        file["kind"] = np.dtype([("a", "f4")])
        file.create_dataset(name, (2, 2), file["kind"])


def other_kind(rng: np.random.Generator, file: h5py.File) -> None:
    """A group where a dataset was, or the other way round."""
    name = anything(rng, file)
    was = isinstance(file[name], h5py.Group)
    del file[name]
    if was:
        file[name] = rng.normal(size=3)
    else:
        file.create_group(name)["x"] = 1.0


def linked(rng: np.random.Generator, file: h5py.File) -> None:
    name = anything(rng, file)
    other = anything(rng, file)
    to: list[Any] = [
        h5py.SoftLink(f"/{other}"),
        h5py.SoftLink(f"/{name}"),
        h5py.SoftLink("/nothing"),
        h5py.SoftLink("/" + "a/" * 5000),
        h5py.ExternalLink("/etc/passwd", "x"),
        h5py.ExternalLink(file.filename, other),
        h5py.ExternalLink("/dev/zero", "/"),
        h5py.ExternalLink("x" * 3000, "/"),
        file[other],
        file["/"],
    ]
    chosen = to[int(rng.integers(len(to)))]
    del file[name]
    where = name.rpartition("/")[0]
    if not where or where in file:
        file[name] = chosen


def circle(rng: np.random.Generator, file: h5py.File) -> None:
    """A group that holds one of those it is in, beside its own members."""
    groups = members(file, h5py.Group)
    inner = picked(rng, groups)
    above = picked(rng, [g for g in ["/", *groups] if inner.startswith(g) or g == "/"])
    file[f"{inner}/round"] = file[above]


def many_names_of_one(rng: np.random.Generator, file: h5py.File) -> None:
    """A dataset of half a MiB, by hard links in many places."""
    group = picked(rng, members(file, h5py.Group))
    file.create_dataset("large", data=np.zeros(2**16), compression="gzip")
    for i in range(int(rng.choice([3, 20, 300], p=[0.6, 0.37, 0.03]))):
        file[f"{group}/w{i}"] = file["large"]


SHAPES = (
    *((10**6, 10**6), (2**31, 2**31), (2**62,), (10**9,), (2**20, 1, 1, 1, 1), (1,) * 30 + (2**30, 2**20)),
    *((2**22,), (2**30,), (0, 2**60), (2**15, 2**17)),
)


def huge_shape(rng: np.random.Generator, file: h5py.File) -> None:
    """A shape that nothing was written to: a few bytes in the file, terabytes for who believes it."""
    name = dataset(rng, file)
    del file[name]
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    kind = ("f8", "i1", "S1000", h5py.string_dtype(), "f4", bool)[int(rng.integers(6))]
    chunks = tuple(min(n or 1, int(rng.choice([1, 16, 1000])) if len(shape) < 3 else 2) for n in shape)
    options = {"compression": "gzip"} if rng.random() < 0.5 else {}
    file.create_dataset(name, shape, kind, chunks=chunks, **options)


def bomb(rng: np.random.Generator, file: h5py.File) -> None:
    """Megabytes of one value in kilobytes of file."""
    name = dataset(rng, file)
    del file[name]
    shape = ((2**18,), (2**9, 2**9), (100, 100, 5, 5), (16, 2**14), (2**11, 2**12))[int(rng.integers(5))]
    file.create_dataset(name, shape, "f8", chunks=shape, compression="gzip", compression_opts=1)
    file[name][...] = float(rng.integers(0, 3))


def large_chunk(rng: np.random.Generator, file: h5py.File) -> None:
    """One chunk of 400 MB for a small array."""
    name = dataset(rng, file)
    del file[name]
    held = file.create_dataset(name, (10,), "f8", maxshape=(None,), chunks=(50_000_000,), compression="gzip")
    assert held.chunks


def filtered(rng: np.random.Generator, file: h5py.File) -> None:
    """Filters that nobody installed, and those that everybody has."""
    name = dataset(rng, file)
    del file[name]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((8, 8))
    number = int(rng.choice([32015, 32001, 307, 65535, 1, 2, 3, 4, 5, 6]))
    plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, tuple(int(n) for n in rng.integers(0, 9, int(rng.integers(0, 6)))))
    space = h5py.h5s.create_simple((16, 16))
    held = h5py.h5d.create(file.id, name.encode(), h5py.h5t.IEEE_F64LE, space, plist)
    held.write(h5py.h5s.ALL, h5py.h5s.ALL, rng.normal(size=(16, 16)))


def stored_elsewhere(rng: np.random.Generator, file: h5py.File) -> None:
    name = dataset(rng, file)
    del file[name]
    if rng.random() < 0.5:
        elsewhere = ("/dev/zero", "/etc/passwd", "/nowhere/x", "/dev/stdin")[int(rng.integers(4))]
        file.create_dataset(name, (4, 4), "f8", external=[(elsewhere, 0, 128)])
    else:
        layout = h5py.VirtualLayout((4, 4), "f8")
        layout[:] = h5py.VirtualSource("." if rng.random() < 0.5 else "/etc/passwd", name, (4, 4))
        file.create_virtual_dataset(name, layout)


def attributes(rng: np.random.Generator, file: h5py.File) -> None:
    held = file[anything(rng, file)]
    for i in range(int(rng.integers(1, 300))):
        held.attrs[f"{odd_name(rng)[:200]}{i}"] = rng.normal(size=int(rng.integers(1, 50)))


def axes(rng: np.random.Generator, file: h5py.File) -> None:
    """The same numbers in another shape."""
    name = dataset(rng, file)
    value = np.asarray(file[name][()])
    del file[name]
    ways = [value.ravel(), value[None], value[..., None], value.ravel()[:1], value.ravel()[:0], np.stack([value] * 3)]
    ways += [value.T, value.reshape(-1, 1), value.ravel()[:1].reshape(())[()] if value.size else value.ravel()]
    chosen = ways[int(rng.integers(len(ways)))]
    file.create_dataset(name, data=chosen, dtype=h5py.string_dtype() if value.dtype.kind == "O" else None)


def deep_groups(rng: np.random.Generator, file: h5py.File) -> None:
    inner = file[picked(rng, members(file, h5py.Group))]
    for _ in range(int(rng.integers(1, 400))):
        inner = inner.create_group("a")


def other_text(rng: np.random.Generator, file: h5py.File) -> None:
    """The word of a `type`, a `version` or an edge."""
    texts = [n for n in members(file) if h5py.check_string_dtype(file[n].dtype)]
    name = picked(rng, texts)
    words = (*NAMES, "LIF", "NIRGraph", "CubaLIF", "Input", "LOIHI", "conv", "\x00", "")
    word = words[int(rng.integers(len(words)))]
    value = file[name][()]
    del file[name]
    if isinstance(value, np.ndarray) and value.size:
        value = value.astype(object)
        value[tuple(int(rng.integers(n)) for n in value.shape)] = word.replace("\x00", "?")
        file.create_dataset(name, data=value, dtype=h5py.string_dtype())
    else:
        file[name] = word.encode() if "\x00" in word else word


CHANGES: tuple[Change, ...] = (
    *(lost, renamed, copied, exchanged, other_type, varying_length, committed, other_kind, linked, circle),
    *(many_names_of_one, huge_shape, bomb, large_chunk, filtered, stored_elsewhere, attributes, axes, deep_groups),
    other_text,
)
