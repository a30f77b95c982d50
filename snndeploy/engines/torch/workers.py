"""Work in threads of this process, each with one of torch's own: kernels and products let go of Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

import torch

# tells how much of a work is done
Done = Callable[[int], None]
Work = Callable[[Done], None]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Inside, torch itself computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def do(works: Sequence[Work], threads: int, done: Done) -> None:
    """Does all works, at most so many at once; `done` is called in this thread. If one raises, so does this."""
    if threads < 2 or len(works) < 2:
        with torch_threads(threads):
            for work in works:
                work(done)
        return
    told: SimpleQueue[int | None] = SimpleQueue()
    stopped = False

    def one(work: Work) -> None:
        nonlocal stopped
        try:
            if not stopped:
                work(told.put)
        except BaseException:
            stopped = True
            raise
        finally:
            told.put(None)

    with torch_threads(1), ThreadPoolExecutor(threads, "snndeploy", torch.set_num_threads, (1,)) as pool:
        futures = [pool.submit(one, work) for work in works]
        try:
            left = len(futures)
            while left:
                amount = told.get()
                if amount is None:
                    left -= 1
                else:
                    done(amount)
        finally:
            stopped = True
        for each in futures:
            each.result()
