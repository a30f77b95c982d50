"""Programs that execute a network. `run` is the one way in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from snndeploy.engines.base import ENGINES, Job, Progress, load
from snndeploy.engines.samples import run_samples
from snndeploy.engines.trace import Trace, chosen, reduced, wanted
from snndeploy.errors import raise_errors
from snndeploy.network import spec
from snndeploy.network.binding import per_sample
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network

# engines that read inputs of any type, piece by piece: they get no copy
READS_ANY = ("torch",)

__all__ = ["ENGINES", "Trace", "run"]


def run(
    network: Network,
    spikes: Any,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    raw: bool = False,
    progress: Progress | None = None,
    only: Iterable[str] | None = None,
    **options: Any,
) -> Trace:
    """Runs a network on one engine.

    Args:
        spikes: array (time, batch, *shape) for a network with one input, or a mapping by name. The torch engine copies
            no input: its trace shows the caller's own arrays.
        record: of "spikes", "u", "v". A population that emits v has v recorded where it is an output.
        raw: keep the engine's own time (latency included) instead of network time.
        only: populations that are recorded, for example `network.outputs`; None: all.
        options: the engine's own, for example `device="cuda"`, `dtype="float64"`, `mode="runtime"`.

    Raises:
        SnnDeployError: the network is not legal, the input does not fit, or the engine refuses the network.
        MissingEngineError: the engine is not installed.
    """
    loaded = load(engine)
    spec.check(network)
    inputs = as_inputs(network, spikes, copy=engine not in READS_ANY)
    raise_errors(loaded.refusals(network))
    kept = chosen(network, only)
    job = Job(network, inputs, wanted(network, record), raw, progress or (lambda done, total: None), options, kept)
    trace = run_samples(job, loaded.run) if per_sample(network) else loaded.run(job)
    return reduced(trace, kept)
