"""Random numbers of an instance: generic ones, or coarse ones (dyadic, few bits), whose membranes meet thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn


class Draw:
    """One generator per instance; `coarse` is decided once, so that all numbers of an instance are of one kind."""

    def __init__(self, *seed: int):
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(int(self.rng.integers(2**31)))
        self.coarse = bool(self.rng.random() < 0.5)

    def flag(self, chance: float = 0.5) -> bool:
        return bool(self.rng.random() < chance)

    def whole(self, low: int, high: int) -> int:
        """low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def array(self, low: float, high: float, shape: tuple[int, ...] = (), grid: int = 16) -> np.ndarray:
        drawn = self.rng.uniform(low, high, shape)
        if self.coarse:
            drawn = np.clip(np.round(drawn * grid) / grid, np.ceil(low * grid) / grid, np.floor(high * grid) / grid)
        return np.asarray(drawn, np.float32)

    def number(self, low: float, high: float) -> float:
        return float(self.array(low, high))

    def tensor(self, low: float, high: float, shape: tuple[int, ...] = ()) -> torch.Tensor:
        return torch.from_numpy(self.array(low, high, shape))

    def some(self, low: float, high: float, shape: tuple[int, ...]) -> float | torch.Tensor:
        """A number, a tensor of one, or one number per neuron, with or without the axis of the batch."""
        how = self.whole(0, 4)
        if how < 2:
            return self.number(low, high)
        return self.tensor(low, high, ((), (1,), shape, (1, *shape))[self.whole(0, 3)])

    def loud(self, layer: Any, gain: float = 1.5, mean: float = 0.25) -> Any:
        """Weights with which neurons fire, and not always."""
        with torch.no_grad():
            fan = layer.weight[0].numel()
            drawn = self.rng.normal(gain * mean / np.sqrt(fan), gain / np.sqrt(fan), tuple(layer.weight.shape))
            layer.weight.copy_(torch.from_numpy(self.rounded(drawn)))
            if layer.bias is not None:
                layer.bias.copy_(torch.from_numpy(self.rounded(self.rng.uniform(-0.2, 0.3, len(layer.bias)))))
        return layer

    def rounded(self, values: np.ndarray, grid: int = 8) -> np.ndarray:
        return np.asarray(np.round(values * grid) / grid if self.coarse else values, np.float32)

    def sample(self, shape: tuple[int, ...], steps: int = 0, batch: int = 0, kind: str = "") -> np.ndarray:
        """Binary, counts or real numbers, float32 (steps, batch, *shape)."""
        size = (steps or self.whole(20, 32), batch or self.whole(2, 3), *shape)
        rate = self.rng.uniform(0.25, 0.7)
        match kind or self.one("binary", "counts", "real"):
            case "binary":
                return (self.rng.random(size) < rate).astype(np.float32)
            case "counts":
                return self.rng.poisson(rate, size).astype(np.float32)
        return self.rounded(self.rng.normal(0.4, 1.0, size), 4)

    def linear(self, size_in: int, size_out: int, gain: float = 1.5) -> nn.Linear:
        layer: nn.Linear = self.loud(nn.Linear(size_in, size_out, bias=self.flag(0.7)), gain)
        return layer
