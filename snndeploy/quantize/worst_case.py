"""What can arrive in the worst case, in float units, to limit a scale.

If every source is at its maximum where its weight is positive, and silent elsewhere, P arrives in every step; N if it
is the other way round. The current then stays within max(P, N)/(1 - alpha), the sum of a geometric series, or where it
started. Truncation towards zero only makes it smaller. What integers can reach exactly is in `quantize/certificate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map, Shape, chain_apply, values_of, with_values
from snndeploy.network.network import Projection

Largest = Mapping[str, float]
Sides = tuple[Array, Array]


def part(each: Map, sign: int) -> Map:
    """A map with the weights of one sign only, as magnitudes."""
    if not each.weighted:
        return each
    return with_values(each, np.maximum(sign * values_of(each), 0))


def arrivals(shape: Shape, into: Sequence[Projection], shapes: Mapping[str, Shape], largest: Largest) -> Sides:
    """(P, N): the most that can arrive at each neuron in one step, with the exponents applied; float64 `shape`.

    Args:
        into: the projections that feed the population; shapes: of every input and population.
        largest: the largest value that each source emits.
    """
    sides: list[Array] = []
    together = joined(into)
    for sign in (1, -1):
        total: Array = np.zeros(shape)
        for source, maps in together:
            x = np.full(shapes[source], largest[source])
            total = total + chain_apply(tuple(part(m, sign) for m in maps), x)
        sides.append(total)
    return sides[0], sides[1]


def joined(into: Sequence[Projection]) -> list[tuple[str, tuple[Map, ...]]]:
    """(source, maps) with the exponents in the weights; parts of one weight, which always act together, added up."""
    found: dict[Any, tuple[str, tuple[Map, ...]]] = {}
    for i, p in enumerate(into):
        unit = 1.0 if p.format is None else 2.0**p.format.exponent
        at, each = next(((k, m) for k, m in enumerate(p.maps) if m.weighted), (-1, None))
        if each is None:
            found[i] = (p.source, p.maps)
            continue
        given: Any = each
        beside = tuple(m for m in p.maps if m is not each)
        key = (p.source, p.delay, at, type(each), given.weight.shape, _settings(each), tuple(map(repr, beside)))
        weight = given.weight * unit
        if key in found:
            before: Any = found[key][1][at]
            weight = weight + before.weight
        found[key] = (p.source, (*p.maps[:at], replace(given, weight=weight), *p.maps[at + 1 :]))
    return list(found.values())


def _settings(each: Map) -> str:
    """All that two maps have to share besides their weights, to be added up."""
    return repr([(f.name, getattr(each, f.name)) for f in fields(each) if f.name != "weight"])  # type: ignore[arg-type]
