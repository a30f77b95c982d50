"""Whole numbers in a graph, with the range that they cannot leave: what needs 64 bits has them, and a wrap or a clip
that can do nothing is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.frontends.onnx.scope import Scope
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX

LOW32, HIGH32 = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Whole:
    """A tensor of whole numbers, all in low..high."""

    name: str
    dtype: str
    low: int
    high: int

    @property
    def size(self) -> int:
        return max(-self.low, self.high)


def register(name: str, size: int) -> Whole:
    """What is held between steps: int32."""
    return Whole(name, "int32", -size, size)


def _kind(low: int, high: int) -> str:
    return "int32" if low >= LOW32 and high <= HIGH32 else "int64"


def to(g: Scope, x: Whole, dtype: str) -> Whole:
    return x if x.dtype == dtype else Whole(g.cast(x.name, dtype), dtype, x.low, x.high)


def _result(g: Scope, op: str, x: Whole, y: Whole, low: int, high: int, name: str) -> Whole:
    kind = "int64" if "int64" in (x.dtype, y.dtype) else _kind(low, high)
    return Whole(g.op(op, (to(g, x, kind).name, to(g, y, kind).name), name), kind, low, high)


def number(g: Scope, value: Any, name: str) -> Whole:
    """A constant."""
    array = np.asarray(value, np.int64)
    low, high = int(array.min()), int(array.max())
    kind = _kind(low, high)
    return Whole(g.constant(array, kind, name), kind, low, high)


def add(g: Scope, x: Whole | None, y: Whole | None, name: str) -> Whole | None:
    """None is 0."""
    if x is None or y is None:
        return y if x is None else x
    return _result(g, "Add", x, y, x.low + y.low, x.high + y.high, name)


def minus(g: Scope, x: Whole, y: Whole, name: str) -> Whole:
    return _result(g, "Sub", x, y, x.low - y.high, x.high - y.low, name)


def times(g: Scope, x: Whole, y: Whole, name: str) -> Whole:
    corners = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
    low, high = min(corners), max(corners)
    if y.low == y.high == 1:
        return x
    if low < -(2**63) or high >= 2**63:
        # the caller wraps the product to 32 bits, in which nothing of this is lost
        return times(g, wrap32(g, x, name), y, name)
    return _result(g, "Mul", x, y, low, high, name)


def wrap32(g: Scope, x: Whole, name: str) -> Whole:
    """What a 32-bit register would hold: ONNX's cast to a smaller integer type drops the upper bits."""
    if _kind(x.low, x.high) == "int32":
        return to(g, x, "int32")
    del name
    return Whole(g.cast(x.name, "int32"), "int32", LOW32, HIGH32)


def clip24(g: Scope, x: Whole, name: str) -> Whole:
    if x.size <= STATE_MAX:
        return to(g, x, "int32")
    limits = (g.constant(n, x.dtype, "limit") for n in (-STATE_MAX, STATE_MAX))
    clipped = Whole(g.op("Clip", (x.name, *limits), name), x.dtype, -STATE_MAX, STATE_MAX)
    return to(g, clipped, "int32")


def wrap24(g: Scope, x: Whole, name: str) -> Whole:
    """One wrap of an int32 tensor, as in `network/registers.py`: y - 2^24·([y > 2^23] - [y <= -2^23])."""
    if x.size <= STATE_MAX:
        return x
    above = g.op("Greater", (x.name, g.constant(STATE_MAX + 1, "int32", "limit")), f"{name}.above")
    below = g.op("LessOrEqual", (x.name, g.constant(-STATE_MAX - 1, "int32", "limit")), f"{name}.below")
    up, down = (Whole(g.cast(each, "int32"), "int32", 0, 1) for each in (above, below))
    turns = times(g, minus(g, up, down, f"{name}.turns"), number(g, 2**24, "turn"), f"{name}.turn")
    moved = g.op("Sub", (x.name, turns.name), name)
    size = max(STATE_MAX + 1, x.size - 2**24)
    return Whole(moved, "int32", -size, size)


def decay(g: Scope, x: Whole, factor: Any, name: str) -> Whole | None:
    """x·factor / 4096 toward zero, as ONNX divides; factors 0..4096. None: it is 0.

    In 32 bits: x = h·4096 + l, both of the sign of x, so that the result is h·factor + l·factor / 4096.
    """
    array = np.asarray(factor, np.int64)
    most = int(array.max())
    if most == 0:
        return None
    if (array == DECAY_UNITY).all():
        return x
    common = int(np.gcd.reduce([DECAY_UNITY, *np.unique(array)]))
    by, whole = number(g, array // common, f"{name}.factor"), number(g, DECAY_UNITY // common, "unity")
    size = x.size * most // DECAY_UNITY

    def divided(y: Whole) -> Whole:
        return Whole(g.op("Div", (y.name, to(g, whole, y.dtype).name), f"{name}.part"), y.dtype, -size, size)

    if x.dtype == "int64" or x.size * by.high <= HIGH32:
        return divided(times(g, x, by, f"{name}.product"))
    high = divided(x)
    most_high = x.size // whole.high
    high = Whole(high.name, "int32", -most_high, most_high)
    rest = g.op("Sub", (x.name, times(g, high, whole, f"{name}.whole").name), f"{name}.low")
    low = times(g, Whole(rest, "int32", 1 - whole.high, whole.high - 1), by, f"{name}.rest")
    parts = times(g, high, by, f"{name}.high").name, divided(low).name
    return Whole(g.op("Add", parts, name), "int32", -size, size)


def floor_shift(g: Scope, x: Whole, bits: int, name: str) -> Whole:
    """x >> bits, toward minus infinity."""
    step = to(g, number(g, 1 << bits, "step"), x.dtype)
    rest = g.op("Mod", (x.name, step.name), f"{name}.rest")
    even = g.op("Sub", (x.name, rest), f"{name}.even")
    return Whole(g.op("Div", (even, step.name), name), x.dtype, x.low >> bits, x.high >> bits)


def chosen(g: Scope, mask: Whole, x: Whole, y: Whole, name: str) -> Whole:
    """x where the mask of 0 and 1 is 1, else y, both of 32 bits; onnxruntime's Where takes ten times as long."""
    if x.low == x.high == 0:
        other = minus(g, number(g, 1, "one"), mask, f"{name}.other")
        kept = times(g, y, other, name)
    else:
        moved = times(g, minus(g, x, y, f"{name}.move"), mask, f"{name}.moved")
        kept = _result(g, "Add", y, moved, y.low + moved.low, y.high + moved.high, name)
    return wrap32(g, Whole(kept.name, kept.dtype, min(x.low, y.low), max(x.high, y.high)), name)
