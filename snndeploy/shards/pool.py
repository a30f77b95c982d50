"""Shards on processes of this machine, through joblib's loky. A process that dies takes no other shard with it.

When a process dies, nobody knows which of the shards at work killed it. All of them are run again, each alone in a
fresh process: one that was short of memory beside others has it all now, and one that dies alone is named.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import replace
from typing import Any

from snndeploy.errors import error
from snndeploy.shards.task import Failure, Task, work

# how often a shard that was at work when a process died is run again
RETRIES = 2
# so many shards that kill every process stop the run: it is not the shard
DEADLY = 2
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
Range = tuple[int, int]
Done = tuple[Range, Failure | bytes | None]

_task: Task | None = None


def threads_each(workers: int) -> int:
    """Threads per worker: all together no more than there are cores, and no more than OMP_NUM_THREADS says."""
    from joblib import cpu_count

    cores = int(cpu_count())
    own = os.environ.get("OMP_NUM_THREADS", "")
    most = int(own) if own.isdecimal() and int(own) > 0 else cores
    return max(1, min(most, cores // workers))


def here(task: Task, todo: list[Range], path: Callable[[int], str]) -> Generator[Done, None, None]:
    """All shards in this process, one after the other."""
    for start, stop in todo:
        yield (start, stop), work(task, start, stop, path(start))


def processes(task: Task, todo: list[Range], path: Callable[[int], str], workers: int) -> Generator[Done, None, None]:
    """Shards on several processes, as they end.

    Raises:
        SnnDeployError SD820: a process died each time that a shard was run; other shards are finished first.
    """
    packed = _pack(task)
    left = list(reversed(todo))
    deadly = 0
    while left:
        suspects: list[Range] = []
        died = ""
        with Pool(packed, min(workers, len(left)), threads_each(workers)) as pool:
            at_work: dict[Future[Any], Range] = {}
            while left or at_work:
                while left and len(at_work) < pool.workers and not suspects:
                    each = left.pop()
                    at_work[pool.submit(each, path(each[0]))] = each
                if not at_work:
                    break
                ended, _ = wait(at_work, return_when=FIRST_COMPLETED)
                for future in ended:
                    each = at_work.pop(future)
                    problem = future.exception()
                    if isinstance(problem, BrokenExecutor):
                        suspects.append(each)
                        died = _how(problem)
                    elif problem is not None:
                        raise problem
                    else:
                        yield each, future.result()
        for each in sorted(suspects):
            outcome = _alone(packed, each, path(each[0]), died)
            if isinstance(outcome, Failure) and not outcome.alone:
                deadly += 1
                outcome = replace(outcome, alone=deadly < DEADLY)
            yield each, outcome


def _alone(packed: bytes, shard: Range, path: str, died: str) -> Failure | bytes | None:
    for _ in range(RETRIES):
        with Pool(packed, 1, threads_each(1)) as pool:
            future = pool.submit(shard, path)
            problem = future.exception()
            if problem is None:
                outcome: Failure | bytes | None = future.result()
                return outcome
            if not isinstance(problem, BrokenExecutor):
                raise problem
            died = _how(problem)
    what = f"the process that ran samples {shard[0]} to {shard[1] - 1} died {1 + RETRIES} times{died}"
    found = error("SD820", "worker", what, "use smaller shards (--shard-size, --memory): it may have run out of memory")
    return Failure(found.findings)


def _how(problem: BaseException) -> str:
    codes = re.search(r"\{(.+?)\}", str(problem))
    return f" ({codes[1]})" if codes else ""


class Pool:
    """Worker processes that end with the block, whatever happens, and with this process, however it ends."""

    def __init__(self, packed: bytes, workers: int, threads: int):
        from joblib.externals.loky import ProcessPoolExecutor

        env = dict.fromkeys(THREADS, str(threads))
        self.workers = workers
        self.executor = ProcessPoolExecutor(workers, initializer=begin, initargs=(packed, os.getpid()), env=env)

    def submit(self, shard: Range, path: str) -> Future[Any]:
        future: Future[Any] = self.executor.submit(one, *shard, path)
        return future

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.executor.shutdown(wait=True, kill_workers=kind is not None)


def begin(packed: bytes, parent: int) -> None:
    """Runs once in every worker process."""
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    _task = pickle.loads(packed)


def _follow(parent: int) -> None:
    """A worker whose parent is gone has nobody to work for."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def one(start: int, stop: int, path: str) -> Failure | bytes | None:
    """Runs in a worker process."""
    assert _task is not None
    return work(_task, start, stop, path)


def _pack(task: Task) -> bytes:
    """A captured module may be of a class in __main__, which pickle alone does not hold."""
    from joblib.externals.loky.cloudpickle_wrapper import dumps

    packed: bytes = dumps(task)
    return packed
