"""Planes: each value as several binary events in one step, an axon each; for chips whose events carry no number.

    n = round(|x| / step), every event with the sign of x
    unary:  event_j = [n > j]           x' = step · sum_j event_j           as many planes as the largest n
    binary: event_j = bit j of n        x' = step · sum_j 2^j·event_j       as many planes as n has bits

Exact where the values lie on the grid, at the cost of axons. The planes of a binary code differ by powers of two, which
the exponents of their projections hold; their largest weight is that much larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.encoding import (
    Case,
    Encoding,
    Plane,
    checked,
    grid_step,
    on_grid,
    refusal,
    steps_problems,
)

# axons per value
MOST_PLANES = 32
LEVELS = {"unary": 15, "binary": 255}


@dataclass(frozen=True, eq=False)
class Planes(Encoding):
    """step: what n counts; most: the largest n."""

    step: float
    most: int
    code: Literal["binary", "unary"] = "binary"

    name: ClassVar[str] = "planes"
    summary: ClassVar[str] = "binary events on several axons (code=binary or unary, most=255 or 15, step, beyond)"

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Planes:
        given = case.given
        known = {"code": ("binary", "unary"), "most": 0, "step": 0.0, "beyond": ("refuse", "clip")}
        said = checked(cls.name, given.name, known, settings)
        code, step, top = said["code"], float(said["step"]), float(abs(case.samples).max(initial=0))
        if said["most"] != int(said["most"]) or said["most"] < 0 or step < 0:
            what = f"most = {said['most']:g}, step = {step:g}"
            raise refusal(cls.name, given.name, what, "most is a whole number, both are positive")
        counts = case.kind == "counts"
        most = int(said["most"]) or (max(1, int(np.ceil(top))) if counts else LEVELS[code])
        if number(code, most) > MOST_PLANES:
            what = f"up to {most:,} steps take {number(code, most):,} {code} planes; the most are {MOST_PLANES}"
            raise refusal(cls.name, given.name, what, "code=binary takes an axon per bit; or give a smaller most")
        step = step or (1.0 if counts else grid_step(case.samples, most))
        if not said["most"] and not said["step"]:
            most = max(1, min(most, round(top / step)))
        return cls(
            given.name,
            given.shape,
            case.kind,
            step,
            most,
            code,
            signed=case.signed,
            pair=case.signed and case.apart,
            beyond=said["beyond"],
        )

    @property
    def parts(self) -> tuple[Plane, ...]:
        unary = self.code == "unary"
        return tuple(
            Plane(f".{j}", self.step if unary else self.step * 2.0**j) for j in range(number(self.code, self.most))
        )

    @property
    def said(self) -> str:
        signs = ", signed" if self.signed else ""
        return f"{len(self.parts)} {self.code} planes, up to {self.most:,} steps of {self.step:.6g}{signs}"

    def problems(self) -> list[str]:
        found = steps_problems(self.step, self.most)
        return found or ([f"{self.most:,} levels"] if number(self.code, self.most) > MOST_PLANES else [])

    def encode(self, x: Array) -> tuple[Array, ...]:
        whole = on_grid(x, self.step, self.most, self)
        n, sign = np.abs(whole), np.sign(whole)
        return tuple(sign * (n > j if self.code == "unary" else n >> j & 1) for j in range(len(self.parts)))


def number(code: str, most: int) -> int:
    """Planes that hold 0..most."""
    return most if code == "unary" else most.bit_length()
