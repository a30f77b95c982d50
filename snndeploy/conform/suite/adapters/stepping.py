"""What imported modules have in common: they take a step, and hand on a state or keep it."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.network.arrays import Array


def stepped(module: Any, x: Any, double: bool = False) -> Array:
    """What a module that takes one step gives for x: (time, batch, *shape), its state handed on."""
    import torch

    state, rows = None, []
    with torch.no_grad():
        for step in torch.as_tensor(np.asarray(x)).to(torch.float64 if double else torch.float32):
            result = module(step) if state is None else module(step, state)
            y, state = result if isinstance(result, tuple) else (result, None)
            rows.append(y.detach().numpy().copy())
    return np.stack(rows)
