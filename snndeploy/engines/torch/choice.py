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
# Times are the least that were seen, and believed once there are so many: the first one may include a start.
TRIALS = 2
# Every so many rows of tiles, what may be up to so many times slower is timed again.
AGAIN, SLOWER = 32, 3


class Unit(Protocol):
    """Computes `out: int32 (rows, targets)` from `x (rows, sources)`."""

    @property
    def label(self) -> str: ...

    @property
    def factor(self) -> int | None:
        """By what `out` is larger than sums of mantissas divided by the format's step; None: it is the drive."""

    @property
    def row_bytes(self) -> int:
        """Memory that a row takes besides `out`."""

    def cost(self, rows: int, events: int) -> float:
        """What is to be done for `rows` rows with `events` numbers other than 0, in a measure of its own."""

    def __call__(self, x: Array, out: Array) -> None: ...


class Units:
    """Units that do the same, and how long they took so far, in all runs of this process."""

    def __init__(self, units: Sequence[Unit]):
        self.units = tuple(units)
        self.seconds = [EXPECTED[each.label] for each in units]
        self.trials = [0] * len(self.units)
        self.calls = 0

    def best(self, rows: int, events: int) -> int:
        """The unit that is expected to be the fastest; now and then another one that could be."""
        costs = [each.cost(rows, events) * s for each, s in zip(self.units, self.seconds, strict=True)]
        order = sorted(range(len(costs)), key=costs.__getitem__)
        self.calls += 1
        near = len(order) > 1 and costs[order[1]] < SLOWER * costs[order[0]]
        return order[1] if near and self.calls % AGAIN == 0 else order[0]

    def timed(self, unit: int, seconds: float) -> None:
        """`seconds` per unit of cost."""
        self.trials[unit] += 1
        if self.trials[unit] == TRIALS or (self.trials[unit] > TRIALS and seconds < self.seconds[unit]):
            self.seconds[unit] = seconds


class Choice:
    """Units for one run, and how many rows each did."""

    def __init__(self, units: Units):
        self.all = units
        self.rows = [0] * len(units.units)

    def __call__(self, x: Array, out: Array) -> Unit:
        """Computes, and returns the unit that did it."""
        if len(self.rows) == 1:
            best, events = 0, 0
        else:
            events = int(np.count_nonzero(x))
            best = self.all.best(len(x), events)
        unit = self.all.units[best]
        start = perf_counter()
        unit(x, out)
        self.all.timed(best, (perf_counter() - start) / max(1.0, unit.cost(len(x), events)))
        self.rows[best] += len(x)
        return unit

    def told(self) -> str:
        """ "int8 products", or "events for 30% of the rows, int8 products for 70% of the rows"."""
        used = [(each.label, rows) for each, rows in zip(self.all.units, self.rows, strict=True) if rows]
        total = sum(rows for _, rows in used)
        if len(used) == 1:
            return used[0][0]
        return ", ".join(f"{label} for {rows / total:.0%} of the rows" for label, rows in used)
