"""One engine, or several, on one batch or on a data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of

if TYPE_CHECKING:
    from snndeploy.conform import Comparison
    from snndeploy.engines import Trace
    from snndeploy.network import Network
    from snndeploy.placement import Placement
    from snndeploy.shards import Evaluation


def run(
    network: Network,
    spikes: Any,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    raw: bool = False,
    progress: Callable[[int, int], None] | None = None,
    only: Iterable[str] | None = None,
    placement: Placement | Path | None = None,
    **options: Any,
) -> Trace:
    """Runs a network on one engine.

    Args:
        spikes: (time, batch, *shape); for several inputs a mapping by name, or a tuple in the network's order. A
            network with encodings takes what these take; `net.with_(encodings=())` takes the events.
        engine: "reference", "torch", "lava", "onnx", "snntorch" or "norse".
        record: of "spikes", "u", "v".
        raw: keep the engine's own time, latency included, instead of network time.
        only: populations that are recorded, for example `network.outputs`; None: all.
        placement: what `place` made of this network, or a file of it: its cores run as networks of their own, joined
            by the spikes that cross; the trace is the same bits. engine="cores" then executes the address tables alone.
        options: the engine's own, for example device="cuda" or mode="runtime".

    Raises:
        SnnDeployError: the network is not legal, the input does not fit, or the engine refuses the network. SD26x: the
            placement is of another network, or cannot be cut into cores for this engine.
        MissingEngineError: the engine is not installed.
    """
    if placement is not None:
        from snndeploy.placement.placed import run_placed
        from snndeploy.placement.plan_file import read as read_plan

        if isinstance(placement, (str, os.PathLike)):
            placement = read_plan(os.fspath(placement), network)
        given = events_of(network, spikes)
        return run_placed(network, placement.core_of, given, engine, record, raw, progress, only, **options)
    from snndeploy.engines import run as execute

    return execute(network, events_of(network, spikes), engine, record, raw, progress, only, **options)


def evaluate(
    network: Network,
    data: Any,
    labels: Any = None,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    output: Path | None = None,
    *,
    raw: bool = False,
    shard_size: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    memory: int | str | None = None,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Runs a network over a data set, shard by shard; a shard is a block of samples, and only shards are in memory.

    Finished shards lie in `<output>.parts/` until the output is whole. The same call goes on where an earlier one
    ended, however it ended; with another network, engine, option or other data it refuses. What comes out does not
    depend on shards and workers (float engines may round sums of products differently in batches of another size).

    Args:
        data: a .npy or .npz file, (time, batch, *shape) each; a folder of them, with a sample (time, *shape) or a block
            of samples in each, in the natural order of names; an array; a mapping of these by input; or an object
            that reads samples itself, see `snndeploy.shards.Source`. A .npz and a folder may hold `labels`.
        labels: whole numbers (samples,), the class of each sample, or the path of a .npy file; gives the accuracy.
        engine, record, raw, options: as for `run`.
        output: a .npz file for the trace, which `compare` and `trace_file.read` read; a .json file for the counts,
            decisions and accuracy alone; None: nothing is written, and there is nothing to go on from.
        shard_size: samples per shard; None: what `memory` allows, 256 at most.
        workers: processes; 1: this process. Each gets cores / workers threads. One that dies is tried again.
        scheduler: tcp://host:port of a Dask scheduler, whose workers then run the shards.
        memory: bytes ("2GiB") for the arrays of all shards at work; None: half of what is free.
        fresh: remove what an earlier call left, and begin again.
        progress: called with (samples done, samples in all).

    Returns:
        `.decisions`, `.accuracy` with `.interval` (Wilson, 95 %), `.spikes` by population; print it to read it.

    Raises:
        SnnDeployError: as `run`; a sample that does not fit is named by file and number, and the other shards are kept.
            SD808: one sample needs more memory. SD820: a worker died whenever it ran some shard. SD821: the finished
            shards are of another call. SD822: another call is at work there. SD823: the cluster cannot be used. SD802:
            the disk is full or not writable.
    """
    from snndeploy.shards import How
    from snndeploy.shards import evaluate as over_shards

    how = How(shard_size, workers, memory, fresh, progress, scheduler)
    return over_shards(network, data, labels, engine, record, output, raw=raw, how=how, **options)


def compare_engines(
    network: Network,
    data: Any,
    engines: Iterable[str] = ("reference", "torch"),
    output: Path | None = None,
    *,
    shard_size: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    memory: int | str | None = None,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Comparison]:
    """Runs a data set on several engines, shard by shard, and compares each with the first.

    Args:
        data, shard_size, workers, scheduler, memory, fresh, progress: as for `evaluate`.
        output: a .json file for the comparisons; a run that was stopped goes on from where it ended.

    Returns:
        What `compare` finds of each engine after the first and the first, over all samples: counts added up, the first
        difference of all by step, order of update and sample.

    Raises:
        SnnDeployError: as `evaluate`.
    """
    from snndeploy.shards import How
    from snndeploy.shards import compare_engines as over_shards

    return over_shards(network, data, engines, output, how=How(shard_size, workers, memory, fresh, progress, scheduler))
