"""Traces of data sets: one file, of which a block of samples at a time is in memory.

A .npz file (a zip) with `header`, `network` as in `trace_file`, and `shards/<first sample>.npz`, stored as they are:
each again a .npz with the arrays `bits/spikes/<population>`, `u/...`, `v/...`, `inputs/<name>` of some samples, time
first; `bits/` says that (time, batch, *shape) of truth values is (time, batch, bytes), 8 neurons in a byte
(`np.packbits`), as inputs of zeros and ones are too. The header says where each shard begins and ends. A trace
without shards is read as one that has one.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines import trace_file
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError, error
from snndeploy.files import UNREADABLE, existing, short
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

FORMAT = "snndeploy trace 2"
# in front of the names of arrays whose last axes are packed, 8 neurons in a byte
BITS = "bits/"
FIX = "write it with `snndeploy run model.nir --input x.npy -o trace.npz`"


def write(
    path: Path, network: Network, header: Mapping[str, Any], shards: Sequence[tuple[int, int]], files: Sequence[Path]
) -> None:
    """Joins the files of shards, in order; `path` is written in place, so give the name of a temporary file."""
    told = {**header, "shards": [list(each) for each in shards]}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in trace_file.opening(FORMAT, network, told).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        for (start, _), file in zip(shards, files, strict=True):
            with archive.open(_member(start), "w", force_zip64=True) as member, file.open("rb") as stream:
                while piece := stream.read(2**20):
                    member.write(piece)


def members(trace: Trace) -> dict[str, Array]:
    """The arrays of a shard's file, packed where that loses nothing."""
    found: dict[str, Array] = {}
    for group in trace_file.GROUPS:
        for name, rows in getattr(trace, group).items():
            if group == "spikes" or (group == "inputs" and rows.dtype.kind in "iub" and _are_bits(rows)):
                found[f"{BITS}{group}/{name}"] = np.packbits(rows.reshape(*rows.shape[:2], -1).astype(bool), axis=2)
            else:
                found[f"{group}/{name}"] = np.ascontiguousarray(rows)
    return found


def _are_bits(rows: Array) -> bool:
    return bool(((rows == 0) | (rows == 1)).all())


def _unpacked(archive: Any, network: Network) -> dict[str, dict[str, Array]]:
    """The arrays of a shard's file as they were, by group and name."""
    groups: dict[str, dict[str, Array]] = {group: {} for group in trace_file.GROUPS}
    for member in archive.files:
        if member in trace_file.PLAIN:
            continue
        group, _, name = member.removeprefix(BITS).partition("/")
        rows = archive[member]
        if member.startswith(BITS):
            shape = network.shapes[name]
            rows = np.unpackbits(rows, axis=2, count=prod(shape)).reshape(*rows.shape[:2], *shape)
            rows = rows.astype(np.int64) if group == "inputs" else rows.view(bool)
        groups[group][name] = rows
    return groups


def _member(start: int) -> str:
    return f"shards/{start:08d}.npz"


class Shards:
    """A trace of which some samples at a time are in memory. `bounds`: (first sample, end) of each shard."""

    bounds: tuple[tuple[int, int], ...]

    @property
    def samples(self) -> int:
        return self.bounds[-1][1]

    def part(self, start: int, stop: int) -> Trace:
        """The trace of samples `start`...`stop - 1`.

        Raises:
            SnnDeployError SD806: a shard is damaged.
        """
        raise NotImplementedError


class Whole(Shards):
    """A trace that has no shards."""

    def __init__(self, trace: Trace):
        self.trace = trace
        self.bounds = ((0, trace.batch),)

    def part(self, start: int, stop: int) -> Trace:
        return _cut(self.trace, start, stop)


class Stored(Shards):
    """A file of shards; the last that was read stays in memory."""

    def __init__(self, path: Path, archive: Any, header: Mapping[str, Any]):
        self.path, self.archive, self.header = path, archive, header
        self.network = trace_file.network_of(archive)
        self.bounds = tuple((int(a), int(b)) for a, b in header["shards"])
        ends = [0, *(b for _, b in self.bounds)]
        if not self.bounds or any(a != e or a >= b for (a, b), e in zip(self.bounds, ends, strict=False)):
            raise error("SD806", str(path), "its shards do not follow each other", "run it again")
        self._held: tuple[int, Trace] | None = None

    def part(self, start: int, stop: int) -> Trace:
        pieces = []
        for first, end in self.bounds:
            if first < stop and end > start:
                pieces.append(_cut(self._shard(first, end), max(start, first) - first, min(stop, end) - first))
        if len(pieces) == 1:
            return pieces[0]
        groups = {
            group: {
                name: np.concatenate([getattr(each, group)[name] for each in pieces], axis=1)
                for name in getattr(pieces[0], group)
            }
            for group in trace_file.GROUPS
        }
        return trace_file.trace_of(self.path, self.network, self.header, groups)

    def _shard(self, first: int, end: int) -> Trace:
        if self._held is not None and self._held[0] == first:
            return self._held[1]
        self._held = None
        with damaged(self.path), self.archive.zip.open(_member(first)) as stream:
            with np.load(stream, allow_pickle=False) as inner:
                groups = _unpacked(inner, self.network)
            trace = trace_file.trace_of(self.path, self.network, self.header, groups)
        if trace.batch != end - first:
            what = f"shard {first} holds {trace.batch} samples, not {end - first}"
            raise error("SD806", str(self.path), what, "run it again")
        self._held = (first, trace)
        return trace


def _cut(trace: Trace, start: int, stop: int) -> Trace:
    """Some samples of a trace."""
    if (start, stop) == (0, trace.batch):
        return trace
    inputs, spikes, u, v = (
        {name: rows[:, start:stop] for name, rows in getattr(trace, group).items()} for group in trace_file.GROUPS
    )
    return replace(trace, inputs=inputs, spikes=spikes, u=u, v=v)


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """What goes wrong inside says that the file is no whole trace."""
    try:
        yield
    except SnnDeployError:
        raise
    except UNREADABLE as problem:
        raise error("SD806", str(path), f"it is not a whole trace file ({short(problem)})", FIX) from problem


@contextmanager
def opened(given: Trace | str | os.PathLike[str]) -> Iterator[Shards]:
    """A trace, or a trace file of either form that is open for reading.

    Raises:
        SnnDeployError SD801: no such file. SD806: it is damaged, or not a trace. SD4xx: its network is damaged.
    """
    if isinstance(given, Trace):
        yield Whole(given)
        return
    found = existing(given, "trace file")
    with found.open("rb") as stream:
        with damaged(found):
            archive = np.load(stream, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("one array")
        with archive:
            with damaged(found):
                header = json.loads(archive["header"].tobytes())
                if header["format"] not in (trace_file.FORMAT, FORMAT):
                    what = f"its format is {header['format']!r}, not {trace_file.FORMAT!r} or {FORMAT!r}"
                    raise error("SD806", str(given), what, "run it again")
                if header["format"] == FORMAT:
                    shards: Shards = Stored(found, archive, header)
                else:
                    network, groups = trace_file.network_of(archive), trace_file.groups_of(archive)
                    shards = Whole(trace_file.trace_of(found, network, header, groups))
            yield shards
