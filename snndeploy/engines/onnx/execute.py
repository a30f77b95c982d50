"""Models in onnxruntime: made once per job, fed chunk by chunk or step by step, the state handed on."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from snndeploy.engines.base import Job, Progress
from snndeploy.engines.onnx.settings import Options
from snndeploy.engines.trace import Trace
from snndeploy.errors import error
from snndeploy.frontends.onnx import OPSET_MIN, Interface, Settings, build
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_work
from snndeploy.network.network import COUNTED, Network

# how many numbers one chunk may hold: 32 to 64 MiB for each array of them
CHUNK_NUMBERS = 2**23


def session(model: bytes, threads: int = 0) -> Any:
    """A session of onnxruntime on the CPU that gives the same for the same input."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def chunk_size(network: Network, steps: int, batch: int) -> int:
    """Steps per chunk, so that a chunk's emissions, and the windows of its largest map, stay within `CHUNK_NUMBERS`."""
    emitted = sum(prod(shape) for shape in network.shapes.values())
    windows = max((chain_work(p.maps, network.shapes[p.source]) for p in network.projections), default=0)
    return max(1, min(steps, CHUNK_NUMBERS // (batch * max(emitted, windows))))


def execute(job: Job, by: Options) -> Trace:
    """Runs a job. The result does not depend on the size of the chunks but for rounding in the float form."""
    import onnxruntime

    network = job.network
    steps, batch = next(iter(job.inputs.values())).shape[:2]
    largest = {each.name: int(np.abs(job.inputs[each.name]).max()) for each in network.given if each.kind in COUNTED}
    kept_of = tuple(name for name in network.population if job.only is None or name in job.only)
    # every version of onnxruntime runs the oldest opset. float32 convolutions are exact here where they are chosen:
    # onnxruntime's kernels for CPUs compute in IEEE float32
    chosen = Settings(by.graph, by.dtype, None, True, job.record, kept_of, largest, True, OPSET_MIN)
    running, names = _prepared(network, chosen, by.threads)
    chunk = chunk_size(network, steps, batch)
    found = feed_through(running, names, job.inputs, by.graph == "step", chunk, job.progress)
    integer = network.form == "integer"
    kept = {
        what: {
            name: found[tensor].astype(np.int64) if integer and what != "spikes" else found[tensor]
            for name, tensor in getattr(names, what).items()
            if what in job.record
        }
        for what in ("spikes", "u", "v")
    }
    label = f"onnx {by.graph} {onnxruntime.__version__}"
    arithmetic = "int" if integer else by.dtype
    return Trace(network, label, arithmetic, job.inputs, kept["spikes"], kept["u"], kept["v"], raw=job.raw)


def _finite(held: Mapping[str, Array]) -> None:
    """Raises SnnDeployError SD543 where a state has left the range of its type: it is not a number from then on."""
    for name, rows in held.items():
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            what = f"{np.count_nonzero(~np.isfinite(rows)):,} of {rows.size:,} values have left {rows.dtype}"
            raise error("SD543", f"state {name.removesuffix('.before')!r}", what, 'dtype="float64", or smaller inputs')


# the last sessions of each network, which a data set in many parts runs again and again
_sessions: WeakKeyDictionary[Network, dict[Any, tuple[Any, Interface]]] = WeakKeyDictionary()
SESSIONS = 4


def _prepared(network: Network, chosen: Settings, threads: int) -> tuple[Any, Interface]:
    """A session and the names of its model, made once for a network and its settings."""
    held = _sessions.setdefault(network, {})
    signed = {each.name for each in network.inputs if each.kind == "signed"}
    counts = tuple((name, chosen.count_type(name, name in signed)) for name in sorted(chosen.largest))
    key = (chosen.form, chosen.dtype, chosen.record, chosen.populations, counts, threads)
    if key not in held:
        model, names = build(network, chosen)
        if len(held) == SESSIONS:
            held.pop(next(iter(held)))
        held[key] = session(model.SerializeToString(), threads), names
    return held[key]


def feed_through(
    running: Any,
    names: Interface,
    inputs: Mapping[str, Array],
    single: bool,
    chunk: int,
    progress: Progress = lambda done, total: None,
) -> dict[str, Array]:
    """Every recorded tensor of a session, (steps, batch, ...).

    Args:
        inputs: (steps, batch, *shape) by name of input.
        single: the graph is one step. chunk: else so many steps at once; all of them where it carries no state.
    """
    steps, batch = next(iter(inputs.values())).shape[:2]
    tensors = [tensor for each in (names.spikes, names.u, names.v) for tensor in each.values()]
    wanted = [*tensors, *(state.after for state in names.states)]
    held: dict[str, Array] = {name: np.zeros(shape, kind) for name, (kind, shape) in names.zeros(batch).items()}
    whole: dict[str, Array] = {}
    chunk = 1 if single else chunk
    for start in range(0, steps, chunk):
        now = min(chunk, steps - start)
        feed = dict(held)
        for name, tensor in names.inputs.items():
            rows = inputs[name][start] if single else inputs[name][start : start + now]
            feed[tensor] = np.ascontiguousarray(rows).astype(names.types[tensor])
        given = running.run(wanted, feed)
        for tensor, rows in zip(tensors, given, strict=False):
            part = rows[None] if single else rows
            if tensor not in whole:
                whole[tensor] = np.empty((steps, *part.shape[1:]), part.dtype)
            whole[tensor][start : start + now] = part
        after = zip(names.states, given[len(tensors) :], strict=True)
        held = {state.before: rows for state, rows in after}
        _finite(held)
        progress(start + now, steps)
    return whole
