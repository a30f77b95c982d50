"""Two synapses per weight: a high part and a low part with exponents of their own, together an exact 16-bit integer.

    W = high·2^e + low      low in 0..255 at exponent 0, high on the grid of its sign, W any whole number of LSB

`high` takes the multiples of the unit 2^e (2^(e+1) where signs are mixed), e as small as the largest W allows; `low`
is what is left, always excitatory, or inhibitory where all weights are. W itself is rounded row by row as in
`quantize/rounding.py`. Where the weights of a projection fit one part, there is one. The price is twice the synapses
and axons, at most; a zero part of a weight takes none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import Format, SignMode, natural_sign
from snndeploy.quantize.choice import Part, Wide
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.search import Draft, Search

HIGH, LOW = "high", "low"


def reach(sign: SignMode, bits: int, exponent_max: int) -> Wide:
    """The whole numbers that two parts hold, whatever their mix of values."""
    low = Format(0, bits, "excitatory")
    full = low.limits[1] + low.step
    high = max(
        (Format(e, bits, sign) for e in range(exponent_max + 1)), key=lambda f: unit(f) if unit(f) <= full else 0
    )
    under, over = (limit * 2**high.exponent for limit in high.limits)
    rest = unit(high) - low.step
    return Wide((under - rest, over) if sign == "inhibitory" else (under, over + rest), low.step)


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


def draft(case: Search, scale: Array | float) -> Draft | None:
    """Whole LSB for every weight; None at a scale at which one is beyond two parts."""
    bits, most = case.target.synapse.weight_bits.value, case.target.synapse.weight_exponent_max.value
    grids = tuple(reach(natural_sign(d.weight), bits, most) for d in case.drives)
    for d, grid in zip(case.drives, grids, strict=True):
        ends = d.scaled_ends(case.row_scale(scale, d))
        if ends.size and (ends[0] < grid.limits[0] - 0.5 or ends[1] > grid.limits[1] + 0.5):
            return None
    return Draft(scale, grids, case.fitted(scale, grids)[1])


def parts(case: Search, found: Draft, values: Sequence[Array]) -> tuple[tuple[Part, ...], ...]:
    """High and low part of each projection."""
    del found
    bits, most = case.target.synapse.weight_bits.value, case.target.synapse.weight_exponent_max.value
    pairs = zip(case.drives, values, strict=True)
    return tuple(parts_of(w, natural_sign(d.weight), bits, most) for d, w in pairs)


METHOD = Method("split", "two synapses per weight, high and low part: 16 bits exactly", draft=draft, parts=parts)
