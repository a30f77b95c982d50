"""A population in the deployed arithmetic that lets gradients through.

The forward pass is the torch engine's own integer step, bit for bit. The backward pass is that of the equation in
`network/registers.py` without its rounding, where resets count as constants::

    du[t]/da = 64        du[t]/du[t-1] = (4095 - du)/4096      dq/du[t] = 1, 0 where the membrane is clipped
    dq/dv[t-1] = (4096 - dv)/4096                              dv[t]/dp = 1, 0 where it is reset to a value
    ds/dp = surrogate((p - theta)/theta)/theta
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snndeploy.engines.torch.integer_rule import IntegerNeurons
from snndeploy.engines.torch.settings import Settings
from snndeploy.network.network import Population
from snndeploy.network.registers import (
    BIAS_MANT_MAX,
    BIAS_MANT_MIN,
    DECAY_UNITY,
    STATE_MAX,
    STATE_SHIFT,
    VTH_MAX,
    Registers,
)
from snndeploy.train.surrogate import Slope
from snndeploy.train.weights import rounded


class Step(torch.autograd.Function):
    """One step: (a, u, v, bias, threshold) -> (emitted, u, v), all float64 with whole numbers."""

    @staticmethod
    def forward(
        ctx: Any,
        a: Tensor,
        u: Tensor,
        v: Tensor,
        bias: Tensor,
        vth: Tensor,
        cells: IntegerNeurons,
        t: int,
        slope: Slope,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rule, reset = cells.rule, cells.rule.reset
        cells.u, cells.v = u.to(torch.int64), v.to(torch.int64)
        pending = cells.v > cells.theta
        emitted = cells.step(t, [a.to(torch.int64)]).to(torch.float64)
        free = (cells.p.abs() < STATE_MAX).to(torch.float64)
        kept = torch.ones_like(free)
        if rule.spiking and reset.kind == "to":
            spiked, was = emitted, pending.to(torch.float64)
            if reset.when == "now":
                kept = 1 - spiked
            elif reset.when == "residual":
                kept = 1 - (spiked - was)
            if reset.when != "now":
                free = free * (1 - was)
        sharp = torch.zeros_like(free)
        if rule.spiking:
            theta = cells.theta.to(torch.float64)
            unit = theta.clamp_min(1.0)
            sharp = slope((cells.p - theta) / unit) / unit
        ctx.save_for_backward(free, kept, sharp)
        ctx.cells, ctx.biased = cells, t >= rule.bias_onset
        ctx.shapes = bias.shape, vth.shape
        return emitted, cells.u.to(torch.float64), cells.v.to(torch.float64)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        of_emitted, of_u, of_v = grads
        free, kept, sharp = ctx.saved_tensors
        cells: IntegerNeurons = ctx.cells
        of_p = of_v * kept + (of_emitted * sharp if cells.spiking else of_emitted)
        of_q = of_p * free
        of_u = of_u + of_q
        of_bias = of_q.sum_to_size(ctx.shapes[0]) if ctx.biased and ctx.needs_input_grad[3] else None
        of_vth = None
        if ctx.needs_input_grad[4]:
            of_vth = (-(2.0**STATE_SHIFT) * of_emitted * sharp).sum_to_size(ctx.shapes[1])
        before_u, before_v = of_u * cells.keep_u / DECAY_UNITY, of_q * cells.keep_v / DECAY_UNITY
        return of_u * 2.0**STATE_SHIFT, before_u, before_v, of_bias, of_vth, None, None, None


class Neurons(nn.Module):
    """A population. `bias`: float32 mantissas, `vth`: float32 threshold mantissas, both before they are rounded."""

    def __init__(self, population: Population, settings: Settings, learn: tuple[str, ...], slope: Slope):
        super().__init__()
        rule = population.rule
        assert isinstance(rule, Registers)
        self.population, self.rule, self.settings, self.slope = population, rule, settings, slope
        self.exponent = torch.as_tensor(np.array(rule.bias_exp), device=settings.device)

        def parameter(value: Any, name: str) -> nn.Parameter:
            whole = np.ascontiguousarray(np.broadcast_to(value, population.shape), dtype=np.float32)
            return nn.Parameter(torch.tensor(whole, device=settings.device), requires_grad=name in learn)

        self.bias = parameter(rule.bias_mant, "bias")
        self.vth = parameter(0 if rule.vth is None else rule.vth, "threshold" if rule.spiking else "")

    def numbers(self) -> tuple[Tensor, Tensor]:
        """(bias, threshold mantissa) of now, whole numbers in float64."""
        bias = rounded(self.bias, 1, BIAS_MANT_MIN, BIAS_MANT_MAX).to(torch.float64) * 2.0**self.exponent
        return bias, rounded(self.vth, 1, 0, VTH_MAX).to(torch.float64)

    def start(self, batch: int) -> tuple[IntegerNeurons, Tensor, Tensor, Tensor, Tensor]:
        """Fresh neurons for a batch: (cells, u, v, bias, threshold)."""
        cells = IntegerNeurons(self.rule, self.population.shape, batch, self.settings)
        bias, vth = self.numbers()
        cells.bias = bias.detach().to(torch.int64)
        if self.rule.spiking:
            cells.theta = vth.detach().to(torch.int64) << STATE_SHIFT
        return cells, cells.u.to(torch.float64), cells.v.to(torch.float64), bias, vth

    @torch.no_grad()
    def confine(self) -> None:
        self.bias.clamp_(BIAS_MANT_MIN, BIAS_MANT_MAX)
        self.vth.clamp_(0, VTH_MAX)

    @torch.no_grad()
    def deployed(self) -> Population:
        """The population with the registers of now."""
        now = {"bias_mant": self.bias, "vth": self.vth}
        changed: dict[str, Any] = {}
        for name, number in now.items():
            whole = torch.round(number).cpu().numpy().astype(np.int64)
            if number.requires_grad and np.any(whole != getattr(self.rule, name)):
                changed[name] = whole
        return replace(self.population, rule=replace(self.rule, **changed))
