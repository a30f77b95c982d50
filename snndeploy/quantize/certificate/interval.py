"""Intervals of whole numbers, one per neuron, and the fixed points of the integer decay.

A monotone step maps an interval to the interval between the images of its ends, exactly. `decay`, sums, limits and
resets are all monotone; only the threshold cuts an interval in two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX

# stands for "no bound"; far outside every register, and far inside of 64 bits when added up
HUGE = 2**56


@dataclass(frozen=True, eq=False)
class Interval:
    """low..high, int64, one per neuron; empty where low > high."""

    low: Array
    high: Array

    @property
    def exists(self) -> Array:
        return np.asarray(self.low <= self.high)

    def map(self, step: Callable[[Array], Array]) -> Interval:
        """The image under a step that does not decrease anywhere."""
        there = self.exists
        return Interval(np.where(there, step(self.low), HUGE), np.where(there, step(self.high), -HUGE))

    def plus(self, other: Interval) -> Interval:
        there = self.exists & other.exists
        return Interval(
            np.where(there, self.low + other.low, HUGE), np.where(there, self.high + other.high, -HUGE)
        ).within(-HUGE, HUGE)

    def within(self, low: Array | int, high: Array | int) -> Interval:
        """Both ends limited, as a register that saturates does; an empty interval stays empty."""
        there = self.exists
        return Interval(
            np.where(there, np.clip(self.low, low, high), HUGE), np.where(there, np.clip(self.high, low, high), -HUGE)
        )

    def up_to(self, high: Array | int) -> Interval:
        """The part that is not above `high`."""
        return Interval(self.low, np.minimum(self.high, high)).cleaned()

    def down_to(self, low: Array | int) -> Interval:
        """The part that is not below `low`."""
        return Interval(np.maximum(self.low, low), self.high).cleaned()

    def cleaned(self) -> Interval:
        there = self.exists
        return Interval(np.where(there, self.low, HUGE), np.where(there, self.high, -HUGE))

    def joined(self, *others: Interval) -> Interval:
        """The smallest interval that holds all of them."""
        lows = np.broadcast_arrays(self.low, *(each.low for each in others))
        highs = np.broadcast_arrays(self.high, *(each.high for each in others))
        return Interval(np.minimum.reduce(lows), np.maximum.reduce(highs))

    def inside(self, other: Interval) -> Array:
        return np.asarray((self.low >= other.low) & (self.high <= other.high))


def point(value: Array | int, like: Array) -> Interval:
    whole = np.broadcast_to(np.asarray(value, np.int64), like.shape)
    return Interval(whole, whole)


def decayed(y: Array, kept: Array) -> Array:
    """y·kept / 4096 toward zero; what has no bound keeps none."""
    product = np.abs(np.clip(y, -(2**50), 2**50)) * kept
    return np.where(np.abs(y) >= 2**50, np.where(kept > 0, y, 0), np.sign(y) * (product >> 12))


def settled(x: Array, kept: Array) -> Array:
    """Where y = decay(y) + x comes to rest when it starts below: the least y >= 0 (x > 0), or the highest y <= 0.

    With m = 4096 - kept the step takes ceil(|y|·m / 4096) away, so for x > 0 the least fixed point is
    floor((x - 1)·4096 / m) + 1, and for x < 0, from below, -floor(|x|·4096 / m). Without leak (m = 0) there is none.
    """
    lost = DECAY_UNITY - kept
    size = np.minimum(np.abs(x), 2**42)
    some = np.maximum(lost, 1)
    rest = np.where(x > 0, (size - 1) * DECAY_UNITY // some + 1, -(size * DECAY_UNITY // some))
    endless = np.where(x > 0, HUGE, np.where(x < 0, -HUGE, 0))
    return np.where(x == 0, 0, np.where(lost > 0, rest, endless))


def climbing(start: Array, x: Array, kept: Array) -> Array:
    """The highest of start, F(start), F(F(start)), ... for F(y) = decay(y) + x: it rises to a fixed point or falls."""
    return np.where(decayed(start, kept) + x > start, np.maximum(start, settled(x, kept)), start)


def clip24(y: Array) -> Array:
    return np.clip(y, -STATE_MAX, STATE_MAX)
