"""One neuron, step by step, with its current and membrane kept as sums of named terms.

The rule is linear but for resets, floors and roundings; each of those is a term of its own, or ends all others (a reset
to a value). So the terms always add up to the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.evidence import Evidence
from snndeploy.conform.diagnosis.predict import Variant, state_of
from snndeploy.conform.diagnosis.result import Contribution
from snndeploy.engines.reference.integer_rule import accumulate, decay
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.network.rule import Rule, parameters

TERMS = (
    *("bias", "constant", "first u", "first v", "reset", "floor"),
    *("truncated decay of u", "truncated decay of v", "bits that a weight exponent drops", "u wraps", "v saturates"),
)
BIAS, CONSTANT, FIRST_U, FIRST_V, RESET, FLOOR, FADE_U, FADE_V, SHIFT, WRAP, CLIP = range(len(TERMS))


@dataclass(frozen=True, eq=False)
class Attributed:
    """p of one neuron in one step, and the terms that make it. own: what the definition decides."""

    p: float
    theta: float | None
    own: bool | None
    terms: tuple[Contribution, ...]


@dataclass(frozen=True, eq=False)
class _Events:
    """What arrives: the source and step of each event, in which step it arrives, at which receptor, and how much."""

    source: list[str]
    index: Array
    step: Array
    arrives: Array
    receptor: Array
    amount: Array


def single(rule: Rule | Registers, shape: tuple[int, ...], index: tuple[int, ...]) -> Any:
    """The rule of one neuron, with single numbers."""

    def of(value: Any) -> Any:
        return None if value is None else np.broadcast_to(np.asarray(value), shape)[index]

    reset = replace(rule.reset, value=of(rule.reset.value))
    if isinstance(rule, Registers):
        names = ("du", "dv", "vth", "bias_mant", "bias_exp", "initial_u", "initial_v", "scale", "offset")
        moves = rule.adaptation
        changed = None if moves is None else replace(moves, da=of(moves.da), jump=of(moves.jump))
        return replace(rule, reset=reset, adaptation=changed, **{name: of(getattr(rule, name)) for name in names})
    receptors = tuple(
        replace(r, alpha=of(r.alpha), gain=of(r.gain), constant=of(r.constant), initial=of(r.initial))
        for r in rule.receptors
    )
    own = ("beta", "threshold", "bias", "floor", "state_floor", "value", "initial")
    held = {name: of(value) for name, value in parameters(rule).items() if name in own}
    moved = rule.adaptation
    adapting = None if moved is None else replace(moved, decay=of(moved.decay), jump=of(moved.jump))
    return replace(rule, reset=reset, receptors=receptors, adaptation=adapting, **held)


def attribute(e: Evidence, index: tuple[int, ...], step: int) -> Attributed:
    """The terms of p of one neuron in one step; `e` holds one sample."""
    flat = int(np.ravel_multi_index(index, e.shape)) if e.shape else 0
    rule = single(e.population.rule, e.shape, index)
    events, drives, dropped = _arriving(e, flat, step)
    sums = _Integers(rule, events, dropped) if e.integer else _Floats(rule, events)
    state = state_of(Variant(rule, ()), (1,))
    fired = None if e.spikes is None else e.spikes.reshape(e.steps, 1, -1)[:, 0, flat]
    late = rule.reset.kind != "none" and rule.reset.when == "next" and rule.refractory is None
    for t in range(step + 1):
        if fired is not None and rule.spiking:
            state.given_s = np.array([fired[t]])
            if late:
                state.known = np.array([t > 0 and fired[t - 1]])
        before = _Before(float(_first(state.u)), float(state.v[0]), bool(state.pends()[0]) if rule.spiking else False)
        frozen = bool(state.waiting[0] > 0)
        state.step(t, [np.array([drive[t]]) for drive in drives])
        sums.step(t, before, state, frozen)
    theta = float(np.asarray(state.theta).ravel()[0]) if rule.spiking else None
    own = bool(np.asarray(state.own).ravel()[0]) and not frozen if rule.spiking else None
    return Attributed(float(state.p[0]), theta, own, _named(events, sums.p))


def _first(u: Any) -> Any:
    return u[0][0] if isinstance(u, list) else u[0]


@dataclass(frozen=True)
class _Before:
    """The state before a step."""

    u: float
    v: float
    pending: bool


def _arriving(e: Evidence, flat: int, step: int) -> tuple[_Events, list[Array], Array]:
    """The events that reach the neuron up to a step, what arrives at each receptor, and the bits that shifts drop."""
    count = 1 if e.integer else len(e.population.rule.receptors)  # type: ignore[union-attr]
    drives: list[Array] = [np.zeros(step + 1, np.int64 if e.integer else np.float64) for _ in range(count)]
    dropped: Array = np.zeros(step + 1)
    sources: list[str] = []
    columns: list[Array] = []
    for p in e.projections:
        rows = e.sources[p.source].reshape(e.steps, -1)
        matrix = chain_matrix(p.maps, e.network.shapes[p.source])
        start, stop = matrix.indptr[flat : flat + 2]
        weights, at = matrix.data[start:stop], matrix.indices[start:stop]
        last = step + 1 - p.delay
        if last <= 0:
            continue
        emitted = rows[:last][:, at]
        arrived: Array = np.zeros(step + 1, drives[0].dtype)
        arrived[p.delay :] = (emitted.astype(drives[0].dtype) @ weights).astype(drives[0].dtype)
        unit = 1.0
        if p.format is not None:
            shifted = accumulate(arrived, p.format)
            unit = 2.0 ** (p.format.exponent + STATE_SHIFT)
            dropped = dropped + ((shifted << STATE_SHIFT) - arrived * unit).astype(np.float64)
            arrived = shifted
        drives[p.receptor] = drives[p.receptor] + arrived
        t, j = np.nonzero(emitted * weights)
        sources += [p.source] * len(t)
        columns.append(
            np.stack([at[j], t, t + p.delay, np.full(len(t), p.receptor), emitted[t, j] * weights[j] * unit])
        )
    table = np.concatenate(columns, axis=1) if columns else np.zeros((5, 0))
    whole = table[:4].astype(np.int64)
    return _Events(sources, whole[0], whole[1], whole[2], whole[3], table[4].astype(np.float64)), drives, dropped


class _Floats:
    """Current and membrane of the float rule as sums: first the terms of the rule, then one per event."""

    def __init__(self, rule: Rule, events: _Events):
        self.rule, self.events = rule, events
        self.u = [np.zeros(len(TERMS) + len(events.step)) for _ in rule.receptors]
        self.v: Array = np.zeros(len(TERMS) + len(events.step))
        self.p = self.v
        for u, r in zip(self.u, rule.receptors, strict=True):
            u[FIRST_U] = float(r.initial)
        self.v[FIRST_V] = float(rule.initial)

    def step(self, t: int, before: _Before, state: Any, frozen: bool) -> None:
        rule, old_u, old_v = self.rule, self.u, self.v
        now = np.flatnonzero(self.events.arrives == t)
        fresh = []
        for k, (u, r) in enumerate(zip(old_u, rule.receptors, strict=True)):
            made = u * float(r.alpha)
            mine = now[self.events.receptor[now] == k]
            made[len(TERMS) + mine] += self.events.amount[mine]
            made[CONSTANT] += float(r.constant) * (t >= r.onset)
            fresh.append(made)
        used = fresh if rule.synapse == "sequential" else old_u
        q = old_v * float(rule.beta)
        for u, r in zip(used, rule.receptors, strict=True):
            q = q + float(r.gain) * u
        q[BIAS] += float(rule.bias) * (t >= rule.bias_onset)
        if rule.floor is not None:
            q[FLOOR] += max(float(rule.floor) - float(q.sum()), 0.0)
        late = rule.reset.kind != "none" and rule.reset.when != "now"
        pending, s = before.pending, bool(state.s[0])
        self.p = self._reset(q) if late and pending else q
        v, gone = self.p, late and pending
        if rule.reset.kind != "none" and rule.reset.when == "now" and s:
            v, gone = self._reset(self.p), True
        elif rule.reset.kind != "none" and rule.reset.when == "residual" and s != pending:
            v = self.p - (int(s) - int(pending)) * (self.p - self._reset(self.p))
        if rule.state_floor is not None:
            v = v.copy()
            v[FLOOR] += max(float(rule.state_floor) - float(v.sum()), 0.0)
        self.u = [0 * u if gone and r.reset else u for u, r in zip(fresh, rule.receptors, strict=True)]
        self.v = v
        if frozen and rule.refractory is not None:
            self.v = old_v
            self.u = old_u if rule.refractory.freezes == "membrane and current" else self.u

    def _reset(self, y: Array) -> Array:
        made = np.zeros_like(y) if self.rule.reset.kind == "to" else y.copy()
        made[RESET] += float(self.rule.reset.value) * (1 if self.rule.reset.kind == "to" else -1)
        return made


class _Integers:
    """The same of registers, in state units; what truncation, wraps and ends of registers add are terms."""

    def __init__(self, rule: Registers, events: _Events, dropped: Array):
        self.rule, self.events, self.dropped = rule, events, dropped
        self.u: Array = np.zeros(len(TERMS) + len(events.step))
        self.v: Array = np.zeros(len(TERMS) + len(events.step))
        self.p = self.v
        self.u[FIRST_U], self.v[FIRST_V] = float(rule.initial_u), float(rule.initial_v)

    def step(self, t: int, before: _Before, state: Any, frozen: bool) -> None:
        rule, old_u, old_v = self.rule, self.u, self.v
        now = np.flatnonzero(self.events.arrives == t)
        kept_u, kept_v = DECAY_UNITY - 1 - int(rule.du), DECAY_UNITY - int(rule.dv)
        u = old_u * (kept_u / DECAY_UNITY)
        u[FADE_U] += _decayed(before.u, kept_u) - before.u * kept_u / DECAY_UNITY
        u[len(TERMS) + now] += self.events.amount[now]
        u[SHIFT] += self.dropped[t]
        current = float(np.asarray(state.own_u[0]).ravel()[0])
        whole = float(np.round(u.sum()))
        u[WRAP] += current - whole
        q = old_v * (kept_v / DECAY_UNITY) + u
        faded = _decayed(before.v, kept_v)
        q[FADE_V] += faded - before.v * kept_v / DECAY_UNITY
        bias = float((int(rule.bias_mant) << int(rule.bias_exp)) * (t >= rule.bias_onset))
        q[BIAS] += bias
        q = self._clipped(q, faded + current + bias)
        late = rule.reset.kind != "none" and rule.reset.when != "now"
        pending, s = before.pending, bool(state.s[0])
        self.p = self._reset(q) if late and pending else q
        v = self.p
        if rule.reset.kind != "none" and rule.reset.when == "now" and s:
            v = self._reset(self.p)
        elif rule.reset.kind != "none" and rule.reset.when == "residual" and s != pending:
            v = self.p - (int(s) - int(pending)) * (self.p - self._reset(self.p))
            v = self._clipped(v, float(np.round(v.sum())))
        self.u, self.v = u, v
        if frozen and rule.refractory is not None:
            self.v = old_v
            self.u = old_u if rule.refractory.freezes == "membrane and current" else u

    def _clipped(self, y: Array, whole: float) -> Array:
        y = y.copy()
        y[CLIP] += float(np.clip(whole, -STATE_MAX, STATE_MAX)) - whole
        return y

    def _reset(self, y: Array) -> Array:
        made = np.zeros_like(y) if self.rule.reset.kind == "to" else y.copy()
        made[RESET] += float(self.rule.reset.value) * (1 if self.rule.reset.kind == "to" else -1)
        return self._clipped(made, float(np.round(made.sum())))


def _decayed(y: float, factor: int) -> float:
    return float(decay(np.asarray(int(y)), np.asarray(factor)))


def _named(events: _Events, amounts: Array) -> tuple[Contribution, ...]:
    """All terms that are not zero, largest first."""
    own = [Contribution("", (), 0, float(amounts[i]), text) for i, text in enumerate(TERMS) if amounts[i] != 0]
    arrived = [
        Contribution(
            events.source[i], (int(events.index[i]),), int(events.step[i]), float(amounts[len(TERMS) + i]), "event"
        )
        for i in np.flatnonzero(amounts[len(TERMS) :])
    ]
    return tuple(sorted([*own, *arrived], key=lambda each: -abs(each.amount)))


def unravelled(terms: tuple[Contribution, ...], shapes: Mapping[str, tuple[int, ...]]) -> tuple[Contribution, ...]:
    """Flat indices of source neurons as indices of their shapes."""
    return tuple(
        replace(each, index=tuple(int(i) for i in np.unravel_index(each.index[0], shapes[each.source])))
        if each.source
        else each
        for each in terms
    )
