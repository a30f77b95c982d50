"""What can arrive at a population in one step, in whole numbers.

Sources are independent: each emits 0 .. its most in every step, a signed one either sign of it. What one source sends
over several projections of the same delay arrives together, so their synapses are added before the signs are told
apart; a weight that is split into a high and a low part is so one weight again. Axons that are always on are known
exactly from their onset on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Pool, Shape, chain_apply, chain_matrix
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import STATE_SHIFT
from snndeploy.quantize.certificate.interval import Interval, point
from snndeploy.quantize.worst_case import part

# counts beyond this overflow with any weight; sums beyond that are not told apart
COUNT_CAP, SUM_CAP = 2**26, 2**42
# onsets beyond this are not followed step by step: the axon then may be on or off
PRELUDE = 256

Groups = tuple[tuple[Projection, ...], ...]


@dataclass(frozen=True, eq=False)
class Arrivals:
    """a, weight LSB with exponents applied, int64 (*shape).

    Attributes:
        free: what sources may add in each step.
        constant: (step from which it is there, what it adds) per axon that is always on.
        largest: largest magnitude that one projection, or all of them, can add up to, before 32 bits are enforced.
    """

    free: Interval
    constant: tuple[tuple[int, Array], ...]
    largest: Array

    @property
    def prelude(self) -> int:
        """Steps after which all constants are there."""
        return max((start for start, _ in self.constant), default=0)

    def at(self, step: int) -> Interval:
        """What can arrive in this step, state units."""
        found = self.free
        for start, value in self.constant:
            if step >= start:
                found = found.plus(Interval(value, value))
        return found.map(shifted)

    def ever(self) -> Interval:
        """What can arrive in any step, state units."""
        steps = {0, *(start for start, _ in self.constant)}
        whole = [self.at(step) for step in steps]
        return whole[0].joined(*whole[1:])


def shifted(a: Array) -> Array:
    return np.asarray(np.clip(a, -SUM_CAP, SUM_CAP) << STATE_SHIFT)


def together(projections: Sequence[Projection]) -> Groups:
    """Projections of one source and one delay: what they carry arrives in the same step."""
    found: dict[tuple[str, int], list[Projection]] = defaultdict(list)
    for p in projections:
        found[p.source, p.delay].append(p)
    return tuple(tuple(group) for group in found.values())


def exponent(p: Projection) -> int:
    assert p.format is not None
    return p.format.exponent


def scaled(a: Array, e: int) -> Array:
    """The exponent on a sum, as an engine applies it: left shift, or floor."""
    return np.asarray(np.clip(a, -SUM_CAP, SUM_CAP) << e if e >= 0 else a >> -e)


def weights(group: Sequence[Projection], shape: Shape) -> Any:
    """The synapses of projections without a negative exponent as one integer matrix (targets, sources)."""
    whole = sum(chain_matrix(p.maps, shape) * (1 << exponent(p)) for p in group)
    whole.sum_duplicates()
    return whole


def _simple(p: Projection) -> bool:
    """True if no source reaches a neuron on two ways, so that its map with the weights of one sign is enough."""
    return all(not isinstance(m, Pool) or all(s >= k for s, k in zip(m.stride, m.kernel, strict=True)) for m in p.maps)


def sides(group: Sequence[Projection], shape: Shape, most: Array) -> Interval:
    """What a group can deliver if each source j emits 0..most[j]."""
    if len(group) == 1 and _simple(group[0]):
        p = group[0]
        up, down = (chain_apply(tuple(part(m, sign) for m in p.maps), most) for sign in (1, -1))
        return Interval(scaled(-down, exponent(p)), scaled(up, exponent(p)))
    if min(map(exponent, group)) < 0:
        parts = [_matrix_sides(chain_matrix(p.maps, shape), most) for p in group]
        whole = point(0, np.zeros(parts[0].low.shape))
        for each, p in zip(parts, group, strict=True):
            e = exponent(p)
            whole = whole.plus(Interval(scaled(each.low, e), scaled(each.high, e)))
        return whole
    return _matrix_sides(weights(group, shape), most)


def _matrix_sides(matrix: Any, most: Array) -> Interval:
    x = most.ravel()
    return Interval(matrix.minimum(0) @ x, matrix.maximum(0) @ x)


def arrivals(network: Network, name: str, most: Mapping[str, Array]) -> Arrivals:
    """Everything that can arrive at a population; `most`: int64 (*shape), what each source emits at most."""
    shape = network.population[name].shape
    none = np.zeros(shape, np.int64)
    free, constant, largest = point(0, none), [], none
    for group in together(network.into(name)):
        source = group[0].source
        given = network.input.get(source)
        limit = np.minimum(most[source], COUNT_CAP)
        signed = given is not None and given.kind == "signed"
        floors = any(exponent(p) < 0 for p in group)
        reached = both(_reshaped(sides(group, network.shapes[source], limit), shape), signed, floors)
        for p in group:
            alone = reached
            if len(group) > 1:
                alone = both(_reshaped(sides((p,), network.shapes[source], limit), shape), signed, floors)
            largest = np.maximum(largest, np.maximum(-alone.low, alone.high))
        start = 0 if given is None else given.onset + group[0].delay
        if given is not None and given.kind == "constant" and start <= PRELUDE:
            on = [scaled(chain_apply(p.maps, limit), exponent(p)) for p in group]
            constant.append((start, np.asarray(sum(on))))
        else:
            free = free.plus(reached)
    total = np.maximum(-free.low, free.high) + sum((np.abs(value) for _, value in constant), none)
    return Arrivals(free, tuple(constant), np.maximum(largest, total))


def both(each: Interval, signed: bool, floors: bool) -> Interval:
    """What a source delivers that emits -most..most, from what it does with 0..most; floors cost 1 more."""
    if not signed:
        return each
    whole = each.high - each.low + int(floors)
    return Interval(-whole, whole)


def _reshaped(each: Interval, shape: Shape) -> Interval:
    return Interval(each.low.reshape(shape), each.high.reshape(shape))
