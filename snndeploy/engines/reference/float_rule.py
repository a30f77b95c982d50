"""One population in the float form, step by step. The equation is in `network/rule.py`."""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.rule import Rule


class FloatState:
    """u, v and what else a rule remembers, as float64 arrays (batch, *shape)."""

    def __init__(self, rule: Rule, shape: tuple[int, ...]):
        self.rule = rule
        self.u = [np.broadcast_to(r.initial, shape).astype(np.float64) for r in rule.receptors]
        self.v: Array = np.broadcast_to(np.asarray(rule.initial), shape).astype(np.float64)
        self.s: Array = np.zeros(shape, bool)
        self.p: Array = self.v
        self.adapted: Array = np.zeros(shape)
        self.theta: Array = np.broadcast_to(np.asarray(np.inf if rule.threshold is None else rule.threshold), shape)
        self.waiting: Array = np.zeros(shape, np.int64)

    def silence(self) -> list[Array]:
        """What arrives if nothing does, one array per receptor."""
        return [np.zeros(self.v.shape) for _ in self.rule.receptors]

    def step(self, t: int, drive: list[Array]) -> Array:
        """Takes `drive: float64 (batch, *shape)` per receptor; returns what is emitted."""
        rule, before = self.rule, self.u
        after = self.charge(t, drive)
        used = after if rule.synapse == "sequential" else before
        q = rule.beta * self.v + sum(r.gain * u for r, u in zip(rule.receptors, used, strict=True))
        q = q + rule.bias * np.float64(t >= rule.bias_onset)
        if rule.floor is not None:
            q = np.maximum(q, rule.floor)
        pending = self.pends()
        late = rule.reset.kind != "none" and rule.reset.when in ("next", "residual")
        p = np.where(pending, self._reset(q), q) if late else q
        theta, adapted = self._threshold()
        s = self.fires(p, theta)
        frozen = self.waiting > 0
        s = s & ~frozen
        v, was_reset = p, pending if late else np.zeros_like(s)
        if rule.reset.kind != "none" and rule.reset.when == "now":
            v, was_reset = np.where(s, self._reset(p), p), s
        elif rule.reset.kind != "none" and rule.reset.when == "residual":
            v = p - (s.astype(np.float64) - pending) * (p - self._reset(p))
        if rule.state_floor is not None:
            v = np.maximum(v, rule.state_floor)
        after = [np.where(was_reset, 0.0, u) if r.reset else u for r, u in zip(rule.receptors, after, strict=True)]
        if rule.refractory is not None:
            v = np.where(frozen, self.v, v)
            if rule.refractory.freezes == "membrane and current":
                after = [np.where(frozen, old, new) for old, new in zip(before, after, strict=True)]
            self.waiting = np.where(s, rule.refractory.steps, np.maximum(self.waiting - 1, 0))
        if rule.adaptation is not None:
            self.adapted = adapted + rule.adaptation.jump * s
        self.u, self.v, self.s, self.p, self.theta = after, v, s, p, theta
        return rule.value * s if rule.spiking else v

    def charge(self, t: int, drive: list[Array]) -> list[Array]:
        """u_k[t]."""
        return [
            r.alpha * u + x + r.constant * (t >= r.onset)
            for r, u, x in zip(self.rule.receptors, self.u, drive, strict=True)
        ]

    def pends(self) -> Array:
        """R: is a reset pending from the step before?"""
        return self.v > self.theta

    def fires(self, p: Array, theta: Array) -> Array:
        """s, the decision; a replay gives somebody else's."""
        return p > theta

    def _reset(self, y: Array) -> Array:
        value = np.asarray(self.rule.reset.value)
        return np.broadcast_to(value, y.shape) if self.rule.reset.kind == "to" else y - value

    def _threshold(self) -> tuple[Array, Array]:
        """The threshold of this step, and the adaptation that this step's spikes add to."""
        threshold = np.asarray(np.inf if self.rule.threshold is None else self.rule.threshold)
        adaptation = self.rule.adaptation
        if adaptation is None:
            return np.broadcast_to(threshold, self.v.shape), self.adapted
        decayed = adaptation.decay * self.adapted
        used = decayed if adaptation.decays == "before" else self.adapted
        return threshold + used, decayed

    def recorded(self, what: str) -> Array:
        """ "spikes", "u" (with a receptor axis if there are several) or "v" of the last step."""
        if what == "u":
            return self.u[0] if len(self.u) == 1 else np.stack(self.u, axis=1)
        return self.s if what == "spikes" else self.v
