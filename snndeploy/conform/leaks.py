"""Does a sample depend on those beside it? In another order and alone it must come out the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from snndeploy.conform.compare import compare
from snndeploy.conform.verification import Leak
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

# samples that are run again
SAMPLES = 3


def leak(
    network: Network, inputs: Mapping[str, Array], trace: Trace, again: Callable[[Mapping[str, Array]], Trace]
) -> Leak:
    """Runs the last samples again, backwards as one batch and the last one alone, and compares them with `trace`.

    Spikes, u and v of integers must be equal, spikes of floats equal but for proven ties: sums may be rounded in
    another order in a batch of another size.

    Args:
        trace: of all samples. again: runs an engine on other inputs, and records the same.
    """
    count = trace.batch
    ways = {"reversed": np.arange(count)[::-1][:SAMPLES], "alone": np.array([count - 1])}
    if count > 1:
        ways["alone"] = np.array([count // 2])
    found: dict[str, int] = {}
    ties = 0
    for way, chosen in ways.items():
        other = again({name: np.ascontiguousarray(array[:, chosen]) for name, array in inputs.items()})
        moved, tied = _moved(picked(trace, chosen), other)
        found[way], ties = moved, ties + tied
    return Leak(found, sum(found.values()), ties, hidden(network, inputs))


def _moved(expected: Trace, other: Trace) -> tuple[int, int]:
    """Samples that differ, and how many of them by proven ties alone."""
    kinds = ("spikes", "u", "v") if expected.network.form == "integer" else ("spikes",)
    differs: Array = np.zeros(expected.batch, bool)
    for what in kinds:
        one, two = getattr(expected, what), getattr(other, what)
        for name in one.keys() & two.keys():
            differs |= (one[name] != two[name]).reshape(len(one[name]), expected.batch, -1).any(axis=(0, 2))
    count = int(differs.sum())
    if not count or expected.network.form == "integer":
        return count, 0
    return count, sum(
        compare(picked(expected, np.array([i])), picked(other, np.array([i]))).agrees for i in np.flatnonzero(differs)
    )


def picked(trace: Trace, samples: Array) -> Trace:
    """A trace of some of its samples."""
    inputs, spikes, u, v = (
        {name: array[:, samples] for name, array in held.items()}
        for held in (trace.inputs, trace.spikes, trace.u, trace.v)
    )
    return replace(trace, inputs=inputs, spikes=spikes, u=u, v=v)


def hidden(network: Network, inputs: Mapping[str, Array]) -> tuple[str, ...]:
    """Populations of the captured module that take up where its last call ended; () without one."""
    if network.source is None:
        return ()
    from snndeploy.engines.framework import remembers

    return tuple(remembers(network, {name: array[:, :1] for name, array in inputs.items()}))
