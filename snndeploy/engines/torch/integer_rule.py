"""One population in the integer form on the device. The arithmetic is in `network/registers.py`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.linear import tensor
from snndeploy.engines.torch.link import wrap32
from snndeploy.engines.torch.settings import Settings
from snndeploy.network.maps import Shape
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers


def decayed(y: Tensor, factor: Tensor) -> Tensor:
    """y·factor / 4096, toward zero."""
    return torch.sign(y) * ((torch.abs(y) * factor) >> 12)


def clip24(y: Tensor) -> Tensor:
    return y.clamp(-STATE_MAX, STATE_MAX)


class IntegerNeurons:
    """u and v as int64 tensors (batch, *shape)."""

    drive_type = torch.int32

    def __init__(self, rule: Registers, shape: Shape, batch: int, settings: Settings):
        whole = (batch, *shape)

        def number(value: object) -> Tensor:
            return tensor(value, torch.int64, settings.device)

        self.rule = rule
        self.spiking = rule.spiking
        self.keep_u = number(DECAY_UNITY - 1 - np.asarray(rule.du))
        self.keep_v = number(DECAY_UNITY - np.asarray(rule.dv))
        bias = wrap32(number(rule.bias_mant) << number(rule.bias_exp))
        self.bias = bias if bool(bias.any()) else None
        self.theta = number(np.asarray(0 if rule.vth is None else rule.vth) << STATE_SHIFT)
        self.amount = number(rule.reset.value)
        self.u = number(rule.initial_u).expand(whole)
        self.v = number(rule.initial_v).expand(whole)
        self.s = torch.zeros(whole, dtype=torch.bool, device=settings.device)
        self.p = self.v
        moves = rule.adaptation
        self.keep_a = number(0 if moves is None else DECAY_UNITY - np.asarray(moves.da))
        self.jump = number(0 if moves is None else moves.jump)
        self.edge = self.theta
        self.adapted = torch.zeros(whole, dtype=torch.int64, device=settings.device)
        self.resting = torch.zeros(whole, dtype=torch.int64, device=settings.device)

    def step(self, t: int, drive: list[Tensor]) -> Tensor:
        """Takes the accumulation `a: int32 (batch, *shape)`; returns what is emitted: spikes, or v."""
        reset = self.rule.reset
        a = wrap32(wrap32(drive[0].to(torch.int64)) << STATE_SHIFT)
        u = wrap32(decayed(self.u, self.keep_u) + a)
        u = torch.where(u > STATE_MAX + 1, u - 2**24, torch.where(u <= -STATE_MAX - 1, u + 2**24, u))
        q = decayed(self.v, self.keep_v) + u
        if self.bias is not None and t >= self.rule.bias_onset:
            q = q + self.bias
        p = clip24(wrap32(q))
        if not self.spiking:
            self.u, self.v, self.p = u, p, p
            return p
        late = reset.kind != "none" and reset.when in ("next", "residual")
        pending = self.v > self.edge
        faded = self.adapted
        if self.rule.adaptation is not None:
            faded = decayed(self.adapted, self.keep_a)
            self.edge = self.theta + (faded if self.rule.adaptation.decays == "before" else self.adapted)
        if late:
            p = torch.where(pending, clip24(self._reset(p)), p)
        s = (p > self.edge) & (self.resting == 0)
        v = p
        if reset.kind != "none" and reset.when == "now":
            v = torch.where(s, clip24(self._reset(p)), p)
        elif late and reset.when == "residual":
            v = clip24(p - (s.to(torch.int64) - pending.to(torch.int64)) * (p - self._reset(p)))
        if self.rule.adaptation is not None:
            self.adapted = clip24(faded + self.jump * s)
        if self.rule.refractory is not None:
            v = torch.where(self.resting > 0, self.v, v)
            if self.rule.refractory.freezes == "membrane and current":
                u = torch.where(self.resting > 0, self.u, u)
            self.resting = torch.where(s, self.rule.refractory.steps, (self.resting - 1).clamp(min=0))
        self.u, self.v, self.s, self.p = u, v, s, p
        return s

    def _reset(self, y: Tensor) -> Tensor:
        return self.amount.expand_as(y) if self.rule.reset.kind == "to" else y - self.amount

    def recorded(self, what: str) -> Tensor:
        """ "spikes", "u" or "v" of the last step."""
        return {"spikes": self.s, "u": self.u, "v": self.v}[what]
