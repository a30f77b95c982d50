"""Between which integers the registers of a population stay, whatever comes in.

The current is monotone in itself and in what arrives, so its range is found exactly: the largest arrival in every
step, for ever, and the fixed point that this climbs to. The membrane is cut at the threshold by its spikes. Its range
is an interval that one step of the neuron does not leave; candidates are the threshold and the fixed points with and
without a spike in every step, and an interval counts only once the step has been taken and has not left it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import BIAS_EXP_MAX, BIAS_MANT_MAX, DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.quantize.certificate.arrivals import PRELUDE, Arrivals
from snndeploy.quantize.certificate.interval import (
    HUGE,
    Interval,
    climbing,
    clip24,
    decayed,
    point,
    settled,
)

# plain iterations before the ends of an interval are moved to the next candidate, and after it has been found
TRIED, NARROWED = 8, 4


@dataclass(frozen=True, eq=False)
class Range:
    """What one population can reach, each an interval per neuron in state units.

    Attributes:
        u: the current before it would wrap; v: the stored membrane; sum: the membrane before it saturates.
        fires: bool, whether the neuron can spike at all.
    """

    u: Interval
    v: Interval
    sum: Interval
    fires: Array


@dataclass(frozen=True, eq=False)
class Step:
    """The neuron's step on intervals; every part of it as in `network/registers.py`."""

    rule: Registers
    # the bias is another in each sample: anything that its register holds
    free: bool = False

    @property
    def kept_u(self) -> Array:
        return DECAY_UNITY - 1 - np.asarray(self.rule.du)

    @property
    def kept_v(self) -> Array:
        return DECAY_UNITY - np.asarray(self.rule.dv)

    def bias(self, like: Array) -> Interval:
        """Of any step."""
        if self.free:
            most = np.full(like.shape, (BIAS_MANT_MAX + 1) << BIAS_EXP_MAX, np.int64)
            return Interval(-most, most)
        full = point(np.asarray(self.rule.bias_mant) << np.asarray(self.rule.bias_exp), like)
        return full if self.rule.bias_onset == 0 else full.joined(point(0, like))

    def threshold(self) -> tuple[Array, Array]:
        """The lowest and the highest that it can be: what spikes add in every step comes to rest, or stays 0."""
        theta, moves = np.asarray(self.rule.vth) << STATE_SHIFT, self.rule.adaptation
        if moves is None:
            return theta, theta
        jump, kept = np.asarray(moves.jump), DECAY_UNITY - np.asarray(moves.da)
        zero = np.zeros(np.broadcast_shapes(jump.shape, kept.shape), np.int64)
        rest = [clip24(climbing(zero, sign * jump + zero, kept + zero)) for sign in (1, -1)]
        return theta - rest[1], theta + rest[0]

    @property
    def freezes_current(self) -> bool:
        rest = self.rule.refractory
        return rest is not None and rest.freezes == "membrane and current"

    def current(self, u: Interval, x: Interval) -> Interval:
        raw = u.map(lambda y: decayed(y, self.kept_u)).plus(x)
        return raw.joined(u) if self.freezes_current else raw

    def membrane(self, u: Interval, v: Interval, bias: Interval) -> tuple[Interval, Interval, Array]:
        """(v after the step, everything that was limited to 24 bits in it, whether a spike can occur)."""
        rule = self.rule
        reset = rule.reset if rule.spiking else None

        def candidate(before: Interval) -> Interval:
            return before.map(lambda y: decayed(y, self.kept_v)).plus(u).plus(bias)

        if reset is None:
            raw = candidate(v)
            return raw.map(clip24), raw, np.zeros(raw.low.shape, bool)
        lowest, highest = self.threshold()
        value = np.asarray(rule.reset.value)

        def after(p: Interval) -> Interval:
            return (
                Interval(*(np.where(p.exists, value, end) for end in (HUGE, -HUGE)))
                if reset.kind == "to"
                else (p.map(lambda y: y - value))
            )

        late = reset.kind != "none" and reset.when in ("next", "residual")
        stored: list[Interval] = []
        limited: list[Interval] = []
        fires = np.zeros(v.low.shape, bool)
        for pending in (False, True) if late else (False,):
            before = v if not late else v.down_to(lowest + 1) if pending else v.up_to(highest)
            raw = candidate(before)
            limited.append(raw)
            p = raw.map(clip24)
            if pending:
                raw = after(p)
                limited.append(raw)
                p = raw.map(clip24)
            for spike, part in self._cases(p, lowest, highest):
                if spike:
                    fires = fires | part.exists
                kept = part
                if reset.kind != "none" and reset.when == "now" and spike:
                    kept = after(part)
                elif reset.kind != "none" and reset.when == "residual" and spike != pending:
                    kept = after(part) if spike else _undone(part, value, reset.kind)
                limited.append(kept)
                stored.append(kept.map(clip24))
        kept_v = [v] if rule.refractory is not None else []
        return stored[0].joined(*stored[1:], *kept_v), limited[0].joined(*limited[1:]), fires

    def _cases(self, p: Interval, lowest: Array, highest: Array) -> tuple[tuple[bool, Interval], tuple[bool, Interval]]:
        """Without and with a spike; a neuron that rests does not spike however high p is, but then it keeps v."""
        return (False, p.up_to(highest)), (True, p.down_to(lowest + 1))


