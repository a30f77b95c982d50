"""Each projection with an exponent of its own, by its largest weight: nothing is clipped, nearest rounding."""

from __future__ import annotations

from snndeploy.network.arrays import Array
from snndeploy.quantize.grid import mantissas
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.search import Draft, Search


def draft(case: Search, scale: Array | float) -> Draft | None:
    """The finest format of each projection that clips nothing, by E."""
    return case.evaluate(scale, clip=False)


def fit(case: Search, found: Draft) -> tuple[list[Array], float]:
    """The nearest mantissas."""
    pairs = zip(case.drives, found.grids, strict=True)
    return [mantissas(d.weight, case.row_scale(found.scale, d), grid) for d, grid in pairs], found.error


METHOD = Method("exponents", "an exponent per projection, by its largest weight", draft=draft, fit=fit)
