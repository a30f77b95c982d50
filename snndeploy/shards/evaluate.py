"""`evaluate`: one engine over a data set."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines import base, trace_shards
from snndeploy.engines.trace import wanted
from snndeploy.errors import Finding, MissingEngineError, SnnDeployError, error, raise_errors
from snndeploy.files import check_output, load_arrays, replacing
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.shards import plan
from snndeploy.shards.folder import Folder, earlier, network_hash, parts_of, stamps, versions, work_folder
from snndeploy.shards.opening import MOST, open_data
from snndeploy.shards.pool import Range, here, processes
from snndeploy.shards.result import Evaluation
from snndeploy.shards.task import Task, unwritable

Progress = Callable[..., None]


def evaluate(
    network: Network,
    data: Any,
    labels: Any = None,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    output: str | os.PathLike[str] | None = None,
    *,
    raw: bool = False,
    shard_size: int | None = None,
    workers: int = 1,
    memory: int | str | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Evaluation:
    """See `snndeploy.evaluate`."""
    spec.check(network)
    base.load(engine)
    if workers < 1 or (shard_size is not None and shard_size < 1):
        what = f"{workers} workers, shards of {shard_size} samples"
        raise error("SD800", "evaluate", what, "give at least one of each")
    kept = wanted(network, record)
    target = None if output is None else check_output(output, (data if isinstance(data, (str, Path)) else None,))
    keep = target is not None and target.suffix != ".json"
    with contextlib.ExitStack() as stack:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="snndeploy-")))
        source, found = open_data(network, data, labels, spool)
        classes = _classes(network, found, source.samples)
        task = Task(network, source, engine, kept, raw, keep, options)
        budget = plan.default_memory() if memory is None else plan.parse_bytes(str(memory))
        parts = None if target is None else parts_of(target)
        size = _size(task, shard_size, memory is not None, budget, workers, parts)
        manifest = {
            "network": network_hash(network),
            "engine": engine,
            "options": {name: repr(value) for name, value in sorted(options.items())},
            "record": list(kept),
            "raw": raw,
            "output": "trace" if keep else "summary",
            "steps": source.steps,
            "samples": source.samples,
            "shard size": size,
            "versions": versions(engine),
            "data": stamps(source),
        }
        folder = stack.enter_context(work_folder(parts or spool / "parts", manifest, source, fresh))
        ranges = plan.shards(source.samples, size)
        before = folder.finished(ranges)
        run_all(task, folder, [each for each in ranges if each[0] not in before], workers, progress)
        result = _gathered(folder, ranges, classes, len(before), target)
        if target is not None:
            _assemble(task, folder, ranges, result, target)
    return result


def _size(task: Task, asked: int | None, bounded: bool, memory: int, workers: int, parts: Path | None) -> int:
    """Samples per shard: as asked, as an earlier run had it, or what the memory allows."""
    if asked is not None:
        return asked
    before = earlier(parts) if parts is not None and not bounded else None
    if before is not None and isinstance(before.get("shard size"), int):
        return int(before["shard size"])
    each = plan.sample_bytes(task.network, task.source, task.record)
    return plan.shard_size(task.source.samples, each, memory, workers)


def run_all(task: Task, folder: Folder, todo: list[Range], workers: int, progress: Progress | None) -> None:
    """Runs what is left; a bad sample stops its own shard, anything else stops them all.

    Raises:
        SnnDeployError: all findings together; what is finished is kept.
    """
    total = task.source.samples
    done = total - sum(stop - start for start, stop in todo)
    found: list[Finding] = []
    if progress is not None:
        progress(done, total)

    def path(start: int) -> str:
        return str(folder.shard(start))

    one = workers == 1 or len(todo) < 2
    # closed at once where this loop is left, so that no process outlives it
    with contextlib.closing(here(task, todo, path) if one else processes(task, todo, path, workers)) as outcomes:
        for (start, stop), outcome in outcomes:
            if isinstance(outcome, bytes):
                _store(folder, start, outcome)
            elif outcome is not None:
                found += outcome.findings
                if not outcome.data or len(found) >= MOST:
                    _stop(found, outcome.exit_code)
            done += stop - start
            if progress is not None:
                progress(done, total)
    raise_errors(found)


def _stop(found: list[Finding], code: int) -> None:
    if code == 3:
        raise MissingEngineError(found)
    raise SnnDeployError(found)


def _store(folder: Folder, start: int, packed: bytes) -> None:
    """Writes the file of a shard that was computed elsewhere."""
    path = folder.shard(start)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(packed)
    except OSError as problem:
        raise SnnDeployError(unwritable(str(path), problem).findings) from problem


def _classes(network: Network, labels: Any, samples: int) -> Array | None:
    """Labels, checked. Raises SD102, SD103, SD111."""
    if labels is None:
        return None
    found = np.asarray(load_arrays(labels, "label file") if isinstance(labels, (str, Path)) else labels)
    if network.decision is None:
        raise error("SD102", "labels", "the network decides nothing", "give it a decision, or leave them out")
    if found.shape != (samples,):
        raise error("SD103", "labels", f"their shape is {found.shape}, not ({samples},)", "one class per sample")
    if found.dtype.kind not in "iuf" or (found != np.floor(found)).any() or found.min() < 0:
        raise error("SD111", "labels", "they are not whole numbers of 0 or more", "number the classes from 0")
    return found.astype(np.int64)


def _gathered(
    folder: Folder, ranges: tuple[Range, ...], classes: Array | None, resumed: int, output: Path | None
) -> Evaluation:
    """The shards' counts added up, their decisions in order."""
    spikes: dict[str, int] = {}
    notes: dict[str, None] = {}
    decided = []
    headers = []
    for start, _ in ranges:
        with np.load(folder.shard(start), allow_pickle=False) as archive:
            headers.append(json.loads(archive["header"].tobytes()))
            if "decisions" in archive.files:
                decided.append(archive["decisions"])
        for name, count in headers[-1]["spikes"].items():
            spikes[name] = spikes.get(name, 0) + count
        notes |= dict.fromkeys(headers[-1]["notes"])
    first = headers[0]
    for each, (start, _) in zip(headers, ranges, strict=True):
        for what in ("engine", "dtype", "latency", "converted", "steps"):
            if each[what] != first[what]:
                text = f"its {what} is {each[what]!r}, that of the first {first[what]!r}"
                raise error("SD821", str(folder.shard(start)), text, "begin again with --fresh")
    return Evaluation(
        first["engine"],
        first["dtype"],
        first["steps"],
        ranges[-1][1],
        spikes,
        np.concatenate(decided) if decided else None,
        classes,
        first["latency"],
        tuple(notes),
        first["converted"],
        len(ranges),
        resumed,
        output,
    )


def _assemble(task: Task, folder: Folder, ranges: tuple[Range, ...], result: Evaluation, target: Path) -> None:
    """Writes the output from the shards, whole or not at all, and removes the work folder."""
    temporary = folder.path / f"whole{target.suffix}"
    try:
        if task.keep:
            header = {
                "engine": result.engine,
                "dtype": result.dtype,
                "latency": dict(result.latency),
                "notes": list(result.notes),
                "raw": task.raw,
                "converted": result.converted,
            }
            trace_shards.write(temporary, task.network, header, ranges, [folder.shard(start) for start, _ in ranges])
        else:
            temporary.write_text(json.dumps(result.as_dict(), indent=2) + "\n", "utf-8")
        temporary.replace(target)
    except OSError as problem:
        raise SnnDeployError(unwritable(str(target), problem).findings) from problem
    folder.remove()
