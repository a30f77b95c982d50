"""Two synapses per weight: a high part and a low part with exponents of their own, together an exact 16-bit integer.

    W = high·2^e + low      low in 0..255 at exponent 0, high on the grid of its sign, W any whole number of LSB

`high` takes the multiples of the unit 2^e (2^(e+1) where signs are mixed), e as small as the largest W allows; `low`
is what is left, always excitatory, or inhibitory where all weights are. W itself is rounded row by row as in
`quantize/rounding.py`. Where the weights of a projection fit one part, there is one. The price is twice the synapses
and axons, at most; a zero part of a weight takes none.
"""

from __future__ import annotations

from snndeploy.network.arrays import Array
from snndeploy.network.registers import natural_sign
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.parts import reach
from snndeploy.quantize.search import Draft, Search


def draft(case: Search, scale: Array | float) -> Draft | None:
    """Whole LSB for every weight; None at a scale at which one is beyond two parts."""
    bits, most = case.target.synapse.weight_bits.value, case.target.synapse.weight_exponent_max.value
    grids = tuple(reach(natural_sign(d.weight), bits, most) for d in case.drives)
    for d, grid in zip(case.drives, grids, strict=True):
        ends = d.scaled_ends(case.row_scale(scale, d))
        if ends.size and (ends[0] < grid.limits[0] - 0.5 or ends[1] > grid.limits[1] + 0.5):
            return None
    return Draft(scale, grids, case.fitted(scale, grids)[1])


METHOD = Method("split", "two synapses per weight, high and low part: 16 bits exactly", draft=draft)
