"""Lava's own process models in one OS process: its compiler, its builders, its arithmetic, without its runtime.

`Process.compile` yields a builder per process and a description of every channel. Each channel becomes a queue in
memory, and the built models take turns: every connection hands over what it accumulated in the last step, feeds and
neurons run, then connections take in the spikes. Nothing can hang, and an exception keeps its traceback.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from snndeploy.engines.lava.build import Built, build
from snndeploy.engines.lava.patches import quiet
from snndeploy.engines.lava.plan import Plan, feed_data
from snndeploy.errors import SnnDeployError, error
from snndeploy.network.arrays import Array

Rows = dict[str, dict[str, Array]]


class Queue:
    """One channel: the port of its sender and the port of its receiver. Values take the channel's type, as they
    do in the shared memory of Lava's channels."""

    def __init__(self, builder: Any):
        self.dtype = np.dtype(builder.src_port_initializer.d_type)
        self.shape = builder.src_port_initializer.shape
        self.waiting: deque[Array] = deque()
        self.source = Port(builder.src_port_initializer.name, self)
        self.target = Port(builder.dst_port_initializer.name, self)


class Port:
    """An end of a queue, with what Lava's ports ask of one."""

    def __init__(self, name: str, queue: Queue):
        self.name, self.queue = name, queue
        self.muted = False

    def send(self, data: Array) -> None:
        if self.muted:
            return
        if data.shape != self.queue.shape:
            raise AssertionError(f"{self.name} sends {data.shape} into a channel of {self.queue.shape}")
        self.queue.waiting.append(np.array(data).astype(self.queue.dtype))

    def recv(self) -> Array:
        return self.queue.waiting.popleft()

    def probe(self) -> bool:
        return bool(self.queue.waiting)


class Tap:
    """Stands at an out port and keeps what was sent last."""

    name = "tap"

    def __init__(self) -> None:
        self.last: Array = np.zeros(0)

    def send(self, data: Array) -> None:
        self.last = np.array(data)


def models_of(builders: Mapping[Any, Any], channels: Iterable[Any]) -> dict[Any, Any]:
    """New models of all processes, joined by new queues."""
    from lava.magma.core.process.ports.ports import create_port_id

    for builder in builders.values():
        builder.csp_ports, builder._csp_port_map = {}, {}
    for channel in channels:
        queue = Queue(channel)
        builders[channel.src_process].set_csp_ports([queue.source])
        target = builders[channel.dst_process]
        target.set_csp_ports([queue.target])
        port = create_port_id(channel.src_process.id, channel.src_port_initializer.name)
        target.add_csp_port_mapping(port, queue.target)
    return {process: builder.build() for process, builder in builders.items()}


class Inline:
    """A compiled network that runs one sample after the other, each from freshly built models."""

    def __init__(self, plan: Plan, steps: int):
        self.plan, self.steps = plan, steps
        silence = {feed.name: np.zeros((feed.size, steps)) for feed in plan.feeds}
        with quiet():
            self.built = build(plan, silence, steps)
            self.builders, self.channels = _compile(self.built)

    def run(self, data: Mapping[str, Array], record: tuple[str, ...]) -> Rows:
        """One sample: what was recorded, as (steps, ...) by kind and population, in engine time."""
        models = models_of(self.builders, self.channels)
        feeds = {name: models[process] for name, process in self.built.feeds.items()}
        neurons = {name: models[process] for name, process in self.built.neurons.items()}
        connections = [models[process] for process in self.built.connections.values()]
        for name, model in feeds.items():
            model.data = data[name].astype(model.data.dtype)
        taps = {name: Tap() for name in neurons}
        for name, model in neurons.items():
            model.s_out.csp_ports.append(taps[name])
        spiking = {each.name for each in self.plan.neurons if "vth" in each.numbers}
        kept: dict[str, dict[str, list[Array]]] = {what: {name: [] for name in neurons} for what in record}
        for _ in range(self.steps):
            for model in connections:
                model.a_out.send(model.a_buff if model.a_buff.ndim == 1 else model.a_buff[:, 0])
            for model in (*feeds.values(), *neurons.values()):
                model.time_step += 1
                model.run_spk()
            for model in connections:
                model.time_step += 1
                for port in model.a_out.csp_ports:
                    port.muted = True
                model.run_spk()
                for port in model.a_out.csp_ports:
                    port.muted = False
            for what in record:
                for name, model in neurons.items():
                    kept[what][name].append(taps[name].last != 0 if what == "spikes" else getattr(model, what).copy())
        return {
            what: {name: np.stack(rows) for name, rows in by.items() if what != "spikes" or name in spiking}
            for what, by in kept.items()
        }


def _compile(built: Built) -> tuple[dict[Any, Any], list[Any]]:
    """Builders and channels of all processes. Lava compiles only what is connected with the process it is called on,
    so every part is compiled."""
    builders: dict[Any, Any] = {}
    channels: list[Any] = []
    processes = (*built.neurons.values(), *built.feeds.values())
    with _deep(len(processes) + len(built.connections)):
        for process in processes:
            if process not in builders:
                executable = process.compile(built.config)
                builders |= executable.proc_builders
                channels += executable.channel_builders
    return builders, channels


@contextmanager
def _deep(processes: int) -> Iterator[None]:
    """Lava's compiler flattens its lists of processes by recursion, a call for each of them."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 4 * processes)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def run_samples(
    plan: Plan, inputs: dict[str, Array], record: tuple[str, ...], progress: Callable[[int, int], None]
) -> Iterator[Rows]:
    """All samples of a batch, one after the other.

    Raises:
        SnnDeployError SD512: one of Lava's models raised; the cause is chained.
    """
    steps, batch = next(iter(inputs.values())).shape[:2]
    total = steps + plan.late
    try:
        inline = Inline(plan, total)
        for sample in range(batch):
            yield inline.run({feed.name: feed_data(feed, inputs, sample, total) for feed in plan.feeds}, record)
            progress((sample + 1) * steps, batch * steps)
    except SnnDeployError:
        raise
    except Exception as cause:
        raise error("SD512", "engine 'lava'", f"{type(cause).__name__} in Lava's own code: {cause}") from cause
