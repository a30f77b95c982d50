"""Weights of one projection spread over several, each weight in exactly one: as many synapses, more axons.

A format belongs to a projection, so that weights that differ in sign or size share it at the cost of bits. Apart, each
part has the exponent that its own largest weight needs, and weights of one sign use the lowest bit too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import values_of, with_values
from snndeploy.network.network import Network, Projection
from snndeploy.quantize.choice import part_name
from snndeploy.quantize.drive import weighted_map

# label and the weights that belong to it
Shares = Sequence[tuple[str, Array]]


def spread(network: Network, share: Callable[[Array], Shares]) -> Network:
    """A prepared network whose projections are divided as `share` says of their weights (flat, without zeros)."""
    projections: list[Projection] = []
    for p in network.projections:
        at, each = weighted_map(p)
        weight = values_of(each)
        shares = [(label, mask) for label, mask in share(weight) if np.any(mask & (weight != 0))]
        if len(shares) < 2:
            projections.append(p)
            continue
        for label, mask in shares:
            part = with_values(each, np.where(mask, weight, 0.0), stored_zeros=False)
            projections.append(replace(p, name=part_name(p.name, label), maps=(*p.maps[:at], part, *p.maps[at + 1 :])))
    return network.with_(projections=tuple(projections))


def by_sign(weight: Array) -> Shares:
    return ("excitatory", weight > 0), ("inhibitory", weight < 0)


def by_size(weight: Array, octaves: int, bands: int) -> Shares:
    """Bands of magnitude, `octaves` wide below the largest, the last one with all that is smaller."""
    largest = float(np.abs(weight).max(initial=0.0))
    with np.errstate(divide="ignore"):
        band = np.floor(-np.log2(np.abs(weight) / largest) / octaves) if largest else np.zeros(weight.shape)
    band = np.minimum(band, bands - 1)
    return tuple((f"band {k}", band == k) for k in range(bands))


def by_sign_and_size(weight: Array, octaves: int, bands: int) -> Shares:
    return tuple(
        (f"{sign} {band}", mask & inside)
        for sign, mask in by_sign(weight)
        for band, inside in by_size(np.where(mask, weight, 0.0), octaves, bands)
    )
