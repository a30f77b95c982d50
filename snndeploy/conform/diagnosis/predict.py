"""A layer one step ahead of what was recorded: from the recorded state of step t - 1 to that of step t, for all t.

Where u and v are recorded, every step is predicted on its own, so that an error is seen where it is made and nowhere
else: in the current (U), in the membrane given the recorded current and decision (V), in the decision given both (S). A
state that was not recorded is run forward from the start, with the recorded decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.evidence import ROUNDINGS, Evidence
from snndeploy.conform.rounding import quantum
from snndeploy.engines.reference.float_rule import FloatState
from snndeploy.engines.reference.integer_rule import IntegerState, decay
from snndeploy.network.arrays import Array
from snndeploy.network.network import Projection
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.network.rule import Rule

Compare = Callable[[Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Variant:
    """A layer as somebody may have computed it.

    Attributes:
        arithmetic: other operations by name of the state's method ("wrapped", "stored", "fade", "fires"), as functions
            of what the method takes.
        sources: what sources emitted in place of what was recorded, by name.
    """

    rule: Rule | Registers
    projections: tuple[Projection, ...]
    arithmetic: tuple[tuple[str, Any], ...] = ()
    sources: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a variant gives; arrays as in `Evidence`. bad_u, bad_v, bad_s: where it is not what was recorded.

    Attributes:
        p, theta: candidate and threshold in each bin.
        ties: decisions that differ within rounding.
    """

    u: Array
    v: Array
    p: Array
    theta: Array
    bad_u: Array
    bad_v: Array
    bad_s: Array
    ties: Array

    @property
    def bad(self) -> Array:
        """Bins with any difference, (time, batch, *shape)."""
        found: Array = self.bad_u.any(axis=2) | self.bad_v | self.bad_s
        return found

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.bad))


class _Floats(FloatState):
    """The rule with currents and decisions that may be given."""

    given_u: list[Array] | None = None
    given_s: Array | None = None
    known: Array | None = None
    cleared: Array | None = None
    decide: Compare
    own_u: list[Array]
    own: Array

    def charge(self, t: int, drive: list[Array]) -> list[Array]:
        self.own_u = super().charge(t, drive)
        if self.given_u is None:
            return self.own_u
        # a current that was cleared after it acted was not recorded as it acted
        gone = self.cleared if self.cleared is not None else np.zeros(self.v.shape, bool)
        pairs = zip(self.rule.receptors, self.own_u, self.given_u, strict=True)
        return [np.where(gone, own, given) if r.reset else given for r, own, given in pairs]

    def pends(self) -> Array:
        return super().pends() if self.known is None else self.known

    def fires(self, p: Array, theta: Array) -> Array:
        self.own = self.decide(p, theta)
        return self.own if self.given_s is None else self.given_s


class _Integers(IntegerState):
    """The same on registers, with operations that may be others."""

    given_u: list[Array] | None = None
    given_s: Array | None = None
    known: Array | None = None
    cleared: Array | None = None
    others: dict[str, Any]
    own_u: list[Array]
    own: Array

    def charge(self, drive: Array) -> Array:
        own = super().charge(drive)
        self.own_u = [own]
        return own if self.given_u is None else self.given_u[0]

    def fade(self, y: Array, factor: Array) -> Array:
        return np.asarray(self.others.get("fade", super().fade)(y, factor))

    def wrapped(self, u: Array) -> Array:
        return np.asarray(self.others.get("wrapped", super().wrapped)(u))

    def stored(self, v: Array) -> Array:
        return np.asarray(self.others.get("stored", super().stored)(v))

    def pends(self) -> Array:
        return super().pends() if self.known is None else self.known

    def fires(self, p: Array, theta: Array) -> Array:
        self.own = np.asarray(self.others.get("fires", super().fires)(p, theta))
        return self.own if self.given_s is None else self.given_s


def state_of(variant: Variant, shape: tuple[int, ...]) -> Any:
    others = dict(variant.arithmetic)
    if isinstance(variant.rule, Registers):
        integers = _Integers(variant.rule, shape)
        integers.others = others
        return integers
    floats = _Floats(variant.rule, shape)
    floats.decide = others.get("fires", np.greater)
    return floats


