"""One line of the benchmark: what was measured, beside its goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from speed.timing import Times


@dataclass(frozen=True)
class Settings:
    """What a benchmark is run with.

    Attributes:
        quick: sizes at which nothing but the shape of the result means anything.
        repeats: rounds that are timed.
        int8: the processor has dot products of int8.
        threads: of everything that is measured.
    """

    quick: bool
    repeats: int
    int8: bool
    threads: int


@dataclass(frozen=True)
class Row:
    """A number and its goal.

    Attributes:
        value: None where it could not be measured here; `note` says why.
        bound: "most" or "least": which side of the goal is good.
        times: of everything that ran for it.
        points: of a curve, (x, seconds).
        compared, differing: spikes, u and v that were held against the reference in the same run.
    """

    name: str
    what: str
    unit: str
    value: float | None
    goal: float | None = None
    bound: Literal["most", "least"] = "most"
    times: Mapping[str, Times] = field(default_factory=dict)
    compared: int | None = None
    differing: int | None = None
    note: str = ""
    points: tuple[tuple[float, float], ...] = ()

    @property
    def met(self) -> bool | None:
        if self.value is None or self.goal is None:
            return None
        return self.value <= self.goal if self.bound == "most" else self.value >= self.goal

    def as_dict(self) -> dict[str, Any]:
        plain = {**asdict(self), "met": self.met}
        return {**plain, "times": {name: each.as_dict() for name, each in self.times.items()}}
