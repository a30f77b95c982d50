"""Sinabs' own importer. Its layers count tau in steps, and take all steps of a batch along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.network.arrays import Array

TIMES = ("tau", "tau_mem", "tau_syn")


def run(graph: Any, input: Any, dt: float) -> Array:
    """Spikes, of which a neuron may give several in a step; raises what the importer raises."""
    import torch
    from sinabs.nir import from_nir

    for node in graph.nodes.values():
        for name in TIMES:
            if hasattr(node, name):
                setattr(node, name, getattr(node, name) / dt)
    x = np.asarray(input, np.float32)
    steps, batch = x.shape[:2]
    with torch.no_grad():
        found = from_nir(graph, batch_size=batch)(
            torch.from_numpy(x.swapaxes(0, 1).reshape(batch * steps, *x.shape[2:]))
        )
    y = (found[0] if isinstance(found, tuple) else found).numpy()
    return np.asarray(y.reshape(batch, steps, *y.shape[1:]).swapaxes(0, 1))