def predict(e: Evidence, variant: Variant) -> Predicted:
    """What a variant of the layer gives, one step ahead of what was recorded."""
    drives = list(e.drives(variant.projections, variant.sources))
    if isinstance(variant.rule, Rule):
        # currents that nothing feeds
        drives += [np.zeros_like(drives[0])] * (len(variant.rule.receptors) - len(drives))
    whole = e.v is not None and (e.u is not None or not _remembers(variant))
    u, own_u, v, p, theta, own = (_at_once if whole else _in_turn)(e, variant, drives)
    tol_u, tol_v = _tolerances(e, v, whole)
    none: Array = np.zeros(v.shape, bool)
    bad_u: Array = np.zeros(u.shape, bool) if e.u is None else np.abs(own_u - e.u) > tol_u
    bad_v = none if e.v is None else np.abs(v - e.v) > tol_v
    if e.spikes is None:
        return Predicted(own_u, v, p, theta, bad_u, bad_v, none, none)
    differs = own != e.spikes
    ties = differs & (np.abs(p - theta) <= tol_v) & (np.asarray(tol_v) > 0) if not e.integer else none
    return Predicted(own_u, v, p, theta, bad_u, bad_v, differs & ~ties, ties)


def _remembers(variant: Variant) -> bool:
    rule = variant.rule
    if isinstance(rule, Registers):
        return bool((np.asarray(rule.du) != DECAY_UNITY - 1).any())
    # what arrived a step ago is in the current, too
    return rule.synapse == "synchronous" or any(np.asarray(r.alpha).any() for r in rule.receptors)


def _receptors(e: Evidence) -> int:
    return 1 if e.integer else len(e.population.rule.receptors)  # type: ignore[union-attr]


def _initial(variant: Variant, shape: tuple[int, ...]) -> tuple[list[Array], Array]:
    begin = state_of(variant, shape)
    return (begin.u if isinstance(begin.u, list) else [begin.u]), begin.v


def _before(first: Array, rows: Array) -> Array:
    return np.concatenate([first[None], rows[:-1]])


def _at_once(e: Evidence, variant: Variant, drives: Sequence[Array]) -> tuple[Array, ...]:
    """Time is folded into the batch: each step begins with what was recorded of the one before."""
    assert e.v is not None
    rule, count = variant.rule, e.steps * e.batch
    flat = (count, *e.shape)
    first_u, first_v = _initial(variant, (e.batch, *e.shape))
    state = state_of(variant, flat)
    state.v = _before(first_v, e.v).reshape(flat)
    if e.u is not None:
        old = [_before(first, e.u[:, :, k]).reshape(flat) for k, first in enumerate(first_u)]
        state.given_u = [e.u[:, :, k].reshape(flat) for k in range(_receptors(e))]
    else:
        old = [_before(first, np.zeros((e.steps, e.batch, *e.shape), first.dtype)).reshape(flat) for first in first_u]
    state.u = old[0] if isinstance(rule, Registers) else old
    adapted, used = _adapted(e, variant)
    state.adapted = adapted.reshape(flat)
    threshold = rule.vth if isinstance(rule, Registers) else rule.threshold
    if threshold is not None:
        level = np.asarray(threshold) << STATE_SHIFT if isinstance(rule, Registers) else np.asarray(threshold)
        state.theta = np.broadcast_to(level, (e.steps, e.batch, *e.shape)).reshape(flat) + _before(
            0 * used[0], used
        ).reshape(flat)
        assert e.spikes is not None
        state.given_s = e.spikes.reshape(flat)
        state.waiting = _waiting(e, rule).reshape(flat)
        state.cleared = _gone(state, state.given_s)
    steps = np.repeat(np.arange(e.steps), e.batch).reshape(-1, *(1,) * len(e.shape))
    state.step(steps, [each.reshape(flat) for each in drives])
    whole = (e.steps, e.batch, *e.shape)
    own = getattr(state, "own", np.zeros(flat, bool)) & ~(state_frozen(e, rule).reshape(flat))
    own_u = np.stack([each.reshape(whole) for each in state.own_u], axis=2)
    used_u, gone = own_u if e.u is None else e.u, getattr(state, "cleared", None)
    return (
        used_u,
        _cleared(own_u, e, variant, None if gone is None else gone.reshape(whole)),
        state.v.reshape(whole),
        state.p.reshape(whole),
        np.broadcast_to(state.theta, flat).reshape(whole),
        own.reshape(whole),
    )


