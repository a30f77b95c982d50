"""Batches on their way to a GPU while it works on the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from snndeploy.train.batches import Batch, Source

DEPTH = 2


def ahead(source: Source, batches: Iterator[Batch], device: Any) -> Iterator[Batch]:
    """The same batches; a thread gathers the next ones and puts them into pinned memory, if the device is a GPU.

    Not those of a source that draws from the generators of this process, which the module draws from too.
    """
    if device.type != "cuda" or source.draws:
        return batches
    return threaded(batches, lambda x: x.pin_memory())


def threaded(batches: Iterator[Batch], change: Any) -> Iterator[Batch]:
    """The same batches in the same order, `change`d tensor by tensor by a thread that is at most `DEPTH` ahead.

    What fails there is raised here, where its batch would have come; whoever stops early stops the thread.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(DEPTH)
    left = threading.Event()

    def put(each: Batch | BaseException | None) -> None:
        while not left.is_set():
            try:
                ready.put(each, timeout=0.1)
                return
            except queue.Full:
                continue

    def gather() -> None:
        try:
            for each in batches:
                inputs = {name: change(x) for name, x in each.inputs.items()}
                put(replace(each, inputs=inputs, labels=change(each.labels)))
                if left.is_set():
                    return
            put(None)
        except BaseException as problem:
            put(problem)

    thread = threading.Thread(target=gather, daemon=True)
    thread.start()
    try:
        while (each := ready.get()) is not None:
            if isinstance(each, BaseException):
                raise each
            yield each
    finally:
        left.set()
        thread.join()
