"""The ranges of a whole network: who can spike how often, and what that lets arrive elsewhere.

Every pass is a proof by itself. The first takes every neuron to be able to spike in every step; the next ones know
which neurons cannot spike at all, and how long the others take from their reset back to the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample
from snndeploy.network.network import Network
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.quantize.certificate.arrivals import Arrivals, arrivals, exponent
from snndeploy.quantize.certificate.bounds import Range, Step, reach
from snndeploy.quantize.certificate.followed import followed_current, narrowed
from snndeploy.quantize.certificate.interval import Interval, decayed

PASSES = 4
# intervals between spikes that are told apart; longer ones count as the next shorter
PERIODS = (1, 2, 3, 4, 6, 8, 12, 16)


@dataclass(frozen=True, eq=False)
class Reached:
    """One population: what it can hold, and what can arrive."""

    range: Range
    arriving: Arrivals


def analyse(network: Network, largest: Mapping[str, int], steps: int | None = None) -> dict[str, Reached]:
    """The ranges of every population, by name. `largest`: the most that each input sends in a step."""
    most = {name: np.full(shape, largest.get(name, 1), np.int64) for name, shape in network.shapes.items()}
    period = {each.name: np.ones(each.shape, np.int64) for each in network.populations}
    found: dict[str, Reached] = {}
    free = {each.population for each in per_sample(network)}
    for turn in range(PASSES):
        for each in network.populations:
            rule = each.rule
            assert isinstance(rule, Registers)
            arriving = arrivals(network, each.name, most)
            slower = _slower(network, each.name, most, period) if turn else None
            follows = followed_current(network, each.name)
            if follows is not None:
                slower = follows if slower is None else narrowed(slower, follows)
            found[each.name] = Reached(reach(rule, each.shape, arriving, steps, slower, each.name in free), arriving)
        able = {name: each.range.fires.astype(np.int64) for name, each in found.items()}
        rests = {
            each.name: _period(each.rule, found[each.name].range, each.name in free) for each in network.populations
        }
        if all(np.array_equal(able[n], most[n]) and np.array_equal(rests[n], period[n]) for n in able):
            break
        most, period = {**most, **able}, rests
    return found


def _period(rule: object, made: Range, free: bool = False) -> Array:
    """The least number of steps from a spike to the next one, one of `PERIODS`.

    Worked out where a spike sets the membrane at once; the largest current and the bias then act on it.
    """
    assert isinstance(rule, Registers)
    rest = 0 if rule.refractory is None else rule.refractory.steps
    ones = np.full(made.u.low.shape, max(p for p in PERIODS if p <= rest + 1))
    if not rule.spiking or rule.reset.kind != "to" or rule.reset.when != "now" or np.any(made.u.high > STATE_MAX):
        return ones
    step = Step(rule, free)
    drive = made.u.high + step.bias(made.u.low).high
    v = np.broadcast_to(np.asarray(rule.reset.value), ones.shape)
    theta = step.threshold()[0]
    rests, waiting = ones, np.ones(ones.shape, bool)
    for n in range(1 + rest, PERIODS[-1] + 1):
        v = decayed(v, step.kept_v) + drive
        if n in PERIODS:
            rests = np.where(waiting, n, rests)
        waiting = waiting & (v <= theta)
        if not waiting.any():
            break
    return rests


def _slower(network: Network, name: str, most: Mapping[str, Array], period: Mapping[str, Array]) -> Interval | None:
    """The current of a population, knowing how often its sources can spike; None where that says nothing.

    A source that needs p steps between spikes of weight w holds at most w / (1 - alpha^p), the sum of what its spikes
    have left, and truncation only takes away.
    """
    each, into = network.population[name], network.into(name)
    rule = each.rule
    assert isinstance(rule, Registers)
    alpha = np.asarray((DECAY_UNITY - 1 - np.asarray(rule.du)) / DECAY_UNITY)
    steady = any(network.input[p.source].kind == "constant" for p in into if p.source in network.input)
    shifts = any(exponent(p) < 0 for p in into)  # sums of floors are not the floor of a sum
    slow = {int(n) for p in into if p.source in period for n in np.unique(period[p.source])} - {1}
    if np.any(rule.initial_u) or steady or shifts or not np.any(alpha) or not slow:
        return None
    high, low = (np.zeros(each.shape) for _ in range(2))
    for p in (1, *sorted(slow)):
        part = {n: np.where(period.get(n, np.ones(())) == p, m, 0) for n, m in most.items()}
        x = arrivals(network, name, part).free
        gain = 2**STATE_SHIFT / (1 - alpha**p)
        high, low = high + x.high * gain, low + x.low * gain
    # one state unit covers the rounding of these sums
    return Interval(np.floor(low).astype(np.int64) - 1, np.ceil(high).astype(np.int64) + 1)
