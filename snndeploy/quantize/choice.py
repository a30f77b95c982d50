"""What a method hands back for one population: a scale, and the integers of each projection in one or more parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import Format, SignMode

# between the name of a float projection and what distinguishes its parts
MARK = " | "


class Grid(Protocol):
    """Where mantissas may lie; a `Format` is one."""

    @property
    def exponent(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def limits(self) -> tuple[int, int]: ...


@dataclass(frozen=True)
class Wide:
    """Whole numbers of LSB that two parts hold together, a format of the sign and bits each (`quantize/parts.py`)."""

    limits: tuple[int, int]
    step: int
    exponent: int
    sign: SignMode
    bits: int
    exponent_max: int


@dataclass(frozen=True, eq=False)
class Part:
    """Integers of one projection: mantissas, float64, shaped as `Drive.weight`; `label` is empty for the only part."""

    format: Format
    mantissas: Array
    label: str = ""


@dataclass(frozen=True, eq=False)
class Choice:
    """One scale with the parts of each projection, in the order of `Network.into`.

    Attributes:
        scale: weight LSB per unit of the membrane; broadcasts to the shape of the population.
        error: what the method minimises; smaller is better, comparable within one population and method only.
    """

    scale: Array
    parts: tuple[tuple[Part, ...], ...]
    error: float

    def units(self) -> tuple[Array, ...]:
        """The weights in LSB, parts added up, per projection."""
        return tuple(
            np.sum([part.mantissas * 2.0**part.format.exponent for part in parts], axis=0) for parts in self.parts
        )


def part_name(name: str, label: str) -> str:
    return f"{name}{MARK}{label}" if label else name


def whole_name(name: str, known: frozenset[str]) -> str:
    """The float projection that an integer projection is (a part of); `name` itself if there is none."""
    if name in known:
        return name
    before = name
    while MARK in before:
        before = before.rpartition(MARK)[0]
        if before in known:
            return before
    return name
