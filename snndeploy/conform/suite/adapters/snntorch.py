"""snnTorch's own importer, as its documentation calls it. It assumes dt = 1e-4."""

from __future__ import annotations

from typing import Any

from snndeploy.conform.suite.adapters.stepping import stepped
from snndeploy.network.arrays import Array


def run(graph: Any, input: Any, dt: float) -> Array:
    """Spikes; raises what the importer raises."""
    from snntorch.import_nir import import_from_nir

    del dt
    return stepped(import_from_nir(graph), input)
