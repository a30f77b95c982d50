"""Opens a data set: reads what every file says of itself, checks that all fit together, and no sample yet."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import shutil
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.files import UNREADABLE, existing, load_arrays, short
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import WAYS
from snndeploy.network.network import Network
from snndeploy.shards.source import Arrays, File, Files, Source, Stored

LABELS = "labels"
SUFFIXES = (".npy", ".npz")
# findings that are shown of one data set
MOST = 20


@dataclass(frozen=True)
class Head:
    """What a file says of one array in it. `at`: where its numbers start, None where they are compressed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    at: int | None


def open_data(network: Network, given: Any, labels: Any = None, spool: Path | None = None) -> tuple[Source, Any]:
    """(source, labels or None) of what a caller names as data.

    Args:
        given: a path to a .npy or .npz file or to a folder of them; an array; a mapping by input of paths and
            arrays; or a `Source`. A .npz or a folder may also hold `labels`.
        labels: the class of each sample, an array or a path.
        spool: folder into which a compressed .npz may be unpacked; None: it is read into memory.

    Raises:
        SnnDeployError SD801, SD803: a file is missing or damaged. SD102, SD103: the inputs are not those of the
        network. SD824: samples of one data set do not fit together. All files are looked at before it is raised.
    """
    names = [each.name for each in network.given]
    inside: Any = None
    if isinstance(given, Source):
        return given, labels
    if isinstance(given, Mapping):
        source, inside = _mapping(names, dict(given), spool)
    elif isinstance(given, (str, os.PathLike)):
        path = Path(given)
        source, inside = _folder(network, path) if path.is_dir() else _file(names, path, spool)
    else:
        if isinstance(given, tuple) and len(given) == len(names) > 1:
            source, inside = _mapping(names, dict(zip(names, given, strict=True)), spool)
        else:
            source, inside = _mapping(names, {names[0]: given} if len(names) == 1 else {"": given}, spool)
    if labels is not None and inside is not None:
        raise error("SD800", "labels", "they are given, and the data hold some too", "leave out one")
    _fits(network, source)
    return source, inside if labels is None else labels


def heads(path: Path) -> dict[str, Head]:
    """By name what a .npz holds; of a .npy file its only array, under "".

    Raises:
        SnnDeployError SD801, SD803.
    """
    found = existing(path, "sample file")
    with readable(path):
        if not zipfile.is_zipfile(found):
            with found.open("rb") as stream:
                shape, fortran, dtype = _header(stream)
                return {"": _checked(path, "", Head(shape, dtype, fortran, stream.tell()), found.stat().st_size)}
        held = {}
        with zipfile.ZipFile(found) as archive, found.open("rb") as raw:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                with archive.open(info) as member:
                    shape, fortran, dtype = _header(member)
                    inside = member.tell()
                at = None
                if info.compress_type == zipfile.ZIP_STORED:
                    raw.seek(info.header_offset + 26)
                    at = info.header_offset + 30 + sum(struct.unpack("<HH", raw.read(4))) + inside
                size = info.file_size + (0 if at is None else at - inside)
                held[name] = _checked(path, name, Head(shape, dtype, fortran, at), size)
            return held


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """What goes wrong inside says that a file is damaged. Raises SD803."""
    try:
        yield
    except SnnDeployError:
        raise
    except UNREADABLE as problem:
        what = f"it is not a whole .npy or .npz file of numbers ({short(problem)})"
        raise error("SD803", str(path), what, "np.save(path, x)") from problem


def _member(path: Path, name: str) -> Array:
    """One array of a .npz file, in memory."""
    with readable(path), path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return np.asarray(archive[name])


class Pieces:
    """A member of a damaged archive fails with OSError too; here that is no fault of where it is written."""

    def __init__(self, member: Any):
        self.member = member

    def read(self, count: int = -1, /) -> bytes:
        try:
            piece: bytes = self.member.read(count)
        except OSError as problem:
            raise ValueError(short(problem)) from problem
        return piece


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return tuple(int(n) for n in shape), bool(fortran), dtype


