"""Mantissas on a grid as parts with formats: one, or two that add up to any whole number of LSB."""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import Format, SignMode
from snndeploy.quantize.choice import Grid, Part, Wide

HIGH, LOW = "high", "low"


def parts(grid: Grid, values: Array) -> tuple[Part, ...]:
    """What holds `values`, mantissas on `grid`."""
    if isinstance(grid, Wide):
        return parts_of(values, grid.sign, grid.bits, grid.exponent_max)
    assert isinstance(grid, Format)
    return (Part(grid, values),)


def reach(sign: SignMode, bits: int, exponent_max: int) -> Wide:
    """The whole numbers that two parts hold, whatever their mix of values."""
    low = Format(0, bits, "excitatory")
    full = low.limits[1] + low.step
    high = max(
        (Format(e, bits, sign) for e in range(exponent_max + 1)), key=lambda f: unit(f) if unit(f) <= full else 0
    )
    under, over = (limit * 2**high.exponent for limit in high.limits)
    rest = unit(high) - low.step
    limits = (under - rest, over) if sign == "inhibitory" else (under, over + rest)
    return Wide(limits, low.step, 0, sign, bits, exponent_max)


def unit(form: Format) -> int:
    """LSB between neighbouring weights of a format."""
    return form.step << form.exponent


def holds(form: Format, whole: Array) -> bool:
    """True if every number is on the grid of the format."""
    low, high = (limit * 2**form.exponent for limit in form.limits)
    return bool(np.all(whole % unit(form) == 0) and np.all(whole >= low) and np.all(whole <= high))


def parts_of(whole: Array, sign: SignMode, bits: int, exponent_max: int) -> tuple[Part, ...]:
    """Exact parts of whole numbers of LSB within `reach`: one if that is enough, else high and low."""
    forms = [Format(e, bits, sign) for e in range(exponent_max + 1)]
    for one in forms:
        if holds(one, whole):
            return (Part(one, whole / 2.0**one.exponent),)
    side = -1.0 if sign == "inhibitory" else 1.0
    low = Format(0, bits, "inhibitory" if sign == "inhibitory" else "excitatory")
    for high in forms:
        rough = side * np.floor(side * whole / unit(high)) * unit(high)
        if holds(high, rough) and holds(low, whole - rough):
            return Part(high, rough / 2.0**high.exponent, HIGH), Part(low, whole - rough, LOW)
    raise ValueError(f"{whole.min():g}..{whole.max():g} is beyond two parts of {bits} bits")
