"""Traces of data sets: one file, of which a block of samples at a time is in memory.

A .npz file (a zip) with `header`, `network` as in `trace_file`, and `shards/<first sample>.npz`, stored as they are:
each again a .npz with the arrays `inputs/<name>`, `spikes/<population>`, `u/...`, `v/...` of some samples,
time first. The header says where each shard begins and ends. A trace without shards is read as one that has one.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines import trace_file
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError, error
from snndeploy.files import UNREADABLE, existing, short
from snndeploy.network.network import Network

FORMAT = "snndeploy trace 2"
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


def _member(start: int) -> str:
    return f"shards/{start:08d}.npz"


class Shards:
    """An open trace file. `bounds`: (first sample, end) of each shard."""

    def __init__(self, path: Path, archive: Any):
        self.path, self.archive = path, archive
        self.header = json.loads(archive["header"].tobytes())
        known = {trace_file.FORMAT, FORMAT}
        if self.header["format"] not in known:
            what = f"its format is {self.header['format']!r}, not {' or '.join(map(repr, sorted(known)))}"
            raise error("SD806", str(path), what, "run it again")
        self.whole: Trace | None = None
        if self.header["format"] == trace_file.FORMAT:
            groups = trace_file.groups_of(archive)
            self.network = trace_file.network_of(archive)
            self.whole = trace_file.trace_of(path, self.network, self.header, groups)
            self.bounds: tuple[tuple[int, int], ...] = ((0, self.whole.batch),)
        else:
            self.network = trace_file.network_of(archive)
            self.bounds = tuple((int(a), int(b)) for a, b in self.header["shards"])
            ends = [0, *(b for _, b in self.bounds)]
            if not self.bounds or any(a != e or a >= b for (a, b), e in zip(self.bounds, ends, strict=False)):
                raise error("SD806", str(path), "its shards do not follow each other", "run it again")
        self._held: tuple[int, Trace] | None = None

    @property
    def samples(self) -> int:
        return self.bounds[-1][1]

    def part(self, start: int, stop: int) -> Trace:
        """The trace of samples `start`...`stop - 1`.

        Raises:
            SnnDeployError SD806: a shard is damaged.
        """
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
        if self.whole is not None:
            return self.whole
        if self._held is None or self._held[0] != first:
            self._held = None
            with damaged(self.path), self.archive.zip.open(_member(first)) as stream:
                with np.load(stream, allow_pickle=False) as inner:
                    groups = trace_file.groups_of(inner)
                trace = trace_file.trace_of(self.path, self.network, self.header, groups)
                if trace.batch != end - first:
                    what = f"shard {first} holds {trace.batch} samples, not {end - first}"
                    raise error("SD806", str(self.path), what, "run it again")
            self._held = (first, trace)
        return self._held[1]


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
def opened(path: str | os.PathLike[str]) -> Iterator[Shards]:
    """A trace file of either form, open for reading.

    Raises:
        SnnDeployError SD801: no such file. SD806: it is damaged, or not a trace. SD4xx: its network is damaged.
    """
    found = existing(path, "trace file")
    with found.open("rb") as stream:
        with damaged(found):
            archive = np.load(stream, allow_pickle=False)
        with archive:
            with damaged(found):
                shards = Shards(found, archive)
            yield shards
