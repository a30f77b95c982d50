"""Two synapses per weight: a high part and a low part with exponents of their own, together an exact 16-bit integer.

    W = high·2^e + low      low in 0..255 at exponent 0, high on the grid of its sign, W any whole number of LSB

`high` takes the multiples of the unit 2^e (2^(e+1) where signs are mixed), e as small as the largest W allows; `low`
is what is left, always excitatory, or inhibitory where all weights are. W itself is rounded row by row as in
`quantize/rounding.py`. Where the weights of a projection fit one part, there is one. The price is twice the synapses
and axons, at most; a zero part of a weight takes none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import Format, SignMode, natural_sign
from snndeploy.quantize.choice import Choice, Part, Wide
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.search import Search

PER_OCTAVE = 16
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


def choices(case: Search) -> Iterator[Choice]:
    """Scales of one octave below the largest that registers allow, by the error E of `quantize/search.py`."""
    bits, most = case.target.synapse.weight_bits.value, case.target.synapse.weight_exponent_max.value
    signs = [natural_sign(d.weight) for d in case.drives]
    grids = [reach(sign, bits, most) for sign in signs]
    scales = case.top() * 2.0 ** -(np.arange(PER_OCTAVE) / PER_OCTAVE)
    scales = np.concatenate([scales, 2.0 ** np.floor(np.log2(case.top()) - np.arange(8))])

    def made(scale: float) -> Choice:
        values, error = case.fitted(scale, grids)
        parts = tuple(parts_of(w, sign, bits, most) for w, sign in zip(values, signs, strict=True))
        return Choice(np.asarray(scale), parts, error)

    yield from sorted(map(made, map(float, scales)), key=lambda c: (c.error, -float(c.scale)))


METHOD = Method("split", "two synapses per weight, high and low part with two exponents: whole LSB", choices)
