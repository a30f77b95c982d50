"""Which of several units computes a sum of products: the one that is expected to take less time on these data.

All of them compute the same numbers, so that a choice never changes a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Protocol

import numpy as np

from snndeploy.network.arrays import Array

# Seconds per unit of cost before anything was measured: of a core of 2023, and rather too little, so that what may be
# faster is tried.
EXPECTED = {"events": 0.05e-9, "int8 products": 1e-12, "float32 products": 6e-12, "float64 products": 12e-12}


class Unit(Protocol):
    """Computes `out: int32 (rows, targets)` from `x (rows, sources)`."""

    @property
    def label(self) -> str: ...

    @property
    def finished(self) -> bool:
        """Whether `out` is the drive; else sums of mantissas, each divided by the format's step."""

    @property
    def row_bytes(self) -> int:
        """Memory that a row takes besides `out`."""

    def cost(self, rows: int, events: int) -> float:
        """What is to be done for `rows` rows with `events` numbers other than 0, in a measure of its own."""

    def __call__(self, x: Array, out: Array) -> None: ...


class Choice:
    """Units that do the same. Remembers the least time that each took, and how many rows it did."""

    def __init__(self, units: Sequence[Unit]):
        self.units = list(units)
        self.seconds = [EXPECTED[each.label] for each in units]
        self.measured = [False] * len(self.units)
        self.rows = [0] * len(self.units)

    def __call__(self, x: Array, out: Array) -> Unit:
        """Computes, and returns the unit that did it."""
        if len(self.units) == 1:
            self.rows[0] += len(x)
            self.units[0](x, out)
            return self.units[0]
        events = int(np.count_nonzero(x))
        costs = [each.cost(len(x), events) for each in self.units]
        best = min(range(len(costs)), key=lambda i: costs[i] * self.seconds[i])
        start = perf_counter()
        self.units[best](x, out)
        took = (perf_counter() - start) / max(costs[best], 1)  # a projection may have no synapse
        self.seconds[best] = min(took, self.seconds[best]) if self.measured[best] else took
        self.measured[best] = True
        self.rows[best] += len(x)
        return self.units[best]

    def told(self) -> str:
        """ "int8 products", or "events for 30 % of the rows, int8 products for 70 %"."""
        used = [(each.label, rows) for each, rows in zip(self.units, self.rows, strict=True) if rows]
        total = sum(rows for _, rows in used)
        if len(used) == 1:
            return used[0][0]
        return ", ".join(f"{label} for {rows / total:.0%} of the rows" for label, rows in used)
