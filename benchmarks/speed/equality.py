"""Whether two engines give the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np

import snndeploy as sd
from snndeploy.engines.trace import Trace
from snndeploy.network import Network

RECORD = ("spikes", "u", "v")


def outputs(network: Network, x: Any, engine: str = "torch", **options: Any) -> Trace:
    """A run that keeps what the outputs emit, which is what a module returns."""
    return sd.run(network, x, engine, only=network.outputs, **options)


def differing(a: Trace, b: Trace, record: tuple[str, ...] = RECORD) -> tuple[int, int]:
    """(numbers that differ, numbers compared), over all populations."""
    wrong = whole = 0
    for what in record:
        left, right = getattr(a, what), getattr(b, what)
        assert left.keys() == right.keys()
        for name in left:
            wrong += int(np.count_nonzero(left[name] != right[name]))
            whole += left[name].size
    return wrong, whole


def against_reference(network: Network, x: Any, engine: str = "torch", **options: Any) -> tuple[int, int]:
    """An engine beside the reference, on spikes, u and v of all populations."""
    return differing(sd.run(network, x, engine, RECORD, **options), sd.run(network, x, "reference", RECORD))