def _cleared(u: Array, e: Evidence, variant: Variant, gone: Array | None) -> Array:
    """Currents as they are stored: cleared with the membrane, or frozen by a refractory period."""
    rule = variant.rule
    if e.u is None or e.spikes is None:
        return u
    if isinstance(rule, Rule) and gone is not None and any(r.reset for r in rule.receptors):
        clears = np.array([r.reset for r in rule.receptors]).reshape(1, 1, -1, *(1,) * len(e.shape))
        u = np.where(gone[:, :, None] & clears, 0.0, u)
    if rule.refractory is not None and rule.refractory.freezes == "membrane and current":
        first = np.stack(_initial(variant, (e.batch, *e.shape))[0], axis=1)
        u = np.where(state_frozen(e, rule)[:, :, None], _before(first, e.u), u)
    return u


def _gone(state: Any, given_s: Array | None) -> Array | None:
    """Where the reset of this step clears currents; None where none does."""
    rule = state.rule
    if isinstance(rule, Registers) or given_s is None or rule.reset.kind == "none":
        return None
    return given_s if rule.reset.when == "now" else np.asarray(state.pends())


def state_frozen(e: Evidence, rule: Rule | Registers) -> Array:
    return np.asarray(_waiting(e, rule) > 0)


def _waiting(e: Evidence, rule: Rule | Registers) -> Array:
    """Refractory steps that are left before each step, by the recorded spikes."""
    if rule.refractory is None or e.spikes is None:
        return np.broadcast_to(np.int64(0), (e.steps, e.batch, *e.shape))
    found = np.zeros((e.steps, e.batch, *e.shape), np.int64)
    left = found[0]
    for t in range(e.steps):
        found[t] = left
        left = np.where(e.spikes[t] & (left == 0), rule.refractory.steps, np.maximum(left - 1, 0))
    return found


def _adapted(e: Evidence, variant: Variant) -> tuple[Array, Array]:
    """The adaptation before each step, and what of it was in the threshold of the step, by the recorded spikes."""
    rule = variant.rule
    whole = (e.steps, e.batch, *e.shape)
    kind = np.int64 if isinstance(rule, Registers) else np.float64
    before, used = np.zeros(whole, kind), np.zeros(whole, kind)
    moves = rule.adaptation
    if moves is None or e.spikes is None:
        return before, used
    held = before[0]
    for t in range(e.steps):
        before[t] = held
        if isinstance(rule, Registers):
            faded = decay(held, DECAY_UNITY - np.asarray(moves.da))  # type: ignore[union-attr]
        else:
            faded = np.asarray(moves.decay) * held  # type: ignore[union-attr]
        used[t] = faded if moves.decays == "before" else held
        held = faded + np.asarray(moves.jump) * e.spikes[t]
    return before, used


