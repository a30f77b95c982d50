"""All steps of a population that learns, in one pass forward and one back, on the CPU.

The forward pass is the torch engine's own kernel. The backward pass is that of `train.neurons`, with the projections of
the population onto itself: what arrives over one with delay d and exponent e gives ds[t - d] += 2^e · Wᵀ da[t] and
dW += 2^e · da[t] s[t - d]ᵀ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from snndeploy.engines.torch.kernels.cells import Cells, rows, scan
from snndeploy.engines.torch.kernels.feedback import Feedback
from snndeploy.engines.torch.kernels.integer_cells import integer_cells
from snndeploy.engines.torch.kernels.options import numbers, states
from snndeploy.engines.torch.link import wrap32
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Dense
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers
from snndeploy.train.surrogate import Slope


@dataclass(frozen=True, eq=False)
class Recipe:
    """One population. `inner`: its projections onto itself, which `cells` leaves out."""

    cells: Cells
    rule: Registers
    inner: tuple[Projection, ...]
    slope: Slope

    def feedback(self, weights: Sequence[Tensor]) -> Feedback:
        """The projections with the mantissas of now, `weights: (targets, sources)` each."""
        size, count = self.cells.size, len(weights)
        start = np.arange(size + 1, dtype=np.int64) * size + np.arange(count, dtype=np.int64)[:, None] * size * size
        target = np.tile(np.arange(size, dtype=np.int64), size * count)
        columns = [w.detach().numpy().T.astype(np.int32).ravel() for w in weights]
        weight = np.concatenate([np.zeros(0, np.int32), *columns])
        links = [(p.delay, 0 if p.format is None else p.format.exponent, 0, 1) for p in self.inner]
        return Feedback(start, target, weight, np.array(links, np.int64).reshape(-1, 4))

    def with_(self, bias: Tensor, vth: Tensor, weights: Sequence[Tensor]) -> Cells:
        """The population with the numbers of now."""
        names, values = numbers(self.cells.options), self.cells.numbers.copy()
        values[names.index("bias")] = bias.detach().numpy().ravel()
        if self.rule.spiking:
            values[names.index("theta")] = vth.detach().to(torch.int64).numpy().ravel() << STATE_SHIFT
        return replace(self.cells, numbers=values, back=self.feedback(weights))


def recipe(network: Network, population: Population, slope: Slope) -> Recipe | None:
    """None where the kernels cannot do it: feedback through anything but one dense matrix."""
    inner = tuple(p for p in network.into(population.name) if p.source == population.name)
    dense = all(len(p.maps) == 1 and isinstance(p.maps[0], Dense) for p in inner) and len(population.shape) == 1
    if (inner and not dense) or not isinstance(population.rule, Registers):
        return None
    return Recipe(integer_cells(network, population, whole=True), population.rule, inner, slope)


@njit(cache=True, nogil=True)
def back_scan(given: Any, sharp: Any, kept: Any, free: Any, keeps: Any, back: Any, spikes: Any, past: Any) -> Any:
    """Gradients (of a, of the mantissas in `back`), from the last step to the first.

    Args:
        given: float64 (steps, batch, neurons), of what was emitted; here that of later steps is added to it.
        sharp, kept, free: ds/dp, dv/dp and dp/dq, of the same shape.
        keeps: keep_u / 4096, keep_v / 4096, float64 (neurons,).
        spikes: bool (past + steps, batch, neurons), what was emitted.
    """
    keep_u, keep_v = keeps
    start, target, weight, links = back
    steps, batch, size = given.shape
    of_a = np.zeros_like(given)
    of_weight = np.zeros(len(weight), np.float64)
    of_u, of_v = np.zeros((batch, size)), np.zeros((batch, size))
    for t in range(steps - 1, -1, -1):
        for b in range(batch):
            for n in range(size):
                of_q = (of_v[b, n] * kept[t, b, n] + given[t, b, n] * sharp[t, b, n]) * free[t, b, n]
                total = of_u[b, n] + of_q
                of_a[t, b, n] = total * 2.0**STATE_SHIFT
                of_u[b, n] = total * keep_u[n]
                of_v[b, n] = of_q * keep_v[n]
            for k in range(len(links)):
                at, unit = t - links[k, 0], 2.0 ** links[k, 1]
                if at < 0:
                    continue
                for source in range(size):
                    spiked, total = spikes[past + at, b, source], 0.0
                    for i in range(start[k, source], start[k, source + 1]):
                        total += weight[i] * of_a[t, b, target[i]]
                        if spiked:
                            of_weight[i] += unit * of_a[t, b, target[i]]
                    given[at, b, source] += unit * total
    return of_a, of_weight


class Scan(torch.autograd.Function):
    """(a, bias, threshold, weights of the feedback) -> what is emitted: float64 (steps, batch, *shape)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, bias: Tensor, vth: Tensor, how: Recipe, *weights: Tensor) -> Tensor:
        steps, batch = a.shape[:2]
        cells = how.with_(bias, vth, weights)
        flat = (steps, batch, cells.size)
        arrived = wrap32(a.detach().to(torch.int64)).to(torch.int32).numpy()
        out, state = rows(cells, steps, batch, None, u=False, v=True, p=True), cells.start(batch)
        scan(cells, 0, [arrived], state, out)
        spikes = out.spikes.reshape(-1, *flat[1:])
        fired = spikes[cells.back.reach :]
        v, p = (x.reshape(flat).astype(np.int64) for x in (out.v, out.p))
        theta = cells.numbers[numbers(cells.options).index("theta")].astype(np.int64)
        ctx.derivatives = _derivatives(how, theta, p, v, fired)
        ctx.how, ctx.cells, ctx.spikes = how, cells, spikes
        ctx.shapes = bias.shape, vth.shape, [w.shape for w in weights]
        emitted = torch.from_numpy((fired if how.rule.spiking else v).astype(np.float64))
        return emitted.reshape(a.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        how: Recipe = ctx.how
        sharp, kept, free = ctx.derivatives
        given = np.array(grads[0].numpy(), np.float64).reshape(sharp.shape)
        cells: Cells = ctx.cells
        back, size = cells.back, cells.size
        names = numbers(cells.options)
        keeps = tuple(cells.numbers[names.index(name)] / DECAY_UNITY for name in ("keep_u", "keep_v"))
        of_a, of_weight = back_scan(given, sharp, kept, free, keeps, back.arrays, ctx.spikes, back.reach)
        # dq = da/64 - what came over u from the step after; the sum over steps of what reaches the bias
        of_q = of_a / 2.0**STATE_SHIFT
        of_q[:-1] -= of_a[1:] / 2.0**STATE_SHIFT * keeps[0]
        onset = how.rule.bias_onset
        of_bias = torch.from_numpy(of_q[onset:].sum(axis=(0, 1))).reshape(ctx.shapes[0])
        of_vth = torch.from_numpy(-(2.0**STATE_SHIFT) * (given * sharp).sum(axis=(0, 1))).reshape(ctx.shapes[1])
        if not how.rule.spiking:
            of_vth = torch.zeros_like(of_vth)
        parts = [part.reshape(size, size).T for part in np.split(of_weight, len(ctx.shapes[2]) or 1) if len(part)]
        of_weights = [torch.from_numpy(np.ascontiguousarray(part)) for part in parts]
        return torch.from_numpy(of_a).reshape(grads[0].shape), of_bias, of_vth, None, *of_weights


def _derivatives(how: Recipe, theta: Array, p: Array, v: Array, spikes: Array) -> tuple[Array, Array, Array]:
    """ds/dp (1 where v itself is emitted), dv/dp and dp/dq; resets are constants."""
    free = (np.abs(p) < STATE_MAX).astype(np.float64)
    kept = np.ones(p.shape)
    if not how.rule.spiking:
        return np.ones(p.shape), kept, free
    first = np.broadcast_to(how.cells.initial[states(how.cells.options).index("v")], (1, *p.shape[1:]))
    pending = np.concatenate([first, v[:-1]]) > theta
    reset = how.rule.reset
    if reset.kind == "to" and reset.when == "now":
        kept -= spikes
    if reset.kind == "to" and reset.when == "residual":
        kept -= spikes.astype(np.float64) - pending
    if reset.kind == "to" and reset.when in ("next", "residual"):
        free *= ~pending
    unit = np.maximum(theta, 1.0)
    sharp = how.slope(torch.from_numpy((p - theta) / unit)).numpy() / unit
    return sharp, kept, free
