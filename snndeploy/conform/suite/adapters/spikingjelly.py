"""SpikingJelly's own importer, told dt."""

from __future__ import annotations

from typing import Any

from snndeploy.conform.suite.adapters.stepping import stepped
from snndeploy.network.arrays import Array


def run(graph: Any, input: Any, dt: float) -> Array:
    """Spikes; raises what the importer raises."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return stepped(import_from_nir(graph, dt=dt), input)
