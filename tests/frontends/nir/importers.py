"""Norse's and snnTorch's own importers, run step by step on a file."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from snndeploy.engines import run
from snndeploy.network import Network
from snndeploy.report.exporters import imported


def opened(graph: Any, reader: str, network: Network, notes: tuple[str, ...]) -> torch.nn.Module:
    """The graph of a file as the library imports it, as the notes of `write` say."""
    return imported(reader, graph, network.dt, "reset_subtract" in notes[0])


def first_difference(network: Network, x: np.ndarray, theirs: np.ndarray) -> tuple[int, float] | None:
    """(differing bins, margin of the membrane at the first of them) of the only output; None if there is none."""
    (name,) = network.outputs
    ours = run(network, x).spikes[name]
    differing = np.argwhere(ours != theirs.reshape(ours.shape))
    if not len(differing):
        return None
    return len(differing), closest(network, x, int(differing[0][0]))


def closest(network: Network, x: np.ndarray, step: int) -> float:
    """How close any candidate comes to its threshold up to a step, relative to the threshold."""
    from snndeploy.engines.reference.float_rule import FloatState

    kept: list[float] = []
    original = FloatState.step

    def step_and_keep(self: Any, t: int, drive: Any) -> Any:
        out = original(self, t, drive)
        if self.rule.threshold is not None:
            kept.append(float(np.abs(self.p - self.rule.threshold).min()))
        return out

    FloatState.step = step_and_keep  # type: ignore[method-assign]
    try:
        run(network, x[: step + 1])
    finally:
        FloatState.step = original  # type: ignore[method-assign]
    return min(kept)