def _undone(p: Interval, value: Array, kind: str) -> Interval:
    """p + amount: a pending reset without a spike is given back; the amount is p - value for "to"."""
    return p.map(lambda y: 2 * y - value) if kind == "to" else p.map(lambda y: y + value)


def reach(
    rule: Registers,
    shape: tuple[int, ...],
    arriving: Arrivals,
    steps: int | None = None,
    slower: Interval | None = None,
    free: bool = False,
) -> Range:
    """What a population can reach in samples of `steps` steps, or of any length; `slower` bounds the current too.

    free: the bias may be any that the register holds.
    """
    step = Step(rule, free)
    like = np.zeros(shape, np.int64)
    u, v = point(rule.initial_u, like), point(rule.initial_v, like)
    if steps is not None:
        return _within(step, u, v, arriving, steps)
    whole = _currents(step, u, arriving)
    if slower is not None:
        whole = Interval(np.maximum(whole.low, slower.low), np.minimum(whole.high, slower.high))
    return _membranes(step, _wrapped(whole), v, whole)


def current_range(rule: Registers, shape: tuple[int, ...], arriving: Arrivals) -> Interval:
    """What the current can reach in samples of any length, before it would wrap."""
    return _currents(Step(rule), point(rule.initial_u, np.zeros(shape, np.int64)), arriving)


def _wrapped(u: Interval) -> Interval:
    """What the register can hold afterwards: anything, where it may wrap."""
    safe = u.inside(Interval(np.asarray(-STATE_MAX), np.asarray(STATE_MAX)))
    return Interval(np.where(safe, u.low, -STATE_MAX - 1), np.where(safe, u.high, STATE_MAX + 1))


def _currents(step: Step, u: Interval, arriving: Arrivals) -> Interval:
    seen = u
    for t in range(arriving.prelude):
        u = step.current(u, arriving.at(t))
        seen = seen.joined(u)
    x = arriving.at(PRELUDE)
    kept = np.broadcast_to(step.kept_u, u.low.shape)
    for_ever = Interval(-climbing(-u.low, -x.low, kept), climbing(u.high, x.high, kept))
    return seen.joined(for_ever)


def _within(step: Step, u: Interval, v: Interval, arriving: Arrivals, steps: int) -> Range:
    """Every step by itself."""
    seen_u, seen_v, fires = u, v, np.zeros(u.low.shape, bool)
    limited = v
    full = (
        step.bias(u.low)
        if step.rule.bias_onset == 0 or step.free
        else point(np.asarray(step.rule.bias_mant) << np.asarray(step.rule.bias_exp), u.low)
    )
    for t in range(steps):
        raw = step.current(u, arriving.at(t))
        seen_u, u = seen_u.joined(raw), _wrapped(raw)
        bias = full if t >= step.rule.bias_onset else point(0, u.low)
        v, raw, fired = step.membrane(u, v, bias)
        seen_v, limited, fires = seen_v.joined(v), limited.joined(raw), fires | fired
    return Range(seen_u, seen_v, limited, fires)


def _membranes(step: Step, u: Interval, start: Interval, current: Interval) -> Range:
    bias = step.bias(u.low)
    high, low = (_candidates(step, sign, u, bias, start) for sign in (1, -1))
    v = start
    for turn in range(TRIED + high.shape[0] + low.shape[0] + 2):
        image, limited, fires = step.membrane(u, v, bias)
        grown = v.joined(image)
        if np.all(grown.inside(v)):
            break
        if turn >= TRIED:
            grown = Interval(
                np.where(grown.low < v.low, -_next(low, -grown.low), grown.low),
                np.where(grown.high > v.high, _next(high, grown.high), grown.high),
            )
        v = grown
    for _ in range(NARROWED):
        # the image of an interval that a step does not leave is one as well
        v = start.joined(step.membrane(u, v, bias)[0])
    _, limited, fires = step.membrane(u, v, bias)
    return Range(current, v, limited, fires)


def _next(candidates: Array, value: Array) -> Array:
    """The smallest candidate that is not below `value`."""
    return np.asarray(np.where(candidates >= value, candidates, HUGE).min(axis=0))


def _candidates(step: Step, sign: int, u: Interval, bias: Interval, start: Interval) -> Array:
    """Where one end of the membrane may come to rest, (candidates, *shape), the low end mirrored; 24 bits last."""
    rule = step.rule
    shape = u.low.shape
    kept = np.broadcast_to(step.kept_v, shape)
    drive = u.plus(bias)
    x = drive.high if sign > 0 else -drive.low
    first = start.high if sign > 0 else -start.low
    found = [climbing(first, x, kept), settled(x, kept)]
    if rule.spiking:
        theta = sign * step.threshold()[sign > 0] * np.ones(shape, np.int64)
        value = sign * np.asarray(rule.reset.value) * np.ones(shape, np.int64)
        found += [theta, theta + 1, value]
        edge = decayed(theta, kept) + x
        found += [edge, edge - value, climbing(edge, x, kept), theta + value]
        found += [climbing(start, x - value, kept) for start in (theta, edge, edge - value)]
        found += [climbing(value, x, kept)]
    # one neuron's candidates are of no harm to another: an end only moves to what the step confirms
    return np.stack([*(np.clip(c, -STATE_MAX, STATE_MAX) for c in found), np.full(shape, STATE_MAX)])
