"""Spike rates: how often neurons spike, and a penalty on those that spike less or more than they should."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from snndeploy.errors import Finding, raise_errors

Bands = Mapping[str, tuple[float, float]]
ALL = "*"


def penalty(rate: Tensor, low: float, high: float) -> Tensor:
    """Mean over the neurons of max(0, low - r)² + max(0, r - high)²; `rate` r: spikes per step and sample of each.

    Its gradient is 2/N · ((r - high)⁺ - (low - r)⁺). Zenke and Vogels, Neural Computation 33(4), 2021.
    """
    return ((low - rate).clamp_min(0).square() + (rate - high).clamp_min(0).square()).mean()


def bands_of(rates: Bands | None, populations: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The band of every population that has one; "*" stands for all that are not named.

    Raises:
        SnnDeployError SD807: there is no such population.
    """
    known = list(populations)
    raise_errors(
        Finding("SD807", f"population {name!r}", "there is no such population", f"choose from {', '.join(known)}, *")
        for name in rates or {}
        if name not in (*known, ALL)
    )
    found = {name: band for name, band in (rates or {}).items() if name != ALL}
    everywhere = (rates or {}).get(ALL)
    if everywhere is not None:
        found |= {name: everywhere for name in known if name not in found}
    return found


def whole(count: Tensor) -> Tensor:
    """The sum over all processes; its gradient goes to each of them."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        from torch.distributed.nn.functional import all_reduce

        summed: Tensor = all_reduce(count)  # type: ignore[no-untyped-call]
        return summed
    return count
