"""Times of several functions, taken in turns, so that whatever else the machine does falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Times:
    """Seconds of every repetition, in their order."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def as_dict(self) -> dict[str, Any]:
        return {
            "median_s": self.median,
            "least_s": min(self.seconds),
            "most_s": max(self.seconds),
            "repeats": len(self.seconds),
        }


def in_turns(functions: Mapping[str, Callable[[], Any]], repeats: int, warm: int = 1) -> dict[str, Times]:
    """A B C A B C ...; the first `warm` rounds are not counted."""
    kept: dict[str, list[float]] = {name: [] for name in functions}
    for i in range(warm + repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if i >= warm:
                kept[name].append(time.perf_counter() - start)
    return {name: Times(tuple(each)) for name, each in kept.items()}


def ratio(a: Times, b: Times) -> float:
    """How many times as long `a` takes as `b`: the median over rounds, in which both ran one after the other."""
    return statistics.median(x / y for x, y in zip(a.seconds, b.seconds, strict=True))
