"""The order of a network's parts from what they are, never from their names.

What arrives at a neuron is added up in the order of the projections, and a sum of three floats depends on it: by names,
renaming a node could move a membrane by a rounding, across a threshold that it would have met exactly. So projections
of one target are ordered by a digest of what lies behind them. Populations stand in the order of computation.
"""

from __future__ import annotations

import dataclasses
from hashlib import blake2b
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order

# steps back from a population that its digest looks; farther ones matter only where all nearer ones are equal
DEPTH = 8


def total(parts: list[Array]) -> Array:
    """Their sum, the same in every order of them."""
    if len(parts) == 1:
        return parts[0]
    whole: Array = np.sort(np.stack(np.broadcast_arrays(*parts)), axis=0)
    result: Array = whole[0]
    for each in whole[1:]:
        result = result + each
    return result


def ordered(network: Network) -> Network:
    """The same network, its parts in an order that names have no part in where it touches a number."""
    place = {name: i for i, name in enumerate(n for group in update_order(network) for n in group)}
    populations = tuple(sorted(network.populations, key=lambda p: place[p.name]))
    many = {each.name for each in populations if len(network.into(each.name)) > 2}
    digests = _digests(network) if many else {}

    def key(p: Any) -> tuple[Any, ...]:
        # two terms commute, so that they may stand in the order of computation
        return (place[p.target], digests[p.name]) if p.target in many else (place[p.target], place.get(p.source, -1))

    projections = sorted(sorted(network.projections, key=lambda p: p.name), key=key)
    return network.with_(populations=populations, projections=tuple(projections))


def _digests(network: Network) -> dict[str, bytes]:
    """Projection -> a digest of it and of all that leads to it."""
    own = {each.name: _digest((each.shape, each.kind, each.onset)) for each in network.inputs}
    own |= {each.name: _digest((each.shape, each.rule)) for each in network.populations}
    ways = {p.name: _digest((p.maps, p.delay, p.receptor)) for p in network.projections}
    known = dict(own)
    for _ in range(min(DEPTH, len(known))):
        known = {
            name: _digest((own[name], sorted((ways[p.name], known[p.source]) for p in network.into(name))))
            for name in known
        }
    return {p.name: _digest((ways[p.name], known[p.source])) for p in network.projections}


def _digest(value: Any) -> bytes:
    return blake2b(_bytes(value), digest_size=16).digest()


def _bytes(value: Any) -> bytes:
    if hasattr(value, "tocsr"):
        return _bytes((value.shape, value.data, value.indices, value.indptr))
    if dataclasses.is_dataclass(value):
        fields = [getattr(value, f.name) for f in dataclasses.fields(value)]
        return type(value).__name__.encode() + _bytes(tuple(fields))
    if isinstance(value, np.ndarray):
        return repr((value.dtype.str, value.shape)).encode() + value.tobytes()
    if isinstance(value, (tuple, list)):
        return b"(" + b",".join(_digest(each) for each in value) + b")"
    return value if isinstance(value, bytes) else repr(value).encode()
