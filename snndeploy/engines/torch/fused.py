"""One population in the integer form on the CPU: all steps of a chunk in one kernel, state in between."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.integer_scan import feedback, scan, when_code
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers

NOTHING = np.zeros((0, 0, 0), np.int64)


class Fused:
    """u and v as int64 arrays (batch, neurons), which `advance` moves on."""

    def __init__(self, network: Network, population: Population, batch: int, inner: Sequence[Projection]):
        rule, shape = population.rule, population.shape
        assert isinstance(rule, Registers)
        self.rule, self.shape, self.size, self.batch = rule, shape, prod(shape), batch

        def number(value: object) -> Array:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.int64), shape).reshape(-1))

        mantissa, exponent = number(rule.bias_mant), number(rule.bias_exp)
        bias = (mantissa << exponent).astype(np.int32).astype(np.int64)
        theta = number(0 if rule.vth is None else rule.vth) << STATE_SHIFT
        keep_u, keep_v = DECAY_UNITY - 1 - number(rule.du), DECAY_UNITY - number(rule.dv)
        self.numbers = (keep_u, keep_v, bias, theta, number(rule.reset.value))
        self.back = feedback(network, inner, self.size)
        self.u = np.repeat(number(rule.initial_u)[None], batch, axis=0)
        self.v = np.repeat(number(rule.initial_v)[None], batch, axis=0)

    def settings(self, start: int) -> tuple[int, int, int, bool, bool]:
        """What the kernel has to know about the rule."""
        rule = self.rule
        return start, rule.bias_onset, when_code(rule.reset, rule.spiking), rule.reset.kind == "by", rule.spiking

    def advance(
        self, start: int, drive: Tensor, before: Tensor | None, record: tuple[str, ...]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Takes `drive: int32 (steps, batch, *shape)`; returns what is emitted, and what is to be recorded.

        Args:
            before: what was emitted in the last `back.reach` steps, where there are any.
        """
        steps = drive.shape[0]
        a = np.ascontiguousarray(drive.numpy()).reshape(steps, self.batch, self.size)
        past = self.back.reach
        spikes = np.zeros((past + steps, self.batch, self.size), np.bool_)
        if before is not None:
            spikes[:past] = before.numpy().reshape(past, self.batch, self.size) != 0
        rows: dict[str, Array] = {w: np.empty(a.shape, np.int64) if w in record else NOTHING for w in ("u", "v")}
        if not self.rule.spiking:
            rows["v"] = np.empty(a.shape, np.int64)
        back = self.back.arrays()
        scan(a, self.u, self.v, self.numbers, self.settings(start), back, past, spikes, rows["u"], rows["v"], NOTHING)
        whole = (steps, self.batch, *self.shape)
        fired = torch.from_numpy(spikes[past:].reshape(whole))
        kept = {what: torch.from_numpy(rows[what].reshape(whole)) for what in rows if what in record}
        if self.rule.spiking and "spikes" in record:
            kept["spikes"] = fired
        return fired if self.rule.spiking else torch.from_numpy(rows["v"].reshape(whole)), kept
