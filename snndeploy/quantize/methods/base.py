"""What a method is: how projections are laid out, and which scales and integers a population may take, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from snndeploy.network.network import Network
from snndeploy.network.registers import Format, natural_sign
from snndeploy.quantize.choice import Choice, Part
from snndeploy.quantize.grid import mantissas
from snndeploy.quantize.search import Search

# how far a scale is lowered where rounding up has just broken the worst case
LOWERED = 1 - np.arange(1, 9) / 64


def unchanged(network: Network) -> Network:
    return network


@dataclass(frozen=True)
class Method:
    """One way to quantise.

    Attributes:
        summary: one line for people.
        choices: for one population, what to try, best first; the first that the certificate passes is taken.
        layout: float network -> the same network with its weights spread over more projections.
    """

    name: str
    summary: str
    choices: Callable[[Search], Iterator[Choice]]
    layout: Callable[[Network], Network] = unchanged


def one_scale(case: Search, clip: float) -> Iterator[Choice]:
    """All projections of a population in one format exponent, `clip` at the largest mantissa, nearest rounding::

    S = largest mantissa · 2^e / clip       the largest e that registers and the range of the membrane allow
    """
    bits, most = case.target.synapse.weight_bits.value, case.target.synapse.weight_exponent_max.value
    signs = [natural_sign(d.weight) for d in case.drives]
    full = Format(0, bits, "mixed" if "mixed" in signs else "excitatory").limits[1]
    top = case.top()
    scales = [(full * 2.0**e / clip, e) for e in range(most, -1, -1)] if clip > 0 else []
    scales = [(scale, e) for scale, e in scales if scale <= top] or [(top, 0)]
    for scale, e in [*scales, *((scales[-1][0] * part, 0) for part in LOWERED)]:
        parts = []
        for d, sign in zip(case.drives, signs, strict=True):
            form = Format(e, bits, sign)
            parts.append((Part(form, mantissas(d.weight, scale, form)),))
        yield Choice(np.asarray(scale), tuple(parts), 0.0)
