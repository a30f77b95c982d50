"""The methods by name. Each is one file; adding one is adding it here."""

from __future__ import annotations

from snndeploy.errors import error
from snndeploy.quantize.methods import adaptive, max_abs, mean_square, percentile, split
from snndeploy.quantize.methods.base import Method

METHODS: dict[str, Method] = {
    each.name: each for each in (max_abs.METHOD, percentile.METHOD, mean_square.METHOD, adaptive.METHOD, split.METHOD)
}


def find(name: str) -> Method:
    """The method of that name.

    Raises:
        SnnDeployError SD609: there is none; the known ones are listed.
    """
    if name not in METHODS:
        raise error("SD609", f"method {name!r}", "there is no such method", f"choose from {', '.join(METHODS)}")
    return METHODS[name]
