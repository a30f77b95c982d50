"""What the vectors are: one file per family of primitives, each with a function `drafts`."""

from __future__ import annotations

from collections.abc import Iterator

from snndeploy.conform.suite.families import (
    convolutions,
    currents,
    dense,
    integrators,
    leaky,
    loops,
    pools,
    readings,
    structures,
    timing,
)
from snndeploy.conform.suite.sketch import Draft

FAMILIES = (dense, convolutions, pools, timing, integrators, leaky, currents, readings, loops, structures)


def drafts() -> Iterator[Draft]:
    """Every vector, in the order of the manifest. Names are unique."""
    for family in FAMILIES:
        yield from family.drafts()
