"""One scale per population, by a percentile of the magnitudes of its weights; the few larger ones are clipped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.quantize.choice import Choice
from snndeploy.quantize.methods.base import Method, one_scale
from snndeploy.quantize.search import Search

PERCENT = 99.9


def choices(case: Search) -> Iterator[Choice]:
    """See `base.one_scale` with clip = the 99.9th percentile of |w|, w ≠ 0."""
    sizes = np.abs(np.concatenate([d.weight.ravel() for d in case.drives] or [np.zeros(0)]))
    sizes = sizes[sizes > 0]
    return one_scale(case, float(np.percentile(sizes, PERCENT)) if sizes.size else 0.0)


METHOD = Method(
    "percentile", f"one scale per population, by the {PERCENT:g}th percentile of its weights", choices=choices
)
