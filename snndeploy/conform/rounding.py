"""How far an engine's arithmetic may move a membrane: a running error analysis of the update rule.

Every elementary operation of an engine is exact but for a relative error of at most ε (2^-24 in float32, 2^-53 in
float64; the definition's own 2^-53 is added). So a sum of n products, in any order, is off by at most
γ(n)·Σ|w·s| with γ(n) = nε / (1 - nε), where only products that are not zero count (adding zero is exact). The
frameworks order the operations of a step in different ways, for example v + k·((x + leak) - v) for β·v + x'; `STEP`
and the factors 2 of the magnitudes below cover all of them to first order and more. Errors of the step before are
carried on by |α|, |β| and |gain|, and end where a reset sets the membrane to a constant.

Where all terms are multiples of one power of two, and so small that the type holds every such multiple, nothing is
rounded and the bound is 0: with dyadic parameters p = θ is not a tie, and `>=` in place of `>` is found.

A rebuilt module computes in units of its own: weights times a factor, a membrane that is shifted by up to the sum of
threshold, reset value and initial value, a bias within a current. Then everything is rounded, at the size of the shift.

Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, sections 3.1 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.engines.reference.float_rule import FloatState
from snndeploy.network.arrays import Array
from snndeploy.network.magnitudes import magnitudes
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Sparse
from snndeploy.network.rule import Rule

TYPES: dict[str, type] = {"float32": np.float32, "float64": np.float64}
# Roundings in one step of any known framework: at most 5 for the membrane, 4 for the current.
STEP = 8


@dataclass(frozen=True, eq=False)
class Drive:
    """What arrives at one receptor.

    Attributes:
        value, magnitude: the sum, and the sum of magnitudes.
        roundings: through how many a term may go.
        quantum: a power of two of which every term is a multiple.
    """

    value: Array
    magnitude: Array
    roundings: Array
    quantum: float = np.inf


def quantum(x: Any) -> Array:
    """The largest power of two that divides each number; infinite for 0."""
    part, exponent = np.frexp(np.asarray(x, np.float64))
    whole = np.ldexp(part, 53).astype(np.int64)
    low = (whole & -whole).astype(np.float64)
    return np.where(whole == 0, np.inf, np.ldexp(low, exponent - 53))


def _grain(each: Map) -> float:
    """The quantum of a map's weights."""
    match each:
        case Dense() | Conv():
            return float(quantum(each.weight).min(initial=np.inf))
        case Sparse():
            return float(quantum(each.weight.data).min(initial=np.inf))
        case Scale():
            return float(quantum(each.factor).min(initial=np.inf))
        case Pool() if each.kind == "average":
            # places at the border may divide by any smaller number, which is dyadic for all only if there is none
            whole = not each.ceil_mode and (each.count_include_pad or not any(each.padding))
            return float(quantum(1 / np.prod(each.kernel))) if whole else 5e-324
    return 1.0


def fan_in(each: Map) -> int:
    """The most terms of one sum."""
    match each:
        case Dense() | Conv():
            return int(np.prod(each.weight.shape[1:]))
        case Sparse():
            return int(np.diff(each.weight.indptr).max(initial=0))
        case Pool():
            return int(np.prod(each.kernel))
        case Flatten() | Reshape() | Scale():
            return 1
    raise TypeError(type(each).__name__)


def terms(maps: tuple[Map, ...], at: int) -> int:
    """The most terms of one sum of a map, also where an engine joins it with the pool behind it."""
    each, behind = maps[at], maps[at + 1] if at + 1 < len(maps) else None
    if not isinstance(each, Conv) or not isinstance(behind, Pool):
        return fan_in(each)
    sizes = [(k - 1) * s + n for k, s, n in zip(behind.kernel, each.stride, each.kernel, strict=True)]
    return int(each.weight.shape[1] * np.prod(sizes))


def arrive(maps: tuple[Map, ...], emitted: Array, rank: int) -> Drive:
    """Emissions `(steps, batch, *shape)` through a chain of maps; `rank`: axes of the shape that comes out."""
    value, size = emitted, np.abs(emitted)
    roundings: Array = np.zeros(emitted.shape[:2])
    grain = float(quantum(emitted).min(initial=np.inf))
    for at, each in enumerate(maps):
        grain *= _grain(each)
        active = np.count_nonzero(size.reshape(*size.shape[:2], -1), axis=2)
        # one for each sum, one for the product, one for a weight that the type does not hold
        roundings = roundings + np.minimum(active, terms(maps, at)) + 2
        value, size = each.apply(value), magnitudes(each).apply(size)
    return Drive(value, size, (roundings + 1).reshape(*roundings.shape, *(1,) * rank), grain)


