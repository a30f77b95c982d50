"""One population in the float form on the device. The equation is in `network/rule.py`; the order of the operations is
that of the definition, so that float64 differs from it by the rounding of the linear maps alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.linear import tensor
from snndeploy.engines.torch.settings import Settings
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Rule


class FloatNeurons:
    """State of a population, tensors (batch, *shape). Parameters that do nothing are None and cost nothing."""

    def __init__(self, rule: Rule, shape: Shape, batch: int, settings: Settings):
        whole = (batch, *shape)
        self.settings = settings
        self.rule = rule
        self.spiking = rule.spiking
        self.drive_type = settings.dtype
        self.beta = self._number(rule.beta)
        self.alpha = [self._number(r.alpha, idle=0) for r in rule.receptors]
        self.gain = [self._number(r.gain, idle=1) for r in rule.receptors]
        self.constant = [self._number(r.constant, idle=0) for r in rule.receptors]
        self.bias = self._number(rule.bias, idle=0)
        self.floor = self._number(rule.floor)
        self.state_floor = self._number(rule.state_floor)
        self.value = self._number(rule.value, idle=1)
        self.amount: Tensor = self._number(rule.reset.value)
        self.threshold: Tensor = self._number(np.inf if rule.threshold is None else rule.threshold)
        self.resets = rule.reset.kind != "none" and rule.spiking
        self.late = self.resets and rule.reset.when in ("next", "residual")
        if rule.adaptation is not None:
            self.decay: Tensor = self._number(rule.adaptation.decay)
            self.jump: Tensor = self._number(rule.adaptation.jump)
            self.adapted: Tensor = torch.zeros(whole, dtype=settings.dtype, device=settings.device)
        if rule.refractory is not None:
            self.waiting = torch.zeros(whole, dtype=torch.int64, device=settings.device)
        self.u = [self._number(r.initial).expand(whole) for r in rule.receptors]
        self.v: Tensor = self._number(rule.initial).expand(whole)
        self.s = torch.zeros(whole, dtype=torch.bool, device=settings.device)
        self.theta: Tensor = self.threshold

    def _number(self, value: Any, idle: float | None = None) -> Any:
        """A parameter as a tensor, or None where it is not given or everywhere equal to `idle`."""
        if value is None or (idle is not None and np.all(np.asarray(value) == idle)):
            return None
        return tensor(value, self.settings.dtype, self.settings.device)

    def _currents(self, t: int, drive: list[Tensor]) -> list[Tensor]:
        after = []
        for r, alpha, constant, u, x in zip(self.rule.receptors, self.alpha, self.constant, self.u, drive, strict=True):
            y = x if alpha is None else alpha * u + x
            after.append(y + constant if constant is not None and t >= r.onset else y)
        return after

    def _membrane(self, t: int, used: list[Tensor]) -> Tensor:
        parts = [u if gain is None else gain * u for gain, u in zip(self.gain, used, strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        q = self.beta * self.v + total
        if self.bias is not None and t >= self.rule.bias_onset:
            q = q + self.bias
        return q if self.floor is None else torch.maximum(q, self.floor)

    def step(self, t: int, drive: list[Tensor]) -> Tensor:
        """Takes `drive: (batch, *shape)` per receptor; returns what is emitted."""
        rule, before = self.rule, self.u
        after = self._currents(t, drive)
        p = self._membrane(t, after if rule.synapse == "sequential" else before)
        if not rule.spiking:
            self.u, self.v = after, p if self.state_floor is None else torch.maximum(p, self.state_floor)
            return self.v
        pending = self.v > self.theta if self.late else None
        if pending is not None:
            p = torch.where(pending, self._reset(p), p)
        theta = self._threshold()
        s = p > theta
        if rule.refractory is not None:
            s = s & (self.waiting == 0)
        v, was_reset = p, pending
        if self.resets and rule.reset.when == "now":
            v, was_reset = torch.where(s, self._reset(p), p), s
        elif pending is not None and rule.reset.when == "residual":
            v = p - (s.to(p.dtype) - pending.to(p.dtype)) * (p - self._reset(p))
        if self.state_floor is not None:
            v = torch.maximum(v, self.state_floor)
        if was_reset is not None:
            after = [u.masked_fill(was_reset, 0) if r.reset else u for r, u in zip(rule.receptors, after, strict=True)]
        if rule.refractory is not None:
            frozen = self.waiting > 0
            v = torch.where(frozen, self.v, v)
            if rule.refractory.freezes == "membrane and current":
                after = [torch.where(frozen, old, new) for old, new in zip(before, after, strict=True)]
            left = (self.waiting - 1).clamp_min(0)
            self.waiting = torch.where(s, torch.full_like(left, rule.refractory.steps), left)
        emitted = s.to(p.dtype)
        if rule.adaptation is not None:
            self.adapted = self.adapted + self.jump * emitted
        self.u, self.v, self.s, self.theta = after, v, s, theta
        return emitted if self.value is None else self.value * emitted

    def _reset(self, y: Tensor) -> Tensor:
        return self.amount.expand_as(y) if self.rule.reset.kind == "to" else y - self.amount

    def _threshold(self) -> Tensor:
        """The threshold of this step; the adaptation decays."""
        if self.rule.adaptation is None:
            return self.threshold
        old, self.adapted = self.adapted, self.decay * self.adapted
        return self.threshold + (self.adapted if self.rule.adaptation.decays == "before" else old)

    def recorded(self, what: str) -> Tensor:
        """ "spikes", "u" (with a receptor axis if there are several) or "v" of the last step."""
        if what == "u":
            return self.u[0] if len(self.u) == 1 else torch.stack(self.u, dim=1)
        return self.s if what == "spikes" else self.v
