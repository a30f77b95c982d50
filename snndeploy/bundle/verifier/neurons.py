"""One population in the integer form, step by step; the equation is in contract.txt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .reading import Fields

Array = Any
Shape = tuple[int, ...]
EDGE = 2**23


def int32(y: Array) -> Array:
    """int64 -> the value that a 32-bit register holds, as int64."""
    return ((y + 2**31) & (2**32 - 1)) - 2**31


def decayed(y: Array, kept: Array) -> Array:
    """y·kept / 4096, toward zero."""
    scaled = (np.abs(y) * kept) >> 12
    return np.where(y < 0, -scaled, scaled)


def wrap24(y: Array) -> Array:
    """One wrap only: what is beyond 2^23 loses 2^24, what is at -2^23 or below gains 2^24."""
    return y - 2 * EDGE * (y > EDGE) + 2 * EDGE * (y <= -EDGE)


def clip24(y: Array) -> Array:
    return np.minimum(np.maximum(y, 1 - EDGE), EDGE - 1)


class Registers:
    """The numbers of a population, each an int64 array that broadcasts to its shape."""

    def __init__(self, held: Fields, shape: Shape, load: Callable[[str], Array]):
        def number(name: str, low: int, high: int, of: Fields = held) -> Array:
            return _number(of, name, low, high, shape, load)

        self.du, self.dv = number("du", 0, 4095), number("dv", 0, 4095)
        self.vth = None if held.held.get("vth", 0) is None else number("vth", 0, 2**17 - 1) << 6
        self.bias = number("bias_mant", -(2**12), 2**12 - 1) << number("bias_exp", 0, 7)
        self.bias_onset = held.whole("bias_onset")
        self.u, self.v = number("initial_u", 1 - EDGE, EDGE - 1), number("initial_v", 1 - EDGE, EDGE - 1)
        reset = Fields(held.get("reset", dict), f"{held.where}, reset")
        self.kind = reset.word("kind", ("none", "to", "by"))
        self.when = reset.word("when", ("now", "next", "residual"))
        self.value = number("value", -(2**31), 2**31 - 1, reset)
        self.rest, self.holds = 0, False
        if held.held.get("refractory") is not None:
            rest = Fields(held.get("refractory", dict), f"{held.where}, refractory")
            self.rest = rest.whole("steps", 1)
            self.holds = rest.word("freezes", ("membrane", "membrane and current")) != "membrane"
        self.adapts = held.held.get("adaptation") is not None
        if self.adapts:
            moves = Fields(held.get("adaptation", dict), f"{held.where}, adaptation")
            self.da, self.jump = number("da", 0, 4095, moves), number("jump", 1 - EDGE, EDGE - 1, moves)
            self.early = moves.word("decays", ("before", "after")) == "before"


def _number(held: Fields, name: str, low: int, high: int, shape: Shape, load: Callable[[str], Array]) -> Array:
    given = held.get(name, (int, str))
    found = load(given) if isinstance(given, str) else np.array(held.whole(name, low, high))
    try:
        fits = np.broadcast_shapes(found.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits or found.dtype.kind not in "iu" or (found.size and not low <= found.min() <= found.max() <= high):
        raise held.wrong(name, f"it does not broadcast to {shape}, or is outside {low:,}..{high:,}")
    return found.astype(np.int64)


class Neurons:
    """u and v of a population, int64 (batch, *shape). `extra`: added to the bias of each sample, state units."""

    def __init__(self, held: Registers, shape: Shape, batch: int, extra: Array | None = None):
        full = (batch, *shape)
        self.of = held
        self.bias = held.bias if extra is None else np.asarray(extra, np.int64)
        self.u, self.v = (np.broadcast_to(start, full).copy() for start in (held.u, held.v))
        self.s = np.zeros(full, bool)
        self.moved, self.asleep = np.zeros(full, np.int64), np.zeros(full, np.int64)
        self.level = np.broadcast_to(0 if held.vth is None else held.vth, full)

    def step(self, t: int, arrived: Array) -> Array:
        """Takes the sum of what the projections deliver; returns what is emitted, spikes or v."""
        of = self.of
        u = wrap24(int32(decayed(self.u, 4095 - of.du) + int32(int32(arrived) << 6)))
        bias = int32(self.bias) if t >= of.bias_onset else 0
        q = clip24(int32(decayed(self.v, 4096 - of.dv) + u + bias))
        if of.vth is None:
            self.u, self.v = u, q
            return q
        owed = self.v > self.level
        faded = decayed(self.moved, 4096 - of.da) if of.adapts else 0
        level = of.vth + ((faded if of.early else self.moved) if of.adapts else 0)
        p = np.where(owed, clip24(self._reset(q)), q) if self._late else q
        awake = self.asleep == 0
        s = (p > level) & awake
        v: Array = p
        if of.kind != "none" and of.when == "now":
            v = np.where(s, clip24(self._reset(p)), p)
        elif of.kind != "none" and of.when == "residual":
            v = clip24(p - (s.astype(np.int64) - owed) * (p - self._reset(p)))
        if of.rest:
            v = np.where(awake, v, self.v)
            u = np.where(awake, u, self.u) if of.holds else u
            self.asleep = np.where(s, of.rest, np.maximum(self.asleep - 1, 0))
        if of.adapts:
            self.moved = clip24(faded + of.jump * s)
        self.u, self.v, self.s = u, v, s
        self.level = np.broadcast_to(np.asarray(level), np.shape(v))
        return s.astype(np.int64)

    @property
    def _late(self) -> bool:
        return self.of.kind != "none" and self.of.when != "now"

    def _reset(self, y: Array) -> Array:
        return np.broadcast_to(self.of.value, y.shape) if self.of.kind == "to" else y - self.of.value
