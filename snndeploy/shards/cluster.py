"""Shards on a Dask cluster: `tcp://host:port` of a scheduler.

Every worker gets the task once, as a plugin, also those that join or start again later. A worker reads its samples
itself where it sees the files, else they come with the shard; what it computed comes back as bytes, and only this
process writes.
The scheduler moves the shards of a worker that died to another one, and gives a shard up after some deaths
(`distributed.scheduler.allowed-failures`, 3 if nothing is said).
"""

from __future__ import annotations

import contextlib
import io
import logging
import platform
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

import numpy as np

from snndeploy.errors import Finding, MissingEngineError, SnnDeployError, error, raise_errors
from snndeploy.files import short
from snndeploy.shards.pool import Done, Range
from snndeploy.shards.source import Arrays, Files, Source, Stored
from snndeploy.shards.task import Failure, Task, work

# seconds until a scheduler has to answer, and to have a worker
ANSWER = 10.0
# seconds without any worker after which a run is given up
ALONE = 30.0
# how often a shard is submitted again whose result was lost on the way
RETRIES = 2
AGAIN = "start it, and run the same command again: what is finished is kept"
LOST = object()

# one shard at a time in a process, however many threads Dask gives it: engines have threads of their own
_at_work = threading.Lock()


def cluster(task: Task, todo: list[Range], address: str) -> Generator[Done, None, None]:
    """Shards as they come back.

    Raises:
        SnnDeployError SD823: the scheduler does not answer, goes away, has no worker, or a worker has other versions of
            what decides the numbers. MissingEngineError SD823: `distributed` is not installed.
    """
    with connected(address) as client:
        expected = wanted_versions(task)
        raise_errors(_differences(client, expected))
        ship = not _visible(client, task.source)
        name = f"snndeploy-{uuid4().hex}"
        client.register_plugin(_plugin(replace(task, source=_light(task.source)) if ship else task, name, expected))
        try:
            yield from _results(client, name, task if ship else None, todo)
        finally:
            with contextlib.suppress(OSError, TimeoutError, RuntimeError):
                client.unregister_worker_plugin(name)


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler, with a worker at least. Raises SD823."""
    try:
        from distributed import Client
    except ImportError:
        what, fix = "the package distributed is not installed", "pip install 'snndeploy[cluster]'"
        raise MissingEngineError(Finding("SD823", f"scheduler {address}", what, fix)) from None
    with _quiet():
        try:
            client = Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError) as problem:
            what = f"it does not answer within {ANSWER:.0f} s ({short(problem)})"
            fix = "check host and port: dask scheduler prints them"
            raise error("SD823", f"scheduler {address}", what, fix) from None
        with client:
            try:
                client.wait_for_workers(1, timeout=ANSWER)
            except TimeoutError:
                fix = f"dask worker {address}"
                raise error("SD823", f"scheduler {address}", f"it has no worker after {ANSWER:.0f} s", fix) from None
            yield client


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What concerns the reader is a finding; Dask logs tracebacks where a connection ends."""
    names = ("distributed", *(name for name in logging.Logger.manager.loggerDict if name.startswith("distributed.")))
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def wanted_versions(task: Task) -> dict[str, str | None]:
    """Of what has to be the same on every worker."""
    return {**task.said["versions"], "python": _python()}


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _reporter(names: list[str]) -> Callable[[], dict[str, str | None]]:
    """A function that needs nothing of ours on the worker: nested functions are pickled by value."""

    def report() -> dict[str, str | None]:
        import importlib.metadata
        import platform

        found: dict[str, str | None] = {"python": ".".join(platform.python_version_tuple()[:2])}
        for name in names:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = None
        return found

    return report


def _differences(client: Any, expected: dict[str, str | None]) -> list[Finding]:
    names = [name for name in expected if name != "python"]
    found = client.run(_reporter(names))
    return [each for worker, there in sorted(found.items()) for each in _unlike(worker, expected, there)]


def _unlike(worker: str, expected: dict[str, str | None], there: dict[str, str | None]) -> list[Finding]:
    return [
        Finding(
            "SD823",
            f"worker {worker}",
            f"it has {name} {there.get(name)}, here is {version}" if there.get(name) else f"it has no {name}",
            f"install {name} {version} there",
        )
        for name, version in expected.items()
        if there.get(name) != version
    ]


