"""One population in the integer form, step by step. The arithmetic is in `network/registers.py`."""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Format, Registers


def wrap32(y: Array) -> Array:
    """int64 -> the value that a 32-bit register would hold, as int64."""
    return y.astype(np.int32).astype(np.int64)


def accumulate(arrived: Array, form: Format) -> Array:
    """Mantissa sums -> a: the exponent shifts the sum, as a 32-bit integer."""
    e = form.exponent
    return wrap32(arrived << e if e >= 0 else arrived >> -e)


def decay(y: Array, factor: Array) -> Array:
    """y·factor / 4096, toward zero."""
    return np.asarray(np.sign(y) * ((np.abs(y) * factor) >> 12))


def wrap24(y: Array) -> Array:
    return np.where(y > STATE_MAX + 1, y - 2**24, np.where(y <= -STATE_MAX - 1, y + 2**24, y))


def clip24(y: Array) -> Array:
    return np.clip(y, -STATE_MAX, STATE_MAX)


class IntegerState:
    """u and v as int64 arrays (batch, *shape)."""

    def __init__(self, rule: Registers, shape: tuple[int, ...]):
        self.rule = rule
        self.u: Array = np.broadcast_to(np.asarray(rule.initial_u), shape).astype(np.int64)
        self.v: Array = np.broadcast_to(np.asarray(rule.initial_v), shape).astype(np.int64)
        self.s: Array = np.zeros(shape, bool)
        self.p: Array = self.v
        self.adapted: Array = np.zeros(shape, np.int64)
        self.theta: Array = np.broadcast_to(np.asarray(0 if rule.vth is None else rule.vth) << STATE_SHIFT, shape)
        self.waiting: Array = np.zeros(shape, np.int64)

    def silence(self) -> list[Array]:
        """What arrives if nothing does."""
        return [np.zeros(self.v.shape, np.int64)]

    def step(self, t: int, drive: list[Array]) -> Array:
        """Takes the accumulation `a: int64 (batch, *shape)`; returns what is emitted: spikes as 0/1, or v."""
        rule = self.rule
        u = self.charge(drive[0])
        bias = wrap32(np.asarray(rule.bias_mant) << np.asarray(rule.bias_exp)) * (t >= rule.bias_onset)
        q = self.stored(wrap32(self.fade(self.v, DECAY_UNITY - np.asarray(rule.dv)) + u + bias))
        if rule.vth is None:
            self.u, self.v, self.p = u, q, q
            return q
        pending = self.pends()
        theta, faded = self._threshold()
        late = rule.reset.kind != "none" and rule.reset.when in ("next", "residual")
        p = np.where(pending, self.stored(self._reset(q)), q) if late else q
        frozen = self.waiting > 0
        s = self.fires(p, theta) & ~frozen
        v = p
        if rule.reset.kind != "none" and rule.reset.when == "now":
            v = np.where(s, self.stored(self._reset(p)), p)
        elif rule.reset.kind != "none" and rule.reset.when == "residual":
            v = self.stored(p - (s.astype(np.int64) - pending) * (p - self._reset(p)))
        if rule.refractory is not None:
            v = np.where(frozen, self.v, v)
            if rule.refractory.freezes == "membrane and current":
                u = np.where(frozen, self.u, u)
            self.waiting = np.where(s, rule.refractory.steps, np.maximum(self.waiting - 1, 0))
        if rule.adaptation is not None:
            self.adapted = clip24(faded + np.asarray(rule.adaptation.jump) * s)
        self.u, self.v, self.s, self.p, self.theta = u, v, s, p, theta
        return s.astype(np.int64)

    def charge(self, drive: Array) -> Array:
        """u[t]; what follows are the operations of a core, of which a diagnosis tries others."""
        a = wrap32(wrap32(drive) << STATE_SHIFT)
        return self.wrapped(wrap32(self.fade(self.u, DECAY_UNITY - 1 - np.asarray(self.rule.du)) + a))

    def fade(self, y: Array, factor: Array) -> Array:
        """What a decay leaves."""
        return decay(y, factor)

    def wrapped(self, u: Array) -> Array:
        """u in its register."""
        return wrap24(u)

    def stored(self, v: Array) -> Array:
        """v in its register."""
        return clip24(v)

    def pends(self) -> Array:
        """R: is a reset pending from the step before?"""
        return np.asarray(self.v > self.theta)

    def fires(self, p: Array, theta: Array) -> Array:
        """s, the decision."""
        return p > theta

    def _threshold(self) -> tuple[Array, Array]:
        """The threshold of this step, and the adaptation that this step's spikes add to."""
        threshold, moves = np.asarray(self.rule.vth) << STATE_SHIFT, self.rule.adaptation
        if moves is None:
            return np.broadcast_to(threshold, self.v.shape), self.adapted
        faded = decay(self.adapted, DECAY_UNITY - np.asarray(moves.da))
        return threshold + (faded if moves.decays == "before" else self.adapted), faded

    def _reset(self, y: Array) -> Array:
        value = np.asarray(self.rule.reset.value)
        return np.broadcast_to(value, y.shape) if self.rule.reset.kind == "to" else y - value

    def recorded(self, what: str) -> Array:
        """ "spikes", "u" or "v" of the last step."""
        return {"spikes": self.s, "u": self.u, "v": self.v}[what]
