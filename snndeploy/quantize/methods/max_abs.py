"""One scale per population, by the largest weight of all that feeds it; nothing is clipped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.quantize.choice import Choice
from snndeploy.quantize.methods.base import Method, one_scale
from snndeploy.quantize.search import Search


def choices(case: Search) -> Iterator[Choice]:
    """See `base.one_scale` with clip = max |w|."""
    return one_scale(case, max((float(np.abs(d.weight).max(initial=0.0)) for d in case.drives), default=0.0))


METHOD = Method("max-abs", "one scale per population, by its largest weight", choices=choices)