def _checked(path: Path, name: str, head: Head, size: int) -> Head:
    """`head`, if its array holds numbers and the file is long enough for them."""
    where = f"{path}:{name}" if name else str(path)
    if head.dtype.kind not in "biuf":
        raise error("SD803", where, f"its type is {head.dtype}, not numbers", "np.save(path, x.astype(float))")
    needed = int(np.prod(head.shape, dtype=np.int64)) * head.dtype.itemsize
    if head.at is not None and head.at + needed > size:
        raise error("SD803", where, f"it ends {head.at + needed - size:,} bytes too early", "write it again")
    return head


def _stored(path: Path, name: str, head: Head, spool: Path | None) -> Array | Stored:
    """The array of a file where it lies, unpacked first where it is compressed."""
    if head.at is not None:
        return Stored(path.absolute(), head.at, head.shape, head.dtype, head.fortran)
    if spool is None:
        return _member(path, name)
    unpacked = spool / f"{len(list(spool.iterdir()))}.npy"
    with readable(path), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        try:
            with unpacked.open("wb") as out:
                shutil.copyfileobj(Pieces(member), out, 2**20)
        except OSError as problem:
            what = f"{path} cannot be unpacked there ({problem.strerror or problem})"
            raise error(
                "SD802", str(spool), what, "set TMPDIR to a folder with room, or save it by np.savez"
            ) from problem
    return _stored(unpacked, "", heads(unpacked)[""], None)


def _file(names: list[str], path: Path, spool: Path | None) -> tuple[Source, Any]:
    found = heads(path)
    inside = None
    if LABELS in found and LABELS not in names:
        found.pop(LABELS)
        inside = _member(path, LABELS)
    if not found:
        raise error("SD803", str(path), "it holds no samples", "np.savez(path, x=x, labels=y)")
    only = len(found) == 1 and len(names) == 1
    arrays = {names[0] if only else name: _stored(path, name, head, spool) for name, head in found.items()}
    return Arrays(arrays, str(path), (path,)), inside


def _mapping(names: list[str], given: dict[str, Any], spool: Path | None) -> tuple[Source, Any]:
    inside = given.pop(LABELS, None) if LABELS not in names else None
    arrays: dict[str, Array | Stored] = {}
    for name, each in given.items():
        if isinstance(each, (str, os.PathLike)):
            held = heads(Path(each))
            if len(held) != 1:
                what = f"it holds {len(held)} arrays, and one is needed for input {name!r}"
                raise error("SD803", str(each), what, "np.save(path, x)")
            inner, head = next(iter(held.items()))
            arrays[name] = _stored(Path(each), inner, head, spool)
        elif type(each) is np.memmap and isinstance(each.filename, (str, Path)) and each.flags.c_contiguous:
            arrays[name] = _mapped(each)
        else:
            arrays[name] = np.asarray(each.detach().cpu() if hasattr(each, "detach") else each)
    paths = tuple(Path(each) for each in given.values() if isinstance(each, (str, os.PathLike)))
    whole = len(paths) == len(given)
    return Arrays(arrays, ", ".join(map(str, paths)), paths if whole else None), inside


def spooled(source: Source, folder: Path) -> Source:
    """The same with every array in a file, so that a worker gets its block and not the whole."""
    if not isinstance(source, Arrays):
        return source
    arrays = dict(source.arrays)
    for name, each in arrays.items():
        if not isinstance(each, Stored):
            file = folder / f"{len(list(folder.iterdir()))}.npy"
            np.save(file, each)
            arrays[name] = _stored(file, "", heads(file)[""], None)
    return Arrays(arrays, source.label, source.paths)


def _mapped(array: np.memmap[Any, Any]) -> Array | Stored:
    """A memory map as the file behind it; a part of one stays what it is."""
    base: Any = array.base
    name: Any = array.filename
    return Stored(Path(name), array.offset, array.shape, array.dtype) if isinstance(base, mmap.mmap) else array


