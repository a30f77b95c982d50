"""Intervals: what is known of a quantity when its coefficients are known between two bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from snndeploy.targets import Range

SCALES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))


@dataclass(frozen=True)
class Interval:
    """low <= quantity <= high, both at least 0."""

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Interval | float) -> Interval:
        by = other if isinstance(other, Interval) else Interval(other, other)
        return Interval(self.low * by.low, self.high * by.high)

    def over(self, other: Interval) -> Interval:
        """The quotient; without bound where the divisor may be 0."""
        high = self.high / other.low if other.low else (float("inf") if self.high else 0.0)
        return Interval(self.low / other.high if other.high else 0.0, high)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def text(self, unit: str) -> str:
        """ "1.2..3.4 nJ"."""
        return f"{_figures(self.low, self.high)} {_scale(self.high)[1]}{unit}"

    def as_dict(self) -> dict[str, float | None]:
        """JSON has no infinity: None is no bound."""
        return {"low": self.low, "high": None if self.high == float("inf") else self.high}


NOTHING = Interval(0.0, 0.0)


def of(known: Range, unit: float) -> Interval:
    """A coefficient of a target, `unit` being its unit in SI."""
    return Interval(known.low * unit, known.high * unit)


def total(parts: Iterable[Interval]) -> Interval:
    return sum(parts, NOTHING)


def _scale(value: float) -> tuple[float, str]:
    if value == float("inf"):
        return SCALES[0]
    return next(((size, sign) for size, sign in SCALES if value >= size), SCALES[-1])


def _figures(low: float, high: float) -> str:
    size = _scale(high)[0]
    ends = [f"{_plain(x / size)}" for x in (low, high)]
    return ends[0] if ends[0] == ends[1] else "..".join(ends)


def _plain(value: float) -> str:
    """Three figures, without an exponent."""
    if value == float("inf"):
        return "∞"
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1e-3 else f"{value:.1e}"
