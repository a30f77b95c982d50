"""What a worker does with one shard: reads its samples, runs them, and gives back one small file."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from snndeploy.encoding import events
from snndeploy.errors import Finding, SnnDeployError
from snndeploy.files import replacing, short
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.shards.source import Block, Source, digest

Members = tuple[dict[str, Any], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Task(ABC):
    """The same for all shards of a run; it can be pickled."""

    network: Network
    source: Source
    # bytes that an engine may use beside its inputs and what it records; 0: as it likes
    working: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def sample_bytes(self) -> int:
        """What one sample takes while it is run."""

    @property
    @abstractmethod
    def said(self) -> dict[str, Any]:
        """All that decides what is in the files, as JSON: what an earlier run must have had in common."""

    @abstractmethod
    def members(self, given: Block) -> Members:
        """(header, arrays) of a shard's file. Raises SnnDeployError as engines do."""


@dataclass(frozen=True)
class Failure:
    """Why a shard was not done. alone: it is the only one as far as one can tell, so that the others may be run."""

    findings: tuple[Finding, ...]
    exit_code: int = 2
    alone: bool = False


def work(task: Task, start: int, stop: int, path: str | None, block: Block | None = None) -> Failure | bytes | None:
    """Runs samples `start`...`stop - 1` and writes the shard's file.

    Args:
        path: of the file, which appears when it is whole; None: its bytes are returned.
        block: the samples, where the worker cannot read them.

    Returns:
        A `Failure` where samples, engine or disk are at fault; nothing is raised across processes.
    """
    try:
        given = task.source.load(start, stop) if block is None else block
    except SnnDeployError as problem:
        return Failure(problem.findings, problem.exit_code, alone=True)
    except OSError as problem:
        where, what = str(problem.filename or task.source.where(start)), f"it cannot be read ({problem.strerror})"
        return Failure((Finding("SD801", where, what, "check the file, and run the same command again"),), alone=True)
    try:
        header, arrays = task.members(given)
    except SnnDeployError as problem:
        wrong = bad_samples(task, given, start)
        return Failure(wrong, 2, alone=True) if wrong else Failure(problem.findings, problem.exit_code)
    except MemoryError as problem:
        what = f"it takes more memory than there is ({short(problem)})"
        fix = "use smaller shards (--shard-size, --memory), or fewer workers"
        return Failure((Finding("SD808", f"samples {start} to {stop - 1}", what, fix),))
    header |= {"samples": [start, stop], "digest": digest(given)}
    members = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays}
    if path is None:
        buffer = io.BytesIO()
        _pack(buffer, members)
        return buffer.getvalue()
    try:
        with replacing(path) as temporary, temporary.open("wb") as stream:
            _pack(stream, members)
    except OSError as problem:
        return unwritable(path, problem)
    return None


def unwritable(path: str, problem: OSError) -> Failure:
    what = f"it cannot be written ({problem.strerror or problem})"
    fix = "make room or choose another folder, and run the same command again: what is finished is kept"
    return Failure((Finding("SD802", path, what, fix),))


def _pack(stream: IO[bytes], members: Mapping[str, Array]) -> None:
    np.savez_compressed(stream, **members)  # type: ignore[arg-type]


def taken(network: Network, given: Block) -> Block:
    """What the network itself takes; where nothing is encoded, nothing is copied."""
    return events(network, given) if network.encodings else given


def bad_samples(task: Task, given: Block, start: int) -> tuple[Finding, ...]:
    """Findings that name the samples which the network cannot take, by file and number."""
    found = []
    for i in range(next(iter(given.values())).shape[1]):
        try:
            events(task.network, {name: rows[:, i : i + 1] for name, rows in given.items()})
        except SnnDeployError as problem:
            place = task.source.where(start + i)
            found += [Finding(f.code, f"{place}: {f.where}", f.what, f.fix) for f in problem.findings]
    return tuple(found)
