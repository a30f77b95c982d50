"""What a worker does with one shard: reads its samples, runs them, and gives back one small file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from snndeploy.engines import Trace, run
from snndeploy.errors import Finding, SnnDeployError
from snndeploy.files import replacing
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.shards.source import Block, Source, digest

GROUPS = ("inputs", "spikes", "u", "v")


@dataclass(frozen=True, eq=False)
class Task:
    """The same for all shards of a run.

    Attributes:
        record: what the engine records. keep: that goes into the file; else only counts and decisions do.
    """

    network: Network
    source: Source
    engine: str
    record: tuple[str, ...] = ("spikes",)
    raw: bool = False
    keep: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why a shard was not done. data: its samples are at fault, so that other shards may still be run."""

    findings: tuple[Finding, ...]
    exit_code: int = 2
    data: bool = False


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
        return Failure(problem.findings, problem.exit_code, data=True)
    try:
        members = _members(task, given, start, stop)
    except SnnDeployError as problem:
        wrong = bad_samples(task, given, start)
        return Failure(wrong, 2, data=True) if wrong else Failure(problem.findings, problem.exit_code)
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


def _members(task: Task, given: Block, start: int, stop: int) -> dict[str, Array]:
    trace = run(task.network, given, task.engine, task.record, task.raw, **dict(task.options))
    header = {
        "samples": [start, stop],
        "digest": digest(given),
        "engine": trace.engine,
        "dtype": trace.dtype,
        "steps": trace.steps,
        "latency": dict(trace.latency),
        "notes": list(trace.notes),
        "converted": trace.converted,
        "spikes": {name: int(np.count_nonzero(rows)) for name, rows in trace.spikes.items()},
    }
    members = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
    if decides(trace):
        members["decisions"] = trace.decisions()
    if task.keep:
        for group in GROUPS:
            members |= {f"{group}/{name}": np.asarray(rows) for name, rows in getattr(trace, group).items()}
    return members


def decides(trace: Trace) -> bool:
    """Whether a trace holds what the network's decision needs."""
    rule = trace.network.decision
    if rule is None or trace.raw:
        return False
    return rule.population in (trace.spikes if rule.rule == "spike-count" else trace.v)


def bad_samples(task: Task, given: Block, start: int) -> tuple[Finding, ...]:
    """Findings that name the samples which the network cannot take, by file and number."""
    found = []
    for i in range(next(iter(given.values())).shape[1]):
        try:
            as_inputs(task.network, {name: rows[:, i : i + 1] for name, rows in given.items()})
        except SnnDeployError as problem:
            place = task.source.where(start + i)
            found += [Finding(f.code, f"{place}: {f.where}", f.what, f.fix) for f in problem.findings]
    return tuple(found)
