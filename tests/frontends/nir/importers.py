"""Norse's and snnTorch's own importers, run step by step on a file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import Any

import numpy as np
import torch

from snndeploy.engines import run
from snndeploy.network import Network


def build(graph: Any, reader: str, dt: float = 1e-4, subtract: bool = False) -> torch.nn.Module:
    """What the importer makes of a graph."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if reader == "snntorch":
            from snntorch.import_nir import import_from_nir

            return import_from_nir(graph)
        import norse.torch

        way = norse.torch.functional.reset.reset_subtract if subtract else norse.torch.functional.reset.reset_value
        logging.disable(logging.WARNING)
        try:
            return norse.torch.from_nir(graph, dt=dt, reset_method=way)
        finally:
            logging.disable(logging.NOTSET)


def play(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """Its output for `x: (time, batch, *shape)`, its state handed on."""
    state, out = None, []
    with torch.no_grad():
        for step in torch.as_tensor(x).float():
            y, state = module(step) if state is None else module(step, state)
            out.append(y.numpy())
    return np.stack(out)


def opened(graph: Any, reader: str, network: Network, notes: tuple[str, ...]) -> torch.nn.Module:
    """The graph of a file as the library imports it, as the notes of `write` say."""
    return build(graph, reader, network.dt, "reset_subtract" in notes[0])


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
