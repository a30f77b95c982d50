"""Linear maps of magnitudes: how large the terms of a sum are, whatever cancels in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.network.maps import Conv, Dense, Map, Scale, Sparse


def magnitudes(each: Map) -> Map:
    """The map with |weights|."""
    match each:
        case Dense() | Conv():
            return replace(each, weight=np.abs(each.weight))
        case Sparse():
            return replace(each, weight=abs(each.weight))
        case Scale():
            return replace(each, factor=np.abs(each.factor))
    return each
