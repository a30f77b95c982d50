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
from snndeploy.network.encodings import Delta
from snndeploy.network.maps import Map, Shape, chain_apply, values_of, with_values
from snndeploy.network.network import Network, Projection

Largest = Mapping[str, float]
Sides = tuple[Array, Array]


def part(each: Map, sign: int) -> Map:
    """A map with the weights of one sign only, as magnitudes."""
    if not each.weighted:
        return each
    return with_values(each, np.maximum(sign * values_of(each), 0))


def arrivals(
    shape: Shape,
    into: Sequence[Projection],
    shapes: Mapping[str, Shape],
    largest: Largest,
    signed: frozenset[str] = frozenset(),
) -> Sides:
    """(P, N): the most that can arrive at each neuron in one step, with the exponents applied; float64 `shape`.

    Args:
        into: the projections that feed the population; shapes: of every input and population.
        largest: the largest magnitude that each source emits; signed: sources that emit both signs.
    """
    sides: list[Array] = []
    together = joined(into)
    for sign in (1, -1):
        total: Array = np.zeros(shape)
        for source, maps in together:
            x = np.full(shapes[source], largest[source])
            total = total + chain_apply(tuple(part(m, sign) for m in maps), x)
            if source in signed:
                total = total + chain_apply(tuple(part(m, -sign) for m in maps), x)
        sides.append(total)
    return sides[0], sides[1]


def arriving(network: Network, name: str, largest: Largest) -> Sides:
    """`arrivals` of a population; of a current that follows values, what makes (P, N)/(1 - alpha) its bound."""
    shape = network.shapes[name]
    follows = followed(network, name)
    if follows is None:
        return arrivals(shape, network.into(name), network.shapes, largest, signed(network))
    most, decay = follows
    return most * (1 - decay), most * (1 - decay)


def signed(network: Network) -> frozenset[str]:
    """The inputs that send both signs."""
    return frozenset(each.name for each in network.inputs if each.kind == "signed")


def followed(network: Network, name: str) -> tuple[Array, float] | None:
    """(the largest |sum_j w_j·y_j|, decay) of a current that only events of delta encodings feed; see `Delta`.

    In weight LSB in the integer form. None where something else feeds the current too, or decays differ.
    """
    made = {each.name: (e, k) for e in network.encodings for k, each in enumerate(e.made) if isinstance(e, Delta)}
    into = network.into(name)
    if not into or any(p.source not in made for p in into) or not _mirrored(into, made):
        return None
    by: dict[str, Delta] = {p.source: made[p.source][0] for p in into}
    decays = {each.decay for each in by.values()}
    if len(decays) > 1:
        return None
    # of a pair of axons, up and down, one is enough: the other has the same weights with the other sign
    first = [p for p in into if made[p.source][1] == 0]
    reach = {source: each.reach for source, each in by.items()}
    most, _ = arrivals(network.shapes[name], first, network.shapes, reach, frozenset(reach))
    return most, decays.pop()


def _mirrored(into: Sequence[Projection], made: Mapping[str, tuple[Delta, int]]) -> bool:
    """Whether the axons for up and for down of each pair have weights of opposite sign."""

    def ends(k: int) -> list[tuple[Any, Array]]:
        found = []
        for p in sorted((p for p in into if made[p.source][0].pair and made[p.source][1] == k), key=lambda p: p.name):
            weighted = [m for m in p.maps if m.weighted]
            if len(weighted) != 1:
                return []
            exponent = 0 if p.format is None else p.format.exponent
            found.append(((p.source[:-1], p.delay, exponent, _settings(weighted[0])), values_of(weighted[0])))
        return found

    up, down = ends(0), ends(1)
    number = sum(made[p.source][0].pair for p in into)
    alike = all(a == b and np.array_equal(v, -w) for (a, v), (b, w) in zip(up, down, strict=False))
    return len(up) == len(down) and 2 * len(up) == number and alike


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