class Rounding:
    """Bounds on |engine - definition| of u, v and the adaptation of one population, arrays (batch, *shape).

    `constants`: what an engine adds up in every step where the definition has one number.
    """

    def __init__(
        self,
        rule: Rule,
        shape: tuple[int, ...],
        dtype: str,
        converted: bool = False,
        constants: Drive | None = None,
    ):
        self.rule, self.type = rule, TYPES[dtype]
        half = float(np.finfo(self.type).eps) / 2
        self.eps = half + 2.0**-53
        # a constant that the engine adds up from larger terms
        self.made = np.zeros(()) if constants is None else self.gamma(constants.roundings + STEP) * constants.magnitude
        self.tiny = STEP * float(np.finfo(self.type).tiny)
        self.grains, self.converted = 2.0 ** np.finfo(self.type).nmant, converted
        threshold = 0.0 if rule.threshold is None else rule.threshold
        shifts = (threshold, rule.initial, 0.0 if rule.reset.kind == "none" else rule.reset.value)
        self.shift: Array = np.broadcast_to(sum(np.abs(y) for y in shifts) if converted else np.zeros(()), shape)
        self.apart: Array = np.abs(rule.bias) if converted else np.zeros(())
        self.shrink = min([1.0, *(float(quantum(y).min()) for y in (rule.beta, *(r.gain for r in rule.receptors)))])
        self.u = [np.broadcast_to(self.misfit(r.initial), shape) for r in rule.receptors]
        self.v: Array = np.broadcast_to(self.misfit(rule.initial), shape)
        self.adapted: Array = np.zeros(shape)
        self.theta: Array = np.broadcast_to(self._threshold_misfit(), shape)

    def misfit(self, value: Any) -> Array:
        """How far a parameter is from the number that the type holds for it."""
        exact = np.asarray(value, np.float64)
        moved = 4 * self.eps * (np.abs(exact) + self.shift) if self.converted else 0.0
        return np.abs(exact.astype(self.type).astype(np.float64) - exact) + moved

    def _threshold_misfit(self) -> Array:
        return self.misfit(0.0 if self.rule.threshold is None else self.rule.threshold)

    def gamma(self, n: Array) -> Array:
        return n * self.eps / (1 - n * self.eps)

    def advance(self, t: int, before: FloatState, after: FloatState, drive: list[Drive], pending: Array) -> Array:
        """One step, from state `before` to `after`; returns the bound on p - θ (on v, without threshold)."""
        frozen = before.waiting > 0
        old_u, old_v = self.u, self.v
        new_u, q = self._candidate(t, before, drive)
        p = self._reset(q, after.p, pending)
        self.theta = self._threshold(before)
        self.u, self.v = new_u, self._stored(p, after, pending)
        self._clear(after, pending)
        if self.rule.refractory is not None:
            self.v = np.where(frozen, old_v, self.v)
            if self.rule.refractory.freezes == "membrane and current":
                self.u = [np.where(frozen, old, new) for old, new in zip(old_u, self.u, strict=True)]
        return self.v if self.rule.threshold is None else p + self.theta

    def _candidate(self, t: int, before: FloatState, drive: list[Drive]) -> tuple[list[Array], Array]:
        """Bounds of u[t] and q."""
        rule, eps = self.rule, self.eps
        bias = np.abs(rule.bias) * np.float64(t >= rule.bias_onset)
        new_u, q = [], np.abs(rule.beta) * self.v
        size = 2 * (np.abs(before.v) + self.v + self.shift) + bias
        whole, grain, exact = size + bias / self.shrink, quantum(before.v), self.v == 0
        for k, r in enumerate(rule.receptors):
            fed = drive[k].magnitude + np.abs(r.constant) * np.float64(t >= r.onset)
            held = np.divide(self.apart, np.abs(r.gain), out=np.zeros_like(self.u[k]), where=np.asarray(r.gain) != 0)
            filtered, old = np.asarray(r.alpha) != 0, np.abs(before.u[k]) + self.u[k] + held
            large = fed + 2 * old * filtered
            arrived = np.minimum(drive[k].quantum, quantum(r.constant))
            carried = np.where(filtered, np.minimum(1, quantum(r.alpha)) * quantum(before.u[k]), np.inf)
            new_grain = np.minimum(arrived, carried)
            error = np.abs(r.alpha) * self.u[k] + self.gamma(drive[k].roundings + STEP) * fed + STEP * eps * large
            error = self._rounded(
                (~filtered | (self.u[k] == 0)) & (self.made == 0), large, new_grain, error + self.made
            )
            new_u.append(error)
            late = rule.synapse == "synchronous"
            used = self.u[k] if late else error
            large = old if late else large
            q = q + np.abs(r.gain) * used
            size = size + np.abs(r.gain) * large
            whole, exact = whole + large * (1 + np.abs(r.gain)), exact & (used == 0)
            grain = np.minimum(grain, quantum(before.u[k]) if late else new_grain)
        q = q + (STEP + len(new_u)) * eps * size + self.tiny
        q = self._rounded(exact, whole, np.minimum(grain * self.shrink, quantum(rule.bias)), q)
        return new_u, q if rule.floor is None else np.maximum(q, self.misfit(rule.floor))

    def _rounded(self, exact: Array, size: Array, grain: Array, error: Array) -> Array:
        """`error`, or 0 where exact numbers on a grid of `grain` are so small that the type holds the whole grid."""
        return error if self.converted else np.where(exact & (size <= self.grains * grain), 0.0, error)

    def _amount(self, p: Array, error: Array) -> Array:
        """What the subtraction of a reset's value adds to an error."""
        value = self.rule.reset.value
        size, grain = np.abs(p) + 2 * np.abs(value), np.minimum(quantum(p), quantum(value))
        return self._rounded(error == 0, size, grain, 2 * self.eps * size + self.misfit(value))

    def _reset(self, q: Array, p: Array, pending: Array) -> Array:
        """Bound of p."""
        reset = self.rule.reset
        if reset.kind == "none" or reset.when == "now":
            return q
        return np.where(pending, self.misfit(reset.value) if reset.kind == "to" else q + self._amount(p, q), q)

    def _stored(self, error: Array, after: FloatState, pending: Array) -> Array:
        """Bound of v[t] before it is frozen; `error`: of p."""
        rule, s = self.rule, after.s
        exact, v = self.misfit(rule.reset.value), error
        if rule.reset.kind != "none" and rule.reset.when == "now":
            v = np.where(s, exact if rule.reset.kind == "to" else error + self._amount(after.p, error), error)
        elif rule.reset.kind != "none" and rule.reset.when == "residual":
            more = 2 * self._amount(after.p, error)
            # p - p is exact, so a reset to zero is; to another value it is a difference of rounded numbers
            to = np.where(np.asarray(rule.reset.value) == 0, exact, exact + more)
            v = np.where(s == pending, error, to if rule.reset.kind == "to" else error + more)
        return v if rule.state_floor is None else np.maximum(v, self.misfit(rule.state_floor))

    def _clear(self, after: FloatState, pending: Array) -> None:
        """What a spike does to u and to the adaptation."""
        reset, adaptation = self.rule.reset, self.rule.adaptation
        if reset.kind != "none":
            gone = after.s if reset.when == "now" else pending
            self.u = [
                np.where(gone, 0.0, u) if r.reset else u for r, u in zip(self.rule.receptors, self.u, strict=True)
            ]
        if adaptation is not None:
            threshold = np.abs(np.asarray(0.0 if self.rule.threshold is None else self.rule.threshold))
            size = threshold + np.abs(after.adapted) + np.abs(adaptation.jump)
            grown = self.adapted + self.misfit(adaptation.jump) + 2 * self.eps * size
            self.adapted = np.where(after.s, grown, self.adapted)

    def _threshold(self, before: FloatState) -> Array:
        """Bound of θ; the adaptation's error decays."""
        adaptation, own = self.rule.adaptation, self._threshold_misfit()
        if adaptation is None:
            return np.broadcast_to(own, self.v.shape)
        threshold = np.abs(np.asarray(0.0 if self.rule.threshold is None else self.rule.threshold))
        # engines may store threshold + a, as Norse does, and round at its size
        size = threshold + np.abs(before.adapted) + self.adapted
        decayed = np.abs(adaptation.decay) * self.adapted + STEP * self.eps * 2 * size
        used = decayed if adaptation.decays == "before" else self.adapted
        self.adapted = decayed
        bound: Array = own + used + 2 * self.eps * size
        return bound
