"""Graded events: each value as a whole number of steps, in one event that carries it.

    event = round(x / step)     x' = step·event     |x' - x| <= step / 2

Exact where the values lie on the grid: counts, 8-bit pixels. 0 costs nothing: an event of 0 is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

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

BITS = 8


@dataclass(frozen=True, eq=False)
class Graded(Encoding):
    """step: what one unit of an event is worth. most: the largest event."""

    step: float
    most: int

    name: ClassVar[str] = "graded"
    summary: ClassVar[str] = "one event that carries the value as a whole number (bits=8, step, beyond=refuse or clip)"

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Graded:
        given, chip = case.given, case.chip
        said = checked(cls.name, given.name, {"bits": BITS, "step": 0.0, "beyond": ("refuse", "clip")}, settings)
        bits, held = said["bits"], chip.most.bit_length()
        if chip.most < 2:
            fix = "encode it as planes, rate or delta, or compute the first layer on the host; loihi2 has graded events"
            raise refusal(cls.name, given.name, f"events of {chip.name} carry no number", fix)
        if bits != int(bits) or not 1 <= bits <= held:
            raise refusal(cls.name, given.name, f"bits = {bits}", f"an event of {chip.name} has 1 to {held} bits")
        if said["step"] < 0:
            raise refusal(cls.name, given.name, f"step = {said['step']:g} is negative", "give a positive one")
        most = 2 ** int(bits) - 1
        step = float(said["step"]) or grid_step(case.samples, most)
        if not said["step"]:
            most = max(1, min(most, round(abs(case.samples).max(initial=0) / step)))
        return cls(given.name, given.shape, case.kind, step, most, signed=case.signed, beyond=said["beyond"])

    @property
    def parts(self) -> tuple[Plane, ...]:
        return (Plane("", self.step),)

    @property
    def largest(self) -> int:
        return self.most

    @property
    def said(self) -> str:
        return f"graded events of up to {self.most:,} steps of {self.step:.6g}{', signed' if self.signed else ''}"

    def problems(self) -> list[str]:
        return steps_problems(self.step, self.most)

    def encode(self, x: Array) -> tuple[Array, ...]:
        return (on_grid(x, self.step, self.most, self),)