def _visible(client: Any, source: Source) -> bool:
    """Whether every worker sees the same files. A source of another class reads where it is."""
    if isinstance(source, Arrays):
        if not all(isinstance(each, Stored) for each in source.arrays.values()):
            return False
        paths = [each.path for each in source.arrays.values() if isinstance(each, Stored)]
    elif isinstance(source, Files):
        paths = [each.path for each in source.files]
    else:
        return True
    here = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]

    def sees() -> bool:
        import os

        try:
            return all((os.stat(p).st_size, os.stat(p).st_mtime_ns) == (n, t) for p, n, t in here)
        except OSError:
            return False

    return all(client.run(sees).values())


def _light(source: Source) -> Source:
    """What names samples, without them."""
    return Arrays({}, source.label, source.paths) if isinstance(source, Arrays) else source


def _plugin(task: Task, name: str, expected: dict[str, str | None]) -> Any:
    from distributed import WorkerPlugin

    class Held(WorkerPlugin):  # type: ignore[misc]
        """Holds the task on a worker."""

    held = Held()
    held.name, held.task, held.expected = name, task, expected
    return held


@cache
def _own(names: tuple[str, ...]) -> dict[str, str | None]:
    return {**dict.fromkeys(names), **_reporter([name for name in names if name != "python"])()}


def remote(name: str, start: int, stop: int, packed: bytes | None) -> Failure | bytes | None:
    """Runs on a worker of the cluster."""
    from distributed import get_worker

    worker = get_worker()
    held = worker.plugins.get(name)
    if held is None:
        return Failure((Finding("SD823", f"worker {worker.address}", "it does not know this run", AGAIN),))
    wrong = _unlike(worker.address, held.expected, _own(tuple(held.expected)))
    if wrong:
        return Failure(tuple(wrong))
    block = None
    if packed is not None:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            block = {name: archive[name] for name in archive.files}
    with _at_work:
        return work(held.task, start, stop, None, block)


def _packed(task: Task, start: int, stop: int) -> bytes | Failure:
    try:
        block = task.source.load(start, stop)
    except SnnDeployError as problem:
        return Failure(problem.findings, problem.exit_code, alone=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **block)  # type: ignore[arg-type]
    return buffer.getvalue()


def _results(client: Any, name: str, shipped: Task | None, todo: list[Range]) -> Generator[Done, None, None]:
    """shipped: whose samples go with the shards."""
    left = list(reversed(todo))
    waiting: dict[Any, Range] = {}
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    lost: dict[Range, int] = {}
    seen = time.monotonic()
    try:
        while left or waiting:
            most = 2 * max(1, sum(client.nthreads().values()))
            while left and len(waiting) < most:
                each = left.pop()
                block = None if shipped is None else _packed(shipped, *each)
                if isinstance(block, Failure):
                    yield each, block
                    continue
                key = f"{name}-{each[0]}-{lost.get(each, 0)}"
                future = client.submit(remote, name, *each, block, pure=False, key=key)
                waiting[future] = each
                future.add_done_callback(ended.put)
            future = _next(ended)
            if future is not None:
                each = waiting.pop(future)
                outcome = _outcome(future, each)
                if outcome is not LOST:
                    yield each, outcome
                    continue
                lost[each] = lost.get(each, 0) + 1
                left.append(each)
            seen = _alive(client, seen, max(lost.values(), default=0))
    except (OSError, TimeoutError, RuntimeError) as problem:
        raise error("SD823", "scheduler", f"it went away ({short(problem)})", AGAIN) from problem
    finally:
        if waiting and client.status == "running":
            client.cancel(list(waiting), force=True)


def _next(ended: queue.SimpleQueue[Any]) -> Any:
    """What ended next, or None after a second."""
    try:
        return ended.get(timeout=1)
    except queue.Empty:
        return None


def _alive(client: Any, seen: float, lost: int) -> float:
    """When the cluster last had a worker. Raises SD823 where it has gone, or loses what it computes."""
    now = time.monotonic()
    if client.status != "running":
        raise error("SD823", "scheduler", "it went away", AGAIN)
    if lost > RETRIES:
        raise error("SD823", "cluster", f"the result of a shard was lost {lost} times", AGAIN)
    if client.nthreads():
        return now
    if now - seen > ALONE:
        raise error("SD823", "cluster", f"it has had no worker for {ALONE:.0f} s", AGAIN)
    return seen


def _outcome(future: Any, shard: Range) -> Any:
    """What came back, or `LOST`."""
    from distributed import KilledWorker

    if future.status == "finished":
        return future.result()
    if future.status != "error":
        return LOST
    problem = future.exception()
    if isinstance(problem, KilledWorker):
        what = f"every worker that ran samples {shard[0]} to {shard[1] - 1} died, the last was {problem.last_worker}"
        fix = "use smaller shards (--shard-size, --memory): they may have run out of memory"
        return Failure((Finding("SD820", "cluster", what, fix),), alone=True)
    raise problem
