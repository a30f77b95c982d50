"""All steps of a population that learns, in one pass forward and one back, on the CPU.

The forward pass is the torch engine's own integer step. The backward pass is that of `train.neurons` in float32, with
the projections of the population onto itself: what arrives over one with delay d and exponent e gives
ds[t - d] += 2^e · Wᵀ da[t] and dW += 2^e · da[t] s[t - d]ᵀ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.kernels.integer_cells import integer_cells
from snndeploy.engines.torch.kernels.options import Options, general, numbers, states
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Dense
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.train.surrogate import Slope
from snndeploy.train.time_launch import pool
from snndeploy.train.tuning_kernels import Kernel, compiled

# cells · steps from which on threads are worth their start
SHARED = 2**18


@dataclass(frozen=True, eq=False)
class Recipe:
    """One population.

    Attributes:
        kernel: what its kernels are written for.
        values: int32 (numbers, neurons); initial: int32 (states, neurons).
        inner: its projections onto itself.
    """

    kernel: Kernel
    rule: Registers
    values: Array
    initial: Array
    inner: tuple[Projection, ...]
    slope: Slope

    @property
    def links(self) -> list[tuple[int, int]]:
        """Delay and exponent of the inner projections."""
        return [(p.delay, 0 if p.format is None else p.format.exponent) for p in self.inner]

    def now(self, bias: Tensor, vth: Tensor) -> Array:
        """`values` with the bias and the thresholds of now."""
        names, values = numbers(self.kernel.options), self.values.copy()
        values[names.index("bias")] = bias.detach().to(torch.int64).numpy().ravel().astype(np.int32)
        if self.rule.spiking:
            values[names.index("theta")] = vth.detach().to(torch.int64).numpy().ravel() << STATE_SHIFT
        return values

    def row(self, name: str, values: Array) -> Array:
        """float32 (neurons,); 0 where the kernel has no such number."""
        names = numbers(self.kernel.options)
        return values[names.index(name)].astype(np.float32) if name in names else np.zeros(values.shape[1], np.float32)


def recipe(network: Network, population: Population, slope: Slope) -> Recipe | None:
    """None where the kernels cannot do it: feedback through anything but one dense matrix."""
    rule, inner = population.rule, tuple(p for p in network.into(population.name) if p.source == population.name)
    dense = all(len(p.maps) == 1 and isinstance(p.maps[0], Dense) for p in inner) and len(population.shape) == 1
    if (inner and not dense) or not isinstance(rule, Registers):
        return None
    cells = integer_cells(network, population, whole=True)
    flags = {name: cells.flags[name] for name in ("now", "late", "residual", "by", "decays_before", "freezes_u")}
    more = not rule.plain
    o = Options("int32", rests=more, adapts=more, **flags)
    whole = general("int32", 1)
    values = np.stack([cells.numbers[numbers(whole).index(name)] for name in numbers(o)])
    initial = np.stack([cells.initial[states(whole).index(name)] for name in states(o)])
    # as few kernels as there are ways to reset: each takes a second to compile
    reset = (rule.reset.kind, rule.reset.when) if rule.spiking and rule.reset.kind != "none" else ("none", "now")
    kernel = Kernel(o, rule.spiking, *reset, slope.name if rule.spiking else "straight_through")
    return Recipe(kernel, rule, values, initial, inner, slope)


def shared(kernel: Callable[..., None], steps: int, batch: int, size: int, *args: Any) -> None:
    """The kernel over all samples, by torch's number of threads where that is worth it; its arrays are flattened."""
    args = (steps, batch, size, *(each.reshape(-1) if isinstance(each, np.ndarray) else each for each in args))
    threads = min(torch.get_num_threads(), batch) if steps * batch * size >= SHARED else 1
    if threads < 2:
        kernel(0, batch, *args)
        return
    edges = [batch * k // threads for k in range(threads + 1)]
    list(pool(threads).map(lambda k: kernel(edges[k], edges[k + 1], *args), range(threads)))


class Running:
    """A population on its way through time, piece by piece."""

    def __init__(self, how: Recipe, numbers: tuple[Tensor, Tensor], weights: list[Tensor], batch: int):
        self.how, self.numbers, self.weights = how, numbers, weights
        self.values = how.now(*numbers)
        shape = (len(how.initial), batch, how.values.shape[1])
        self.state = np.array(np.broadcast_to(how.initial[:, None], shape), order="C")
        # carries gradients of u and v from one piece to the one before it
        self.carry = torch.zeros(2, *shape[1:])
        self.steps = 0

    def advance(self, y: Tensor, exponent: int) -> Tensor:
        """What it emits, float32; y as in `Scan`."""
        given: Any = (self, y, self.carry, *self.numbers, exponent, *self.weights)
        out: Tensor
        out, self.carry = Scan.apply(*given)  # type: ignore[no-untyped-call]
        self.steps += len(y)
        return out


class Scan(torch.autograd.Function):
    """(sums of mantissas, carry, bias, threshold, weights of the feedback) -> (what is emitted, carry): float32.

    y: float32 or float64 (steps, batch, *shape), whole numbers, of which y·2^exponent arrives, floor where it is
    negative, in 32 bits. With feedback, all steps are one piece.
    """

    @staticmethod
    def forward(
        ctx: Any, of: Running, y: Tensor, carry: Tensor, bias: Tensor, vth: Tensor, exponent: int, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps, batch = y.shape[:2]
        how, values, state = of.how, of.values, of.state
        shape = (steps, batch, values.shape[1])
        out, p = torch.empty(shape), torch.empty(shape, dtype=torch.int32).numpy()
        pending = np.empty(shape if how.kernel.late else (0, *shape[1:]), np.uint8)
        given, onset = y.detach().contiguous().reshape(shape), how.rule.bias_onset
        run = compiled(how.kernel).forward
        if not how.inner:
            shared(run, *shape, of.steps, onset, exponent, given.numpy(), values, state, out.numpy(), p, pending)
        else:
            given = moved(given, exponent)
            form = torch.float32 if how.rule.spiking else torch.float64
            columns = [weight.detach().to(form).T for weight in weights]
            for t in range(steps):
                for (delay, shift), column in zip(how.links, columns, strict=True):
                    if t >= delay:
                        fed = out[t - delay].to(form) @ column
                        # whole numbers far below 2^53: only a shift to the right has to floor
                        given[t].add_(fed if shift >= 0 else moved(fed, shift), alpha=2.0 ** max(0, shift))
                at = slice(t, t + 1)
                rows = (given[at].numpy(), values, state, out[at].numpy(), p[at], pending[at])
                shared(run, 1, *shape[1:], t, onset, 0, *rows)
        emitted = out.reshape(y.shape)
        ctx.how, ctx.values, ctx.p, ctx.pending, ctx.exponent, ctx.dtype = how, values, p, pending, exponent, y.dtype
        ctx.shapes, ctx.first = (bias.shape, vth.shape), of.steps
        ctx.save_for_backward(emitted if how.inner else None, *weights)
        return emitted, torch.zeros_like(carry)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        how: Recipe = ctx.how
        emitted, *weights = ctx.saved_tensors
        p, pending, inner = ctx.p, ctx.pending, bool(how.inner)
        steps, batch, size = p.shape
        given = grads[0].to(torch.float32).contiguous().reshape(p.shape)
        theta, *keeps = (how.row(name, ctx.values) for name in ("theta", "keep_u", "keep_v"))
        shares = [keep / np.float32(DECAY_UNITY) for keep in keeps]
        known = np.stack([theta, 1 / np.maximum(theta, np.float32(1)), *shares])
        # of u, of v, of the bias and of the threshold
        held = torch.cat([grads[1], torch.zeros(2, batch, size)]).numpy()
        of_y = torch.empty(p.shape)
        unit = np.float32(2.0 ** (STATE_SHIFT + (0 if inner else ctx.exponent)))
        run, onset, slope = compiled(how.kernel).backward, how.rule.bias_onset, np.float32(how.slope.slope)
        if not inner:
            shared(run, *p.shape, ctx.first, onset, unit, slope, given.numpy(), known, p, pending, held, of_y.numpy())
        else:
            given = given.clone()
            matrices = [weight.detach().to(torch.float32) for weight in weights]
            for t in range(steps - 1, -1, -1):
                for (delay, shift), matrix in zip(how.links, matrices, strict=True):
                    if t + delay < steps:
                        given[t].add_(of_y[t + delay] @ matrix, alpha=2.0**shift)
                at = slice(t, t + 1)
                rows = (given[at].numpy(), known, p[at], pending[at], held, of_y[at].numpy())
                shared(run, 1, batch, size, t, onset, unit, slope, *rows)
        of_weights = []
        for (delay, shift), weight in zip(how.links, weights, strict=True):
            spikes = emitted.reshape(p.shape)[: max(0, steps - delay)].flatten(0, 1)
            of_weight = 2.0**shift * (of_y[delay:].flatten(0, 1).T @ spikes)
            of_weights.append(of_weight.to(weight.dtype))
        arrived = of_y * 2.0**ctx.exponent if inner else of_y
        sums = torch.from_numpy(held[2:].sum(axis=1, dtype=np.float64))
        of_bias, of_vth = sums[0].reshape(ctx.shapes[0]), 2.0**STATE_SHIFT * sums[1].reshape(ctx.shapes[1])
        of_carry = torch.from_numpy(held[:2].copy())
        return None, arrived.reshape(grads[0].shape).to(ctx.dtype), of_carry, of_bias, of_vth, None, *of_weights


def moved(y: Tensor, exponent: int) -> Tensor:
    """Whole numbers times 2^exponent, floor where it is negative: float64."""
    whole = y.to(torch.int64)
    return (whole << exponent if exponent >= 0 else whole >> -exponent).to(torch.float64)
