"""Hypotheses about the rule: reset, comparator, order, refractory period, arithmetic, latency, time step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.hypothesis import Case, Hypothesis, decays_of
from snndeploy.engines.reference.integer_rule import wrap24
from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.network.rule import Refractory, Reset, Rule

WHEN = {"now": "in the step of the spike", "next": "in the next step", "residual": "late, with the residual given back"}


def resets(case: Case) -> Iterator[Hypothesis]:
    """Other kinds, times and amounts of the reset."""
    rule, e = case.rule, case.e
    if not rule.spiking or e.spikes is None or not e.spikes.any():
        return
    if isinstance(rule, Registers):
        theta: Any = np.asarray(rule.vth) << STATE_SHIFT
    else:
        theta = np.asarray(rule.threshold)
    own = rule.reset
    amounts: list[tuple[str, Any]] = [("0", 0 * theta), ("the threshold", theta)]
    if own.kind != "none":
        amounts.insert(0, (_number(own.value), own.value))
    yield Hypothesis("reset", "nothing is reset", case.with_rule(reset=Reset("none")))
    for kind, when in product(("to", "by"), ("now", "next", "residual")):
        for text, value in amounts:
            if (kind, when) == (own.kind, own.when) and np.array_equal(value, own.value):
                continue
            if kind == "by" and not np.any(value):
                continue
            said = f"reset to {text}" if kind == "to" else f"{text} is subtracted"
            changed = (kind != own.kind) + (when != own.when) + (not np.array_equal(value, own.value))
            made = Reset(kind, value, when)  # type: ignore[arg-type]
            yield Hypothesis("reset", f"{said}, {WHEN[when]}", case.with_rule(reset=made), rank=changed)
    if case.observed:
        yield from _amount(case)


def _amount(case: Case) -> Iterator[Hypothesis]:
    """The amount that the stored membranes after spikes show."""
    e, rule = case.e, case.rule
    own = rule.reset
    assert e.v is not None
    assert e.spikes is not None
    if own.kind == "none" or own.when != "now":
        return
    found = case.full(np.asarray(own.value, np.float64))
    for index in np.ndindex(*e.shape):
        at = e.spikes[(..., *index)]
        if at.any():
            v, p = e.v[(..., *index)][at], case.base.p[(..., *index)][at]
            found[index] = np.median(v if own.kind == "to" else p - v)
    if e.integer:
        found = np.round(found).astype(np.int64)
    said = "reset to" if own.kind == "to" else "subtracted is"
    variant = case.with_rule(reset=replace(own, value=found))
    yield Hypothesis("reset", f"{said} {_number(found)} in place of {_number(own.value)}", variant, rank=3)
    if own.kind == "by" and not e.integer and np.array_equal(case.full(own.value), case.full(rule.threshold)):  # type: ignore[union-attr]
        both = case.with_rule(reset=replace(own, value=found), threshold=found)
        yield Hypothesis("threshold", f"θ and what a spike takes away are {_number(found)}", both, rank=2)


def _number(value: Any) -> str:
    array = np.asarray(value)
    low, high = array.min(), array.max()
    return f"{low:.9g}" if low == high else f"{low:.6g} to {high:.6g}"


def comparators(case: Case) -> Iterator[Hypothesis]:
    if case.rule.spiking:
        variant = replace(case.whole, arithmetic=(("fires", np.greater_equal),))
        yield Hypothesis("comparator", "a spike is p >= θ, not p > θ", variant, rank=0)


def orders(case: Case) -> Iterator[Hypothesis]:
    if isinstance(case.rule, Rule):
        other: Any = "synchronous" if case.rule.synapse == "sequential" else "sequential"
        said = "the membrane takes the current of the step before" if other == "synchronous" else "of the same step"
        yield Hypothesis("order", said, case.with_rule(synapse=other))


def refractories(case: Case) -> Iterator[Hypothesis]:
    own = case.rule.refractory
    if not case.rule.spiking:
        return
    if own is not None:
        yield Hypothesis("refractory", "there is no refractory period", case.with_rule(refractory=None))
    base = 0 if own is None else own.steps
    for steps in range(max(1, base - 2), base + 5):
        for freezes in ("membrane", "membrane and current"):
            made = Refractory(steps, freezes)
            if own is None or (steps, freezes) != (own.steps, own.freezes):
                text = f"a refractory period of {steps} steps that freezes the {freezes}"
                yield Hypothesis("refractory", text, case.with_rule(refractory=made), rank=2)


def floors(case: Case) -> Iterator[Hypothesis]:
    if isinstance(case.rule, Rule):
        for name in ("floor", "state_floor"):
            own = getattr(case.rule, name)
            for value in (None, 0.0):
                if (own is None) != (value is None):
                    text = f"no {name}" if value is None else f"a {name} of {value:g}"
                    yield Hypothesis("state", text, case.with_rule(**{name: value}), rank=2)


def latencies(case: Case) -> Iterator[Hypothesis]:
    """Projections that take longer or shorter; the whole layer late."""
    own = case.e.projections
    for steps in (1, -1, 2, -2, 3):
        for i, p in enumerate(own):
            moved = tuple(replace(q, delay=q.delay + steps) if j == i else q for j, q in enumerate(own))
            text = f"projection {p.name!r} takes {p.delay + steps} steps, not {p.delay}"
            variant = replace(case.whole, projections=moved)
            yield Hypothesis(
                "latency",
                text,
                variant,
                projection=p.name,
                rank=1 + abs(steps),
                expected=p.delay,
                found=p.delay + steps,
            )
        moved = tuple(replace(q, delay=q.delay + steps) for q in own)
        variant = replace(case.whole, projections=moved)
        if len(own) > 1:
            yield Hypothesis("latency", f"all that arrives is {steps:+d} steps late", variant, rank=1 + abs(steps))
        if steps > 0:
            late = _later(case, steps)
            if late is not None:
                text = f"the whole layer is {steps} steps late, with its constants"
                yield Hypothesis("latency", text, replace(late, projections=moved), rank=1 + abs(steps))


def _later(case: Case, steps: int) -> Any:
    rule = case.rule
    if isinstance(rule, Registers):
        return case.with_rule(bias_onset=rule.bias_onset + steps) if np.any(rule.bias_mant) else None
    if not np.any(rule.bias) and not any(np.any(r.constant) for r in rule.receptors):
        return None
    receptors = tuple(replace(r, onset=r.onset + steps) for r in rule.receptors)
    return case.with_rule(bias_onset=rule.bias_onset + steps, receptors=receptors)


def _nearest(y: Array, factor: Array) -> Array:
    return np.asarray((y * factor + (DECAY_UNITY >> 1)) >> 12)


def _floored(y: Array, factor: Array) -> Array:
    return np.asarray((y * factor) >> 12)


def _away(y: Array, factor: Array) -> Array:
    return np.asarray(np.sign(y) * ((np.abs(y) * factor + DECAY_UNITY - 1) >> 12))


def _clipped(u: Array) -> Array:
    return np.clip(u, -STATE_MAX, STATE_MAX)


def _same(y: Array) -> Array:
    return y


def _wide(y: Array) -> Array:
    return np.asarray((y + 2**23) % 2**24 - 2**23)


ARITHMETIC: tuple[tuple[str, bool, str, str, Any], ...] = (
    ("state", True, "decays round down, not toward zero", "fade", _floored),
    ("state", True, "decays round to the nearest, not toward zero", "fade", _nearest),
    ("state", True, "decays round away from zero", "fade", _away),
    ("overflow", False, "u saturates where it should wrap", "wrapped", _clipped),
    ("overflow", False, "u is wider than 24 bits: it does not wrap", "wrapped", _same),
    ("overflow", False, "v wraps where it should saturate", "stored", wrap24),
    ("overflow", False, "v wraps as two's complement where it should saturate", "stored", _wide),
    ("overflow", False, "v is wider than 24 bits: it does not saturate", "stored", _same),
)


def arithmetic(case: Case) -> Iterator[Hypothesis]:
    """Rounding of states, and what happens at the ends of registers."""
    if not case.e.integer:
        return
    for kind, rounding, text, name, function in ARITHMETIC:
        variant = replace(case.whole, arithmetic=((name, function),))
        yield Hypothesis(kind, text, variant, rank=1, rounding=rounding)  # type: ignore[arg-type]


def time_steps(case: Case, scales: Any) -> Iterator[Hypothesis]:
    """All decays (and what they scale) for another dt: k = dt' / dt."""
    rule = case.rule
    if isinstance(rule, Registers):
        return
    alphas, beta = decays_of(rule)
    for k in scales:
        for way in ("Euler", "exact"):
            receptors = tuple(
                replace(r, alpha=np.where(a != 0, _decay(a, k, way), 0.0))
                for r, a in zip(rule.receptors, alphas, strict=True)
            )
            for scaled in (False, True):
                more: dict[str, Any] = {}
                made = receptors
                if scaled:
                    made = tuple(replace(r, gain=r.gain * k) for r in receptors)
                    more = {"bias": rule.bias * k}
                variant = case.with_rule(beta=_decay(beta, k, way), receptors=made, **more)
                text = f"dt is {k:.6g} times as long ({way} decays{', gains too' if scaled else ''})"
                yield Hypothesis("dt", text, variant, rank=4 + scaled, expected=1.0, found=float(k))


def _decay(y: Array, k: float, way: str) -> Array:
    """A decay per step for steps k times as long."""
    return np.asarray(1 - k * (1 - y) if way == "Euler" else np.maximum(y, 0) ** k)
