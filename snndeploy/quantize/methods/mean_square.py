"""One scale per population, the one with the least mean squared error of the weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.network.registers import Format, natural_sign
from snndeploy.quantize.choice import Choice
from snndeploy.quantize.grid import mantissas
from snndeploy.quantize.methods.base import Method, one_scale
from snndeploy.quantize.search import Search

PER_OCTAVE = 16
OCTAVES = 5


def choices(case: Search) -> Iterator[Choice]:
    """See `base.one_scale` with the clip that minimises sum (ŵ - w)², of 80 below the largest weight."""
    largest = max((float(np.abs(d.weight).max(initial=0.0)) for d in case.drives), default=0.0)
    bits = case.target.synapse.weight_bits.value
    signs = [natural_sign(d.weight) for d in case.drives]
    full = Format(0, bits, "mixed" if "mixed" in signs else "excitatory").limits[1]

    def error(clip: float) -> float:
        scale, total = full / clip, 0.0
        for d, sign in zip(case.drives, signs, strict=True):
            total += float(np.square(mantissas(d.weight, scale, Format(0, bits, sign)) / scale - d.weight).sum())
        return total

    clips = largest * 2.0 ** -(np.arange(OCTAVES * PER_OCTAVE) / PER_OCTAVE)
    return one_scale(case, float(min(clips, key=error)) if largest else 0.0)


METHOD = Method("mean-square", "one scale per population, with the least squared error of the weights", choices=choices)
