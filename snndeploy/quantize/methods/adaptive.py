"""Scale, exponent and clipping of each projection by the error of the membrane; rows rounded so that errors cancel.

What every step of a method is where a method does not say otherwise: see `quantize/search.py`.
"""

from __future__ import annotations

from snndeploy.quantize.methods.base import Method

METHOD = Method("adaptive", "an exponent per projection, rows rounded so that errors cancel: least membrane error")
