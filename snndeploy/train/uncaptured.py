"""A module that cannot be captured, over time: trained knowingly as something that cannot be deployed."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from snndeploy.errors import error
from snndeploy.train.pieces import clear
from snndeploy.train.unrolled import Inputs, Signals

PLACES = ("outside", "inside", "batch-first", "held")


class Uncaptured(nn.Module):
    """`forward(inputs) -> Signals` of a module of which nothing is known but where its loop over time is.

    The first that forward returns is the output. With the loop outside, what it returns behind the first are states:
    they go back into its other arguments, in their order, and are None at the start.

    Args:
        time: "outside", "inside", "batch-first" or "held", as for `capture`; None: outside.

    Raises:
        SnnDeployError SD807: there is no such place, or forward returns something else than tensors.
    """

    def __init__(self, module: nn.Module, time: str | None = None):
        super().__init__()
        if time not in (None, *PLACES):
            raise error("SD807", f"time {time!r}", "there is no such place", f"choose from {', '.join(PLACES)}")
        self.module, self.time = module, time or "outside"
        self.full_states = False
        self.counted: list[str] = []
        known = [p for p in inspect.signature(module.forward).parameters.values() if p.kind != p.VAR_KEYWORD]
        self.states = {p.name: p.default is p.empty for p in known if p.kind != p.VAR_POSITIONAL}

    def forward(self, inputs: Inputs) -> Signals:
        clear(self.module)
        try:
            return Signals(self._steps(inputs) if self.time == "outside" else self._whole(inputs), {})
        finally:
            clear(self.module)

    def _steps(self, inputs: Inputs) -> Tensor:
        names = list(self.states)[len(inputs) :]
        states: dict[str, Any] = {name: None for name in names if self.states[name]}
        rows = []
        for t in range(len(next(iter(inputs.values())))):
            result = self.module(*(x[t] for x in inputs.values()), **states)
            out, back = (result[0], result[1:]) if isinstance(result, tuple) else (result, ())
            states = dict(zip(names, back, strict=False))
            rows.append(_tensor(self.module, out))
        return torch.stack(rows)

    def _whole(self, inputs: Inputs) -> Tensor:
        axis = 1 if self.time == "batch-first" else 0
        result = self.module(*(x[0] if self.time == "held" else x.movedim(0, axis) for x in inputs.values()))
        out = result[0] if isinstance(result, tuple) else result
        out = torch.stack(out) if isinstance(out, list) else _tensor(self.module, out)
        return out if out.ndim < 3 else out.movedim(axis, 0)


def _tensor(module: nn.Module, out: Any) -> Tensor:
    if not isinstance(out, Tensor):
        what = f"its forward returns {type(out).__name__} in the place of a tensor"
        raise error("SD807", type(module).__name__, what, "return the output first, then the states")
    return out