def natural(path: Path) -> list[Any]:
    """A key by which 2.npy comes before 10.npy."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _folder(network: Network, path: Path) -> tuple[Source, Any]:
    shapes = {each.name: each.shape for each in network.given}
    members = sorted((p for p in path.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".")), key=natural)
    inside = [p for p in members if p.stem == LABELS]
    members = [p for p in members if p.stem != LABELS]
    if not members:
        fix = "put one .npy or .npz file per sample or block of samples there"
        raise error("SD801", str(path), "the folder holds no .npy or .npz file", fix)
    files: list[File] = []
    problems: list[Finding] = []
    times: dict[int, Path] = {}
    size = 0
    for each in members:
        try:
            held = {name: head for name, head in heads(each).items() if name != LABELS or LABELS in shapes}
            named = {next(iter(shapes)): next(iter(held.values()))} if len(held) == len(shapes) == 1 else held
            file, steps = _one(each, named, shapes)
        except SnnDeployError as problem:
            problems.extend(problem.findings)
            continue
        files.append(file)
        times.setdefault(steps, each)
        size = max(size, sum(_bytes(head, steps, file) for head in named.values()))
    if len(times) > 1:
        (usual, first), *others = times.items()
        problems += [
            Finding("SD824", str(p), f"it has {n} steps, {first.name} has {usual}", "run each length by itself")
            for n, p in others
        ]
    if len(problems) > MOST:
        rest = len(problems) - MOST
        problems = [*problems[:MOST], Finding("SD824", str(path), f"{rest} more of its files are wrong")]
    raise_errors(problems)
    source = Files(tuple(files), next(iter(times)), size, shapes)
    return source, load_arrays(inside[0]) if inside else None


def _bytes(head: Head, steps: int, file: File) -> int:
    count = int(np.prod(head.shape, dtype=np.int64)) // max(1, file.samples)
    return count * head.dtype.itemsize if steps else 0


def _one(path: Path, held: dict[str, Head], shapes: Mapping[str, tuple[int, ...]]) -> tuple[File, int]:
    """A file of a folder and its steps, if it holds what the network takes."""
    if set(held) != set(shapes):
        what = f"it holds {', '.join(held) or 'nothing'}, the network takes {', '.join(shapes)}"
        raise error("SD102", str(path), what, "np.savez(path, **{name: array})")
    forms = set()
    for name, head in held.items():
        shape = shapes[name]
        single = head.shape[1:] == shape and len(head.shape) == len(shape) + 1
        if not single and (head.shape[2:] != shape or len(head.shape) != len(shape) + 2):
            rest = "".join(f", {n}" for n in shape)
            what = f"its shape is {head.shape}, not (time{rest}) or (time, batch{rest})"
            raise error("SD103", f"{path}: input {name!r}", what, "time is the first axis")
        forms.add((head.shape[0], 1 if single else head.shape[1], single))
    if len(forms) > 1:
        what = f"its inputs differ in (time, batch): {sorted(form[:2] for form in forms)}"
        raise error("SD103", str(path), what, "give all inputs the same steps and samples")
    steps, samples, single = forms.pop()
    if not steps or not samples:
        raise error("SD103", str(path), "it has no steps or no samples", "leave the file out")
    return File(path.absolute(), samples, single), steps


def _fits(network: Network, source: Source) -> None:
    """Raises SD102, SD103 where the arrays are not what the network takes."""
    if isinstance(source, Files):
        return
    assert isinstance(source, Arrays)
    shapes = {each.name: each.shape for each in network.given}
    found = []
    for name in shapes.keys() - source.arrays.keys():
        found.append(
            Finding("SD102", f"input {name!r}", "nothing was given for it", f"give {{{name!r}: (time, batch, ...)}}")
        )
    for name, array in source.arrays.items():
        where = f"{source.label}: input {name!r}" if source.label else f"input {name!r}"
        if name not in shapes:
            found.append(Finding("SD102", where, "the network has no such input", f"name {', '.join(shapes)}"))
            continue
        shape = shapes[name]
        if array.dtype.kind not in "biuf":
            found.append(Finding("SD111", where, f"its type is {array.dtype}, not numbers", WAYS))
        if array.shape[2:] != shape or len(array.shape) < 2:
            fix = "add a batch axis: x[:, None]" if array.shape[1:] == shape else "time is the first axis"
            expected = f"(time, batch{''.join(f', {n}' for n in shape)})"
            found.append(Finding("SD103", where, f"its shape is {array.shape}, not {expected}", fix))
        elif 0 in array.shape[:2]:
            found.append(
                Finding("SD103", where, f"its shape {array.shape} has no steps or no samples", "give one each")
            )
    sizes = {array.shape[:2] for array in source.arrays.values()}
    if len(sizes) > 1:
        found.append(Finding("SD103", "inputs", f"they differ in (time, batch): {sorted(sizes)}"))
    raise_errors(found)
