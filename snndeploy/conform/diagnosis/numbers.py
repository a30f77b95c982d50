"""Hypotheses about numbers of the rule, solved from the states: decays, biases, gains, thresholds, first states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.hypothesis import Case, Hypothesis
from snndeploy.conform.diagnosis.predict import Variant, state_frozen
from snndeploy.conform.diagnosis.result import Kind
from snndeploy.engines.reference.integer_rule import decay
from snndeploy.network.arrays import Array
from snndeploy.network.registers import BIAS_MANT_MAX, BIAS_MANT_MIN, DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.network.rule import Rule

# bins per neuron that a register is solved from
PROBES, PAIRS = 12, 400


def change(
    case: Case, kind: Kind, name: str, before: Any, after: Array, variant: Variant, rank: int = 2, **more: Any
) -> Hypothesis:
    """A number of the rule that is another one, in some neurons or in all."""
    old, new = case.full(before), case.full(after)
    moved = np.argwhere(old != new)
    if len(moved) == 1:
        at = tuple(int(i) for i in moved[0])
        text = f"{name} of neuron {list(at)} is {new[at]:.9g}, not {old[at]:.9g}"
        return Hypothesis(kind, text, variant, rank, index=at, expected=float(old[at]), found=float(new[at]), **more)
    at = tuple(int(i) for i in moved[0]) if len(moved) else (0,) * old.ndim
    same = len({(float(old[tuple(i)]), float(new[tuple(i)])) for i in moved}) == 1
    found = (
        f"{new[at]:.9g}, not {old[at]:.9g}"
        if same
        else f"another number, {new[at]:.9g} for {old[at]:.9g} at {list(at)}"
    )
    text = f"{name} of {len(moved)} of {old.size} neurons is {found}"
    return Hypothesis(kind, text, variant, rank, expected=float(old[at]), found=float(new[at]), **more)


def merged(before: Array, solved: Array, bad: Array, eps: float) -> Array:
    """Solved numbers where neurons differ; one number, or one shift, where they are nearly one."""
    if bad.sum() > 1:
        few, apart = solved[bad], (solved - before)[bad]
        near = max(1e-9, 64 * eps) * max(1.0, float(np.abs(few).max()))
        if np.ptp(few) <= near and np.ptp(before) == 0:
            return np.where(bad, np.median(few), before)
        if np.ptp(apart) <= near:
            return np.where(bad, before + np.median(apart), before)
    return np.where(bad, solved, before)


def decays(case: Case) -> Iterator[Hypothesis]:
    """alpha and beta from the ratios that states show from step to step."""
    e, base = case.e, case.base
    if isinstance(case.rule, Registers):
        yield from _registers(case)
        return
    for k, r in enumerate(case.rule.receptors):
        if e.u is None or not base.bad_u[:, :, k].any():
            continue
        first = np.broadcast_to(r.initial, (e.batch, *e.shape))
        prev = np.concatenate([first[None], e.u[:-1, :, k]])
        free: Array = np.ones(prev.shape, bool)
        if r.reset and e.spikes is not None:
            free = case.plain
        alpha = case.full(r.alpha)
        target = e.u[:, :, k] - (base.u[:, :, k] - alpha * prev)
        solved, bad = _ratio(target, prev, base.bad_u[:, :, k], free)
        for made in _spread(alpha, merged(alpha, solved, bad, e.eps)):
            yield change(case, "decay", f"α of receptor {k}", alpha, made, case.with_receptor(k, alpha=made))
    if e.v is not None and base.bad_v.any():
        beta = case.full(case.rule.beta)
        prev = np.concatenate([np.broadcast_to(case.rule.initial, e.v[:1].shape), e.v[:-1]])
        free = case.plain & (base.p == base.v)
        solved, bad = _ratio(e.v - (base.p - beta * prev), prev, base.bad_v, free)
        for made in _spread(beta, merged(beta, solved, bad, e.eps)):
            yield change(case, "decay", "β", beta, made, case.with_rule(beta=made))


def _spread(before: Array, made: Array) -> Iterator[Array]:
    """The change as it was solved; and the commonest shift in all neurons, for states do not always show one."""
    if np.array_equal(before, made):
        return
    yield made
    moved = made != before
    if 1 < moved.sum() < moved.size:
        shifts, counts = np.unique(np.round((made - before)[moved], 9), return_counts=True)
        everywhere = before + shifts[counts.argmax()]
        yield everywhere.astype(before.dtype)


def _ratio(target: Array, prev: Array, bad: Array, free: Array) -> tuple[Array, Array]:
    """target / prev of each neuron where |prev| is largest, and the neurons with a bad bin."""
    size = np.where(free, np.abs(prev), 0).reshape(-1, *prev.shape[2:])
    flat = size.reshape(size.shape[0], -1)
    at, neurons = flat.argmax(axis=0), np.arange(flat.shape[1])
    top = prev.reshape(flat.shape)[at, neurons]
    usable = flat[at, neurons] > 0
    ratio = np.where(usable, target.reshape(flat.shape)[at, neurons] / np.where(usable, top, 1), 0)
    wrong = bad.reshape(flat.shape).any(axis=0) & usable
    return ratio.reshape(prev.shape[2:]), wrong.reshape(prev.shape[2:])


def _registers(case: Case) -> Iterator[Hypothesis]:
    """du and dv: every one of 4096 is tried on the bins with the largest states."""
    e, base, rule = case.e, case.base, case.rule
    assert isinstance(rule, Registers)
    if e.u is not None and base.bad_u.any():
        prev = np.concatenate([np.broadcast_to(rule.initial_u, (1, e.batch, *e.shape)), e.u[:-1, :, 0]])
        gone = decay(prev, DECAY_UNITY - 1 - case.full(rule.du))
        target = e.u[:, :, 0] - (base.u[:, :, 0] - gone)
        safe = np.abs(base.u[:, :, 0]) < STATE_MAX // 2
        found = _searched(case.full(rule.du), prev, target, base.bad_u[:, :, 0], safe, DECAY_UNITY - 1)
        for made in () if found is None else _spread(case.full(rule.du), found):
            yield change(case, "decay", "du", rule.du, made, case.with_rule(du=made))
    if e.v is not None and base.bad_v.any():
        prev = np.concatenate([np.broadcast_to(rule.initial_v, (1, e.batch, *e.shape)), e.v[:-1]])
        target = e.v - (base.p - decay(prev, DECAY_UNITY - case.full(rule.dv)))
        safe = case.plain & (np.abs(base.p) < STATE_MAX)
        found = _searched(case.full(rule.dv), prev, target, base.bad_v, safe, DECAY_UNITY)
        for made in () if found is None else _spread(case.full(rule.dv), found):
            yield change(case, "decay", "dv", rule.dv, made, case.with_rule(dv=made))


def _searched(own: Array, prev: Array, target: Array, bad: Array, safe: Array, unity: int) -> Array | None:
    """The register nearest to `own` that gives `target` from `prev` in neurons with a bad bin; None: no change."""
    made, candidates = own.copy(), np.arange(DECAY_UNITY)
    order = None
    for index in map(tuple, np.argwhere(bad.any(axis=(0, 1)))):
        pairs = np.unique(np.stack([x[(..., *index)][safe[(..., *index)]] for x in (prev, target)]), axis=1)
        y, z = pairs[:, np.argsort(-np.abs(pairs[0]), kind="stable")]
        if order is None or own[index] != order[0]:
            order = (own[index], candidates[np.argsort(np.abs(candidates - own[index]), kind="stable")])
        left = order[1]
        # a few large states rule nearly all out
        for few in (slice(0, PROBES), slice(PROBES, PAIRS)):
            left = left[(decay(y[None, few], (unity - left)[:, None]) == z[None, few]).all(axis=1)]
        if left.size and y.any():
            made[index] = left[0]
    return None if np.array_equal(made, own) else made


def biases(case: Case) -> Iterator[Hypothesis]:
    """Constants that were dropped, doubled, begin at another step, or are another number."""
    rule = case.rule
    if isinstance(rule, Registers):
        yield from _integer_bias(case)
        return
    if np.any(rule.bias):
        yield Hypothesis("bias", "the bias is dropped", case.with_rule(bias=0.0), rank=1)
        for onset in {0, rule.bias_onset + 1, rule.bias_onset + 2} - {rule.bias_onset}:
            text = f"the bias begins at step {onset}, not {rule.bias_onset}"
            yield Hypothesis("bias", text, case.with_rule(bias_onset=onset), rank=1)
    for k, r in enumerate(rule.receptors):
        if np.any(r.constant):
            yield Hypothesis(
                "bias", f"the constant of receptor {k} is dropped", case.with_receptor(k, constant=0.0), rank=1
            )
            for onset in {0, r.onset + 1, r.onset + 2} - {r.onset}:
                text = f"the constant of receptor {k} begins at step {onset}, not {r.onset}"
                yield Hypothesis("bias", text, case.with_receptor(k, onset=onset), rank=1)
    e, base = case.e, case.base
    for k, r in enumerate(rule.receptors):
        if e.u is not None and base.bad_u[:, :, k].any():
            made = _shifted(case, r.constant, e.u[:, :, k] - base.u[:, :, k], base.bad_u[:, :, k], r.onset)
            yield change(
                case, "bias", f"the constant of receptor {k}", r.constant, made, case.with_receptor(k, constant=made), 3
            )
    if e.v is not None and base.bad_v.any():
        made = _shifted(case, rule.bias, np.where(case.plain, e.v - base.v, np.nan), base.bad_v, rule.bias_onset)
        yield change(case, "bias", "the bias", rule.bias, made, case.with_rule(bias=made), 3)


def _shifted(case: Case, before: Any, apart: Array, bad: Array, onset: int) -> Array:
    rows = apart[onset:].reshape(-1, *case.e.shape)
    known = ~np.isnan(rows)
    moved = (
        np.array(np.nanmedian(np.where(known.any(axis=0), rows, 0.0), axis=0)) if len(rows) else np.zeros(case.e.shape)
    )
    return case.full(before) + np.where(bad.any(axis=(0, 1)), np.nan_to_num(moved), 0.0)


def _integer_bias(case: Case) -> Iterator[Hypothesis]:
    e, base, rule = case.e, case.base, case.rule
    assert isinstance(rule, Registers)
    if np.any(rule.bias_mant):
        yield Hypothesis("bias", "the bias is dropped", case.with_rule(bias_mant=0), rank=1)
        for onset in {0, rule.bias_onset + 1, rule.bias_onset + 2} - {rule.bias_onset}:
            text = f"the bias begins at step {onset}, not {rule.bias_onset}"
            yield Hypothesis("bias", text, case.with_rule(bias_onset=onset), rank=1)
        for step in (-1, 1):
            exponent = np.asarray(rule.bias_exp) + step
            if exponent.min() >= 0:
                text = f"the exponent of the bias is {step:+d}"
                yield Hypothesis("bias", text, case.with_rule(bias_exp=exponent), rank=2)
    if e.v is None or not base.bad_v.any():
        return
    free = case.plain & (np.abs(base.p) < STATE_MAX)
    apart = np.where(free, (e.v - base.v).astype(np.float64), np.nan)
    made = _shifted(case, 0, apart, base.bad_v, rule.bias_onset).astype(np.int64)
    exponent, mantissa = case.full(rule.bias_exp), case.full(rule.bias_mant)
    whole = (mantissa << exponent) + made
    # the largest exponent that still holds the number
    smaller = np.where(whole % (1 << exponent) == 0, exponent, 0)
    new = whole >> smaller
    if new.min() >= BIAS_MANT_MIN and new.max() <= BIAS_MANT_MAX:
        variant = case.with_rule(bias_mant=new, bias_exp=smaller)
        yield change(case, "bias", "the bias", mantissa << exponent, whole, variant, 3)


def gains(case: Case) -> Iterator[Hypothesis]:
    """What one unit of the current adds to the membrane."""
    e, base, rule = case.e, case.base, case.rule
    if isinstance(rule, Registers) or e.v is None or len(rule.receptors) != 1 or not base.bad_v.any():
        return
    u = base.u[:, :, 0] if e.u is None else e.u[:, :, 0]
    if rule.synapse == "synchronous":
        return
    (r,) = rule.receptors
    gain = case.full(r.gain)
    solved, bad = _ratio(e.v - (base.p - gain * u), u, base.bad_v, case.plain)
    made = merged(gain, solved, bad, e.eps)
    if not np.array_equal(made, gain):
        yield change(case, "gain", "the gain", gain, made, case.with_receptor(0, gain=made), 3)


def thresholds(case: Case) -> Iterator[Hypothesis]:
    """The threshold that all recorded decisions allow, the nearest to the one that is expected."""
    e, base, rule = case.e, case.base, case.rule
    wrong = base.bad_s | base.bad_v if case.late else base.bad_s
    if not rule.spiking or e.spikes is None or not wrong.any():
        return
    scale = 1 << STATE_SHIFT if e.integer else 1
    own = np.asarray(rule.vth if isinstance(rule, Registers) else rule.threshold)
    # p relative to what moves in the threshold
    # a reset in the next step leaves p as the stored membrane, whatever the threshold was
    p = e.v if e.v is not None and case.late and rule.reset.when == "next" else base.p
    p = p - (base.theta - own * scale)
    awake = ~state_frozen(e, rule)
    top = np.where(~e.spikes & awake, p, -np.inf).max(axis=(0, 1))
    low = np.where(e.spikes & awake, p, np.inf).min(axis=(0, 1))
    bad = wrong.any(axis=(0, 1))
    before = case.full(own)
    for whole in (True, False):
        lower, upper = (top.max(), low.min()) if whole else (top, low)
        if not np.all(np.asarray(lower < upper) | ~bad):
            continue
        if whole and (bad.sum() < 2 or np.ptp(before) != 0):
            continue
        made = _between(before, np.broadcast_to(lower, before.shape), np.broadcast_to(upper, before.shape), scale)
        if made is None:
            continue
        after = made if whole else np.where(bad, made, before)
        variant = case.with_rule(vth=after) if e.integer else case.with_rule(threshold=after)
        name = "vth" if e.integer else "θ"
        yield change(case, "threshold", name, own, after, variant, 1)


def _between(own: Array, lower: Array, upper: Array, scale: int) -> Array | None:
    """The number nearest to `own` in [lower, upper)."""
    if scale == 1:
        found = np.where(own < lower, lower, np.where(own >= upper, np.nextafter(upper, -np.inf), own))
        return np.asarray(found)
    with np.errstate(invalid="ignore"):
        least = np.where(np.isfinite(lower), np.ceil(np.where(np.isfinite(lower), lower, 0) / scale), own)
        most = np.where(np.isfinite(upper), np.ceil(np.where(np.isfinite(upper), upper, 0) / scale) - 1, own)
    found = np.where(own * scale < lower, least, np.where(own * scale >= upper, most, own)).astype(np.int64)
    return found if (found >= 0).all() and (found < 2**17).all() else None


def starts(case: Case) -> Iterator[Hypothesis]:
    """States before the first step."""
    e, base, rule = case.e, case.base, case.rule
    if e.v is not None and base.bad_v[0].any() and not base.bad_v[1:].any():
        apart = np.median(e.v[0] - base.v[0], axis=0)
        if isinstance(rule, Registers):
            kept = DECAY_UNITY - case.full(rule.dv)
            left = decay(case.full(rule.initial_v), kept) + np.round(apart).astype(np.int64)
            # the least number of which the decay leaves this
            least = np.sign(left) * -(-np.abs(left) * DECAY_UNITY // np.where(kept > 0, kept, 1))
            made = np.where(np.round(apart) != 0, least, case.full(rule.initial_v))
            yield change(
                case, "initial state", "v before the first step", rule.initial_v, made, case.with_rule(initial_v=made)
            )
        else:
            beta = case.full(rule.beta)
            initial = case.full(rule.initial) + np.where(beta != 0, apart / np.where(beta != 0, beta, 1), 0)
            for each in _spread(case.full(rule.initial), initial):
                variant = case.with_rule(initial=each)
                yield change(case, "initial state", "v before the first step", rule.initial, each, variant)
    if e.u is not None and base.bad_u[0].any() and not base.bad_u[1:].any() and isinstance(rule, Rule):
        for k, r in enumerate(rule.receptors):
            alpha, apart = case.full(r.alpha), np.median(e.u[0, :, k] - base.u[0, :, k], axis=0)
            initial = case.full(r.initial) + np.where(alpha != 0, apart / np.where(alpha != 0, alpha, 1), 0)
            variant = case.with_receptor(k, initial=initial)
            yield change(case, "initial state", "u before the first step", r.initial, initial, variant)
