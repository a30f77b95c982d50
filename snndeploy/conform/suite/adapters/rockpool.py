"""Rockpool's own importer. Its modules take (batch, time, neurons)."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array

# importing rockpool imports samna, if it is installed, and that runs pip to replace itself: it is not needed here
sys.modules.setdefault("samna", None)  # type: ignore[arg-type]


def run(graph: Any, input: Any, dt: float) -> Array:
    """Spikes, of which a neuron may give several in a step; raises what the importer raises. It guesses dt from r."""
    import torch
    from rockpool.nn.modules.torch.nir import from_nir

    del dt
    x = torch.from_numpy(np.asarray(input, np.float32).swapaxes(0, 1).copy())
    with torch.no_grad():
        found = from_nir(graph)(x)
    y = found[0] if isinstance(found, tuple) else found
    return np.asarray(y.numpy().swapaxes(0, 1))
