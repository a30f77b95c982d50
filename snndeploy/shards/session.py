"""One run over a data set: opened, cut into shards, run where it has not been run yet, and what is left behind."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.encoding.apply import raw
from snndeploy.errors import Finding, MissingEngineError, SnnDeployError, error, raise_errors
from snndeploy.files import check_output, load_arrays, replacing
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.shards import plan
from snndeploy.shards.cluster import cluster
from snndeploy.shards.folder import Folder, earlier, parts_of, read_header, stamps, work_folder
from snndeploy.shards.opening import MOST, open_data, spooled
from snndeploy.shards.pool import Range, here, processes
from snndeploy.shards.source import Source
from snndeploy.shards.task import Task, unwritable

Progress = Callable[..., None]


@dataclass(frozen=True)
class How:
    """How a data set is run: nothing here changes what comes out."""

    shard_size: int | None = None
    workers: int = 1
    memory: int | str | None = None
    fresh: bool = False
    progress: Progress | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1 or (self.shard_size is not None and self.shard_size < 1):
            what = f"{self.workers} workers, shards of {self.shard_size} samples"
            raise error("SD800", "shards", what, "give at least one of each")
        if self.workers > 1 and self.scheduler is not None:
            what = f"{self.workers} workers and a scheduler: these workers are processes of this machine"
            raise error("SD800", "shards", what, "leave out one; a cluster has the workers that were started for it")


@dataclass(frozen=True, eq=False)
class Opened:
    """A data set that was opened. spool: a folder that goes away with the run."""

    source: Source
    labels: Array | None
    spool: Path


@contextlib.contextmanager
def opened(network: Network, data: Any, labels: Any, how: How) -> Iterator[Opened]:
    """The data set that a caller names. Raises as `open_data`, and SD102, SD103, SD111 for labels."""
    with tempfile.TemporaryDirectory(prefix="snndeploy-", ignore_cleanup_errors=True) as spool:
        source, found = open_data(raw(network), data, labels, Path(spool))
        if how.workers > 1 and how.scheduler is None:
            source = spooled(source, Path(spool))
        yield Opened(source, _classes(network, found, source.samples), Path(spool))


def target_of(output: Any, data: Any) -> Path | None:
    """The output's path, if it can be written. Raises SD802."""
    inputs = data.values() if isinstance(data, dict) else (data,)
    paths = tuple(each for each in inputs if isinstance(each, (str, Path)))
    return None if output is None else check_output(output, paths)


@dataclass(frozen=True, eq=False)
class Finished:
    """A run whose shards are all there. resumed: how many of them an earlier run left."""

    folder: Folder
    ranges: tuple[Range, ...]
    resumed: int

    @property
    def files(self) -> list[Path]:
        return [self.folder.shard(start) for start, _ in self.ranges]

    def headers(self) -> list[dict[str, Any]]:
        """Of all shards, in order. Raises SD821 if a file was damaged since it was written."""
        found = []
        for path in self.files:
            header = read_header(path)
            if header is None:
                raise error("SD821", str(path), "it is damaged", "run the same command again")
            found.append(header)
        return found

    def replace(self, target: Path, write: Callable[[Path], None]) -> None:
        """Writes the output, whole or not at all, and removes the work folder. Raises SD802."""
        temporary = self.folder.path / f"whole{target.suffix}"
        try:
            write(temporary)
            temporary.replace(target)
        except OSError as problem:
            raise SnnDeployError(unwritable(str(target), problem).findings) from problem
        self.folder.remove()


@contextlib.contextmanager
def finished(task: Task, how: How, target: Path | None, spool: Path) -> Iterator[Finished]:
    """Runs all shards that an earlier run has not finished.

    Raises:
        SnnDeployError: all findings together; what is finished is kept.
    """
    parts = None if target is None else parts_of(target)
    memory = plan.default_memory() if how.memory is None else plan.parse_bytes(str(how.memory))
    task = replace(task, working=plan.working_memory(memory // how.workers))
    size = _size(task, how, parts, memory)
    source = task.source
    manifest = {**task.said, "steps": source.steps, "samples": source.samples, "shard size": size}
    manifest["data"] = stamps(source)
    with work_folder(parts or spool / "parts", manifest, source, how.fresh) as folder:
        ranges = plan.shards(source.samples, size)
        before = folder.finished(ranges)
        _run(task, folder, [each for each in ranges if each[0] not in before], how)
        yield Finished(folder, ranges, len(before))


def _size(task: Task, how: How, parts: Path | None, memory: int) -> int:
    """Samples per shard: as asked, as an earlier run had it, or what the memory allows."""
    if how.shard_size is not None:
        return how.shard_size
    before = earlier(parts) if parts is not None and how.memory is None and not how.fresh else None
    if before is not None and isinstance(before.get("shard size"), int):
        return int(before["shard size"])
    return plan.shard_size(task.source.samples, task.sample_bytes, memory, how.workers)


def _run(task: Task, folder: Folder, todo: list[Range], how: How) -> None:
    """What is wrong with one shard alone is said when the others are done; anything else stops them all."""
    total = task.source.samples
    done = total - sum(stop - start for start, stop in todo)
    found: list[Finding] = []
    tell = how.progress or (lambda done, total: None)
    tell(done, total)

    def path(start: int) -> str:
        return str(folder.shard(start))

    if how.scheduler is not None and todo:
        running = cluster(task, todo, how.scheduler)
    elif how.workers > 1 and len(todo) > 1:
        running = processes(task, todo, path, how.workers)
    else:
        running = here(task, todo, path)
    # closed at once where this loop is left, so that no process outlives it
    with contextlib.closing(running) as outcomes:
        for (start, stop), outcome in outcomes:
            if isinstance(outcome, bytes):
                _store(folder, start, outcome)
            elif outcome is not None:
                found += outcome.findings
                if not outcome.alone or len(found) >= MOST:
                    raise (MissingEngineError if outcome.exit_code == 3 else SnnDeployError)(found)
            done += stop - start
            tell(done, total)
    raise_errors(found)


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
