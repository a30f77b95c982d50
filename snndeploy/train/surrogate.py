"""What stands for the derivative of a spike: a function of x = (p - theta) / theta, 1 at 0 (times 1/theta)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snndeploy.errors import error

Surrogate = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class Slope:
    """One of the functions, with its slope."""

    name: str
    slope: float

    def __call__(self, x: Tensor) -> Tensor:
        return SURROGATES[self.name](x, self.slope)


def fast_sigmoid(x: Tensor, slope: float) -> Tensor:
    """1 / (1 + slope·|x|)². Zenke and Ganguli, Neural Computation 30(6), 2018 (SuperSpike); snnTorch's fast_sigmoid."""
    return 1 / (1 + slope * x.abs()).square()


def atan(x: Tensor, slope: float) -> Tensor:
    """1 / (1 + (pi/2·slope·x)²). Fang et al., ICCV 2021; snnTorch's atan."""
    return 1 / (1 + (torch.pi / 2 * slope * x).square())


def triangle(x: Tensor, slope: float) -> Tensor:
    """max(0, 1 - slope·|x|). Bellec et al., NeurIPS 2018."""
    return (1 - slope * x.abs()).clamp_min(0)


def straight_through(x: Tensor, slope: float) -> Tensor:
    """1 everywhere; `slope` has no part in it."""
    del slope
    return torch.ones_like(x)


SURROGATES: dict[str, Surrogate] = {each.__name__: each for each in (fast_sigmoid, atan, triangle, straight_through)}


def surrogate(name: str, slope: float) -> Slope:
    """The surrogate of that name. Raises SD807 where there is none, or its slope is not positive."""
    if name not in SURROGATES:
        raise error(
            "SD807", f"surrogate {name!r}", "there is no such surrogate", f"choose from {', '.join(SURROGATES)}"
        )
    if not 0 < slope < float("inf"):
        raise error("SD807", f"surrogate {name!r}", f"its slope is {slope:g}", "give a finite number above 0")
    return Slope(name, slope)
