"""Lava 0.10.0: the process models of Intel's framework for Loihi, in floating point and in Loihi's integers.

Mode "inline" (the default) runs Lava's models in this process; mode "runtime" runs Lava's official runtime in an
interpreter of its own. Both compute the same bits. A population that Lava's LIF cannot hold exactly runs on RuleLIF,
a Lava process of our own; `Trace.notes` says which process ran what.
"""

from __future__ import annotations

import numpy as np

from snndeploy.engines.base import Job, check_options
from snndeploy.engines.lava import inline, patches, runtime
from snndeploy.engines.lava.plan import Plan, plan
from snndeploy.engines.lava.refusals import overflows, refusals
from snndeploy.engines.trace import Trace
from snndeploy.errors import error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.registers import Registers

__all__ = ["missing", "refusals", "run"]

MODES = ("inline", "runtime")


def missing() -> str | None:
    return patches.missing()


def run(job: Job) -> Trace:
    """Runs T + L steps and returns network time, or all engine steps if `raw`.

    Options:
        mode: "inline" or "runtime".
        timeout: seconds after which a run of Lava's runtime is ended.

    Raises:
        SnnDeployError SD511: an accumulation may leave 32 bits. SD512: Lava's code raised. SD513: Lava's runtime
            failed or did not end. SD514: no such mode or timeout.
    """
    options = check_options("lava", job.options, {"mode": "inline", "timeout": 600.0})
    mode = options["mode"]
    if mode not in MODES:
        raise error("SD514", "engine 'lava', mode", f"{mode!r} is none of its modes", f"choose from {', '.join(MODES)}")
    timeout = options["timeout"]
    if not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
        raise error("SD514", "engine 'lava', timeout", f"{timeout!r} is not a positive time", "give seconds")
    raise_errors(overflows(job.network, job.inputs))
    planned = plan(job.network)
    inputs = dict(job.inputs)
    if mode == "inline":
        rows = list(inline.run_samples(planned, inputs, job.record, job.progress))
    else:
        rows = runtime.run_samples(planned, inputs, job.record, timeout)
        steps = next(iter(inputs.values())).shape[0]
        job.progress(steps, steps)
    spikes, u, v = ({} if what not in job.record else _join(job, planned, rows, what) for what in ("spikes", "u", "v"))
    dtype = "int" if planned.form == "integer" else "float64"
    engine = f"lava {mode} {patches.VERSION}"
    return Trace(
        job.network, engine, dtype, job.inputs, spikes, u, v, dict(planned.latency), planned.notes, raw=job.raw
    )


def _join(job: Job, planned: Plan, rows: list[dict[str, dict[str, Array]]], what: str) -> dict[str, Array]:
    """Samples side by side, in network time unless raw, in the shapes of the network."""
    steps = next(iter(job.inputs.values())).shape[0]
    joined = {}
    for each in job.network.populations:
        if each.name not in rows[0][what]:
            continue
        late = planned.latency[each.name]
        window = slice(None) if job.raw else slice(late, late + steps)
        array = np.stack([sample[what][each.name][window] for sample in rows], axis=1)
        if what != "spikes":
            array = array.astype(np.int64 if isinstance(each.rule, Registers) else np.float64)
        # u has an axis of receptors, which the network form drops where there is one only
        receptors = array.shape[2:-1] if array.ndim > 3 and array.shape[2] > 1 else ()
        joined[each.name] = array.reshape(*array.shape[:2], *receptors, *each.shape)
    return joined
