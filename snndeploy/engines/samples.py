"""Networks with a bias per sample: a network for each sample, run one after the other and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample, with_bias

RECORDED = ("spikes", "u", "v")


def run_samples(job: Job, run: Callable[[Job], Trace]) -> Trace:
    """The trace of `job`, whose network has inputs of kind "bias"; samples of the same bias run together."""
    biases = per_sample(job.network)
    batch = next(iter(job.inputs.values())).shape[1]
    groups: dict[bytes, list[int]] = {}
    for b in range(batch):
        key = b"".join(np.ascontiguousarray(job.inputs[each.name][0, b]).tobytes() for each in biases)
        groups.setdefault(key, []).append(b)
    whole: dict[str, dict[str, Array]] = {what: {} for what in RECORDED}
    done = 0
    trace: Trace | None = None
    for members in groups.values():
        network = with_bias(job.network, {each.name: job.inputs[each.name][0, members[0]] for each in biases})
        inputs = {name: array[:, members] for name, array in job.inputs.items()}
        for each in biases:
            inputs[each.name] = np.zeros((*inputs[each.name].shape[:2], 1), np.int64)
        trace = run(replace(job, network=network, inputs=inputs, progress=lambda done, total: None))
        for what in RECORDED:
            _keep(whole[what], getattr(trace, what), members, batch)
        done += len(members)
        job.progress(done, batch)
    assert trace is not None
    spikes, u, v = (whole[what] for what in RECORDED)
    return replace(trace, network=job.network, inputs=job.inputs, spikes=spikes, u=u, v=v)


def _keep(whole: dict[str, Array], part: Mapping[str, Array], members: list[int], batch: int) -> None:
    for name, array in part.items():
        if name not in whole:
            whole[name] = np.zeros((array.shape[0], batch, *array.shape[2:]), array.dtype)
        whole[name][:, members] = array