def _in_turn(e: Evidence, variant: Variant, drives: Sequence[Array]) -> tuple[Array, ...]:
    """States run forward from the start, with recorded decisions, currents and membranes where there are some."""
    state = state_of(variant, (e.batch, *e.shape))
    rule = variant.rule
    late = rule.reset.kind != "none" and rule.reset.when == "next"
    first_u, first_v = _initial(variant, (e.batch, *e.shape))
    rows: list[list[Array]] = [[] for _ in range(6)]
    frozen, cleared = state_frozen(e, rule), []
    for t in range(e.steps):
        if e.u is not None:
            old = first_u if t == 0 else [e.u[t - 1, :, k] for k in range(_receptors(e))]
            state.u = old[0] if isinstance(rule, Registers) else old
            state.given_u = [e.u[t, :, k] for k in range(_receptors(e))]
        if e.v is not None:
            state.v = first_v if t == 0 else e.v[t - 1]
        if e.spikes is not None:
            state.given_s = e.spikes[t]
            if late and e.v is None and rule.refractory is None:
                # the stored membrane is above the threshold exactly where a spike was recorded
                state.known = np.zeros_like(e.spikes[0]) if t == 0 else e.spikes[t - 1]
        state.cleared = _gone(state, state.given_s)
        cleared.append(np.zeros(state.v.shape, bool) if state.cleared is None else state.cleared)
        state.step(t, [each[t] for each in drives])
        now = state.u if isinstance(state.u, list) else [state.u]
        own = getattr(state, "own", np.zeros(state.v.shape, bool)) & ~frozen[t]
        made = (np.stack(now, 1), np.stack(state.own_u, 1), state.v, state.p, state.theta, own)
        for held, each in zip(rows, made, strict=True):
            held.append(np.broadcast_to(each, each.shape))
    u, own_u, v, p, theta, own = (np.stack(each) for each in rows)
    return u, _cleared(own_u, e, variant, np.stack(cleared)), v, p, theta, own


def _tolerances(e: Evidence, v: Array, whole: bool) -> tuple[Array | float, Array | float]:
    """How far one step of the trace's arithmetic may be off, for each current and for the membrane.

    0 where all terms lie on one grid of a power of two that the type holds, so that nothing is rounded.
    """
    if e.integer:
        return 0, 0
    rule = e.population.rule
    assert isinstance(rule, Rule)
    levels = [0.0 if rule.threshold is None else rule.threshold, rule.initial, rule.bias]
    levels += [] if rule.reset.kind == "none" else [rule.reset.value]
    shift: Array = np.asarray(sum(np.abs(x) for x in levels))
    before = np.zeros_like(v) if e.v is None else _before(np.broadcast_to(rule.initial, v[0].shape), e.v)
    size = np.abs(v) + np.abs(before) + (0.0 if e.v is None else np.abs(e.v)) + shift
    grain = np.minimum(quantum(rule.beta) * quantum(before), np.minimum.reduce([quantum(x).min() for x in levels]))
    size, rounded = ROUNDINGS * size, size
    errors = []
    for k, (r, (arrived, grid)) in enumerate(zip(rule.receptors, e.sizes, strict=True)):
        held, old = np.zeros_like(v), np.zeros_like(v)
        if e.u is not None:
            old = _before(np.broadcast_to(r.initial, v[0].shape), e.u[:, :, k])
            held = np.abs(e.u[:, :, k]) + np.abs(old)
        carried = arrived
        if e.u is None and np.asarray(r.alpha).any():
            carried = arrived.copy()
            for t in range(1, e.steps):
                carried[t] += np.abs(r.alpha) * carried[t - 1]
        error = carried + ROUNDINGS * (held + np.abs(r.constant))
        fine = np.minimum(grid, np.minimum(quantum(r.constant), np.minimum(1, quantum(r.alpha)) * quantum(old)))
        fine = np.where((np.asarray(r.alpha) == 0) | (e.u is not None), fine, 0.0)
        exact = error * 2 <= 2.0 / e.eps * fine
        errors.append(np.where(exact & (not e.converted), 0.0, error))
        size = size + np.abs(r.gain) * (error if e.u is None else ROUNDINGS * held)
        rounded = rounded + np.abs(r.gain) * error
        grain = np.minimum(grain, quantum(r.gain) * (fine if e.u is None else quantum(e.u[:, :, k])))
    # a trace in other units rounds at the size of those
    factor = e.eps * (8 if e.converted else 1)
    if not whole:
        # what is run forward carries its errors on
        size = size.copy()
        for t in range(1, e.steps):
            size[t] += np.abs(rule.beta) * size[t - 1]
    elif not e.converted and rule.adaptation is None:
        size = np.where(rounded * 2 <= 2.0 / e.eps * grain, 0.0, size)
    return factor * np.stack(errors, axis=2), factor * size
