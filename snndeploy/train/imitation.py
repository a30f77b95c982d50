"""How far spikes are from those that are wanted: the squared distance behind an exponential filter, and its gradient.

van Rossum, Neural Computation 13(4), 2001, in steps of time::

    y[t] = e^(-1/SMOOTH)·y[t-1] + emitted[t] - wanted[t]        z[t] = e^(-1/SMOOTH)·z[t-1] + wanted[t]
    distance = sum of y² / max(1, sum of z²)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from snndeploy.train.time_blocks import BLOCK, gather, scatter
from snndeploy.train.time_launch import SHARED, pool

# steps after which a spike counts 1/e
SMOOTH = 5.0
DECAY = np.float32(np.exp(-1 / SMOOTH))
ONE, NIL = np.float32(1), np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def filtered(
    low: int, high: int, steps: int, all_cells: int, emitted: Any, wanted: Any, state: Any, away: Any
) -> tuple[float, float]:
    """(sum of y², sum of z²); `away` takes y, `state` (2, cells) moves on."""
    cells, work = np.uint64(all_cells), np.zeros(np.uint64(4) * BLOCK, np.float32)
    apart = whole = 0.0
    for begin in range(np.uint64(low), np.uint64(high), BLOCK):
        count = min(BLOCK, np.uint64(high) - begin)
        gather(work, 0, 2, state, cells, begin, count)
        work[np.uint64(2) * BLOCK :] = NIL
        for t in range(np.uint64(steps)):
            row = t * cells + begin
            for n in range(count):
                goal = ONE if wanted[row + n] else NIL
                y = DECAY * work[n] + (emitted[row + n] - goal)
                z = DECAY * work[BLOCK + n] + goal
                work[n], work[BLOCK + n], away[row + n] = y, z, y
                work[np.uint64(2) * BLOCK + n] += y * y
                work[np.uint64(3) * BLOCK + n] += z * z
        scatter(work, 0, 2, state, cells, begin, count)
        for n in range(count):
            apart += work[np.uint64(2) * BLOCK + n]
            whole += work[np.uint64(3) * BLOCK + n]
    return apart, whole


@njit(cache=True, nogil=True, error_model="numpy")
def filtered_back(
    low: int, high: int, steps: int, all_cells: int, factor: Any, away: Any, of_state: Any, of_emitted: Any
) -> None:
    """The filter from the last step to the first; factor: half of what y² counts."""
    cells, work = np.uint64(all_cells), np.zeros(BLOCK, np.float32)
    for begin in range(np.uint64(low), np.uint64(high), BLOCK):
        count = min(BLOCK, np.uint64(high) - begin)
        gather(work, 0, 1, of_state, cells, begin, count)
        for back in range(np.uint64(steps)):
            row = (np.uint64(steps) - np.uint64(1) - back) * cells + begin
            for n in range(count):
                total = work[n] + factor * away[row + n]
                of_emitted[row + n] = total
                work[n] = DECAY * total
        scatter(work, 0, 1, of_state, cells, begin, count)


def parts(kernel: Callable[..., Any], steps: int, cells: int, *args: Any) -> list[Any]:
    """What a kernel returns for the cells of each thread; torch's number of them where that is worth it."""
    given = [each.view(-1).numpy() if isinstance(each, Tensor) else each for each in args]
    threads = torch.get_num_threads() if steps * cells >= SHARED else 1
    edges = [cells * k // threads for k in range(threads + 1)]
    if threads == 1:
        return [kernel(0, cells, steps, cells, *given)]
    return list(pool(threads).map(lambda k: kernel(edges[k], edges[k + 1], steps, cells, *given), range(threads)))


class Filtered(torch.autograd.Function):
    """(emitted, wanted, states of the filter, carry) -> (sum of y², sum of z², carry), of one piece; on the CPU."""

    @staticmethod
    def forward(
        ctx: Any, emitted: Tensor, wanted: Tensor, state: Tensor, carry: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        steps, cells = len(emitted), emitted[0].numel()
        away = torch.empty(emitted.shape)
        given = (emitted.detach().to(torch.float32).contiguous(), wanted.contiguous(), state, away)
        apart, whole = torch.tensor(parts(filtered, steps, cells, *given), dtype=torch.float64).sum(0)
        ctx.away, ctx.dtype = away, emitted.dtype
        ctx.mark_non_differentiable(whole)
        return apart, whole, torch.zeros_like(carry)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        away: Tensor = ctx.away
        found, of_state = torch.empty(away.shape), grads[2].contiguous().clone()
        parts(filtered_back, len(away), away[0].numel(), np.float32(2 * float(grads[0])), away, of_state, found)
        return found.to(ctx.dtype), None, None, of_state


class Distance:
    """The distance of one population, piece by piece."""

    def __init__(self) -> None:
        self.sums: list[tuple[Tensor, Tensor]] = []
        self.state = self.carry = torch.zeros(0)

    def add(self, emitted: Tensor, wanted: Tensor) -> None:
        """The next steps. emitted: float (time, batch, *shape); wanted: bool."""
        if not self.sums:
            self.state = torch.zeros(2, emitted[0].numel(), device=emitted.device)
            self.carry = torch.zeros(emitted[0].numel(), device=emitted.device)
        if emitted.device.type == "cpu":
            given: Any = (emitted, wanted, self.state, self.carry)
            apart, whole, self.carry = Filtered.apply(*given)  # type: ignore[no-untyped-call]
            self.sums.append((apart, whole))
        else:
            self._stepwise(emitted, wanted.to(emitted.dtype))

    def _stepwise(self, emitted: Tensor, wanted: Tensor) -> None:
        y, z = self.carry, self.state[1]
        apart = whole = torch.zeros((), dtype=torch.float64, device=emitted.device)
        for row, goal in zip(emitted.flatten(1), wanted.flatten(1), strict=True):
            y, z = float(DECAY) * y + (row - goal), float(DECAY) * z + goal
            apart, whole = apart + y.square().sum(dtype=torch.float64), whole + z.square().sum(dtype=torch.float64)
        self.carry, self.state = y, torch.stack([y.detach(), z])
        self.sums.append((apart, whole))

    @property
    def value(self) -> Tensor:
        """float64, of all steps so far."""
        apart, whole = (torch.stack(each).sum() for each in zip(*self.sums, strict=True))
        return apart / whole.clamp_min(1.0)
