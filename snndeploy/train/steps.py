"""An optimizer for numbers on a grid: the sizes of the updates within one array keep their proportions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class Steps(torch.optim.Optimizer):
    """Momentum over the root mean square of the whole array's gradients::

        m = b1·m + (1 - b1)·g    n = b2·n + (1 - b2)·mean(g²)    w -= lr · m/(1 - b1^k) / sqrt(n/(1 - b2^k))

    Adam with one second moment for an array instead of one for each number (Zhang et al., Adam-mini, ICLR 2025). Adam
    itself moves every number alike, also those whose gradient is noise, and a weight that moves to the next mantissa
    moves by much: here a few weights cross to theirs and the others stay.

    Args:
        groups: dicts of "params" and "lr", in the units of the numbers.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], betas: tuple[float, float] = (0.9, 0.99)):
        super().__init__(groups, {"lr": 1.0, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update. `closure` has no part in it."""
        del closure
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for each in group["params"]:
                if each.grad is None:
                    continue
                state = self.state[each]
                if not state:
                    state |= {"k": 0, "m": torch.zeros_like(each), "n": torch.zeros((), device=each.device)}
                state["k"] += 1
                state["m"].lerp_(each.grad, 1 - b1)
                state["n"].lerp_(each.grad.square().mean(), 1 - b2)
                scale = (state["n"] / (1 - b2 ** state["k"])).sqrt().clamp_min(1e-30)
                each.sub_(group["lr"] / (1 - b1 ** state["k"]) * state["m"] / scale)
