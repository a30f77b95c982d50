"""Scale, exponent and clipping of each projection by the error of the membrane; rows rounded so that errors cancel."""

from __future__ import annotations

from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.search import Search

METHOD = Method(
    "adaptive",
    "an exponent per projection and rows rounded so that errors cancel, by the expected error of the membrane",
    Search.ranked,
)
