"""What every core does in every step of a trace: synaptic operations, updates, spikes, messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.engines import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement.rates import events

# neurons times bins that are looked at together
CHUNK = 2**24


@dataclass(frozen=True, eq=False)
class Work:
    """Whole numbers, float64 (cores, bins); a bin is one step of one sample.

    Attributes:
        synaptic_operations: spikes that arrive, each once per synapse that it has on the core. Those that would arrive
            behind the end of the sample do not.
        active_low, active_high: neurons that change: whose u or v is not 0 after the step, or that spike. Where a trace
            holds no u and v: those that spike, and all.
        neurons: float64 (cores, 1).
        received, sent: messages, one per spike, projection and core that it reaches.
    """

    synaptic_operations: Array
    active_low: Array
    active_high: Array
    neurons: Array
    spikes: Array
    received: Array
    sent: Array


def works(network: Network, core_of: Mapping[str, Array], axons: Mapping[str, Any], trace: Trace) -> Iterator[Work]:
    """The work of all samples, some of them at a time.

    Args:
        axons: from `traffic.reached`.
    """
    size = sum(int(np.prod(shape)) for shape in network.shapes.values())
    at_once = max(1, CHUNK // (size * trace.steps))
    routes = [_route(network, core_of, axons, i) for i in range(len(network.projections))]
    for start in range(0, trace.batch, at_once):
        yield _work(network, core_of, routes, trace, slice(start, start + at_once))


@dataclass(frozen=True, eq=False)
class _Route:
    """A projection: synapses per core and source neuron, where there are any, and cores that each source reaches."""

    source: str
    delay: int
    synapses: Any
    there: Any
    sends: Any


def _route(network: Network, core_of: Mapping[str, Array], axons: Mapping[str, Any], i: int) -> _Route:
    from scipy import sparse

    p = network.projections[i]
    counts = axons[p.name]
    there = sparse.csr_array((np.ones(counts.nnz), counts.indices, counts.indptr), counts.shape)
    sends = None
    if p.source in core_of:
        reach = np.asarray(there.sum(axis=0)).ravel()
        on = core_of[p.source]
        sends = sparse.csr_array((reach, (on, np.arange(len(on)))), counts.shape)
    return _Route(p.source, p.delay, counts.astype(np.float64), there, sends)


def _work(network: Network, core_of: Mapping[str, Array], routes: list[_Route], trace: Trace, samples: slice) -> Work:
    from scipy import sparse

    cores = 1 + max(int(on.max()) for on in core_of.values())
    steps = trace.steps
    batch = len(range(*samples.indices(trace.batch)))
    operations, low, high, spikes, received, sent = (np.zeros((cores, steps, batch)) for _ in range(6))
    neurons = np.zeros(cores)
    seen: dict[str, Array] = {}
    for route in routes:
        if route.source not in seen:
            seen[route.source] = _columns(events(network, trace, route.source)[:, samples])
        x = seen[route.source]
        if route.delay < steps:
            late = route.delay
            operations[:, late:] += _onto(route.synapses, x, steps, batch)[:, : steps - late]
            received[:, late:] += _onto(route.there, x, steps, batch)[:, : steps - late]
        if route.sends is not None:
            sent += _onto(route.sends, x, steps, batch)
    for each in network.populations:
        on, size = core_of[each.name], len(core_of[each.name])
        hosts = sparse.csr_array((np.ones(size), (on, np.arange(size))), (cores, size))
        count = np.bincount(on, minlength=cores)
        neurons += count
        fired: Any = None
        if each.rule.spiking and each.name in trace.spikes:
            fired = _columns(trace.spikes[each.name][:, samples])
            there = _onto(hosts, fired, steps, batch)
            spikes += there
        if each.name in trace.u and each.name in trace.v:
            moved = _columns(trace.u[each.name][:, samples]) | _columns(trace.v[each.name][:, samples])
            count_moved = _onto(hosts, moved if fired is None else moved | fired, steps, batch)
            low += count_moved
            high += count_moved
        else:
            low += 0 if fired is None else there
            high += count[:, None, None]
    flat = [x.reshape(cores, -1) for x in (operations, low, high, spikes, received, sent)]
    return Work(flat[0], flat[1], flat[2], neurons[:, None], *flat[3:])


def _columns(x: Array) -> Array:
    """Where x (time, batch, ...) is not 0, bool (neurons, time·batch)."""
    return np.asarray(x.reshape(x.shape[0] * x.shape[1], -1) != 0).T


def _onto(matrix: Any, x: Array, steps: int, batch: int) -> Array:
    return np.asarray(matrix @ x.astype(np.float64)).reshape(-1, steps, batch)
