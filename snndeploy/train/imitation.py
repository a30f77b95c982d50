"""How far spikes are from those that are wanted: the squared distance behind an exponential filter, and its gradient.

van Rossum, Neural Computation 13(4), 2001, in steps of time and cut off after `REACH` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn.functional import conv1d

from snndeploy.train.time_launch import pool

# steps after which a spike counts 1/e in what is imitated, and after which it counts no more
SMOOTH, REACH = 5.0, 25
DECAY, LAST = np.float32(np.exp(-1 / SMOOTH)), np.float32(np.exp(-REACH / SMOOTH))
BLOCK = np.uint64(1024)
# cells · steps from which on threads are worth their start
SHARED = 2**18
ONE, NIL = np.float32(1), np.float32(0)


def smooth(spikes: Tensor) -> Tensor:
    """Spikes through an exponential of `SMOOTH` steps: (time, batch, *shape), same shape."""
    kernel = torch.exp(-torch.arange(REACH, dtype=spikes.dtype, device=spikes.device) / SMOOTH).flip(0)
    rows = spikes.flatten(1).T[:, None]
    return conv1d(rows, kernel[None, None], padding=REACH - 1)[:, 0, : len(spikes)].T.reshape(spikes.shape)


@njit(cache=True, nogil=True, error_model="numpy")
def filtered(low: int, high: int, steps: int, cells: int, emitted: Any, wanted: Any, away: Any) -> tuple[float, float]:
    """(squared sum of the filtered differences, which `away` takes, and that of the filtered wanted spikes)."""
    work = np.zeros(4 * BLOCK, np.float32)
    apart = whole = 0.0
    for begin in range(np.uint64(low), np.uint64(high), BLOCK):
        count = min(BLOCK, np.uint64(high) - begin)
        work[:] = NIL
        for t in range(np.uint64(steps)):
            row = t * np.uint64(cells) + begin
            for n in range(count):
                goal = ONE if wanted[row + n] else NIL
                work[n] = DECAY * work[n] + (emitted[row + n] - goal)
                work[BLOCK + n] = DECAY * work[BLOCK + n] + goal
            if t >= np.uint64(REACH):
                old = row - np.uint64(REACH * cells)
                for n in range(count):
                    goal = ONE if wanted[old + n] else NIL
                    work[n] -= LAST * (emitted[old + n] - goal)
                    work[BLOCK + n] -= LAST * goal
            for n in range(count):
                away[row + n] = work[n]
                work[BLOCK + BLOCK + n] += work[n] * work[n]
                work[BLOCK + BLOCK + BLOCK + n] += work[BLOCK + n] * work[BLOCK + n]
        for n in range(count):
            apart += work[BLOCK + BLOCK + n]
            whole += work[BLOCK + BLOCK + BLOCK + n]
    return apart, whole


@njit(cache=True, nogil=True, error_model="numpy")
def filtered_back(low: int, high: int, steps: int, cells: int, factor: Any, away: Any, of_emitted: Any) -> None:
    """The filter from the last step to the first: the gradient of the squared sum, times `factor` / 2."""
    work = np.zeros(BLOCK, np.float32)
    for begin in range(np.uint64(low), np.uint64(high), BLOCK):
        count = min(BLOCK, np.uint64(high) - begin)
        work[:] = NIL
        for back in range(np.uint64(steps)):
            row = (np.uint64(steps) - np.uint64(1) - back) * np.uint64(cells) + begin
            for n in range(count):
                work[n] = DECAY * work[n] + away[row + n]
            if back >= np.uint64(REACH):
                old = row + np.uint64(REACH * cells)
                for n in range(count):
                    work[n] -= LAST * away[old + n]
            for n in range(count):
                of_emitted[row + n] = factor * work[n]


def parts(kernel: Callable[..., Any], steps: int, cells: int, *args: Any) -> list[Any]:
    """What a kernel returns for the cells of each thread; torch's number of them where that is worth it."""
    threads = torch.get_num_threads() if steps * cells >= SHARED else 1
    edges = [cells * k // threads for k in range(threads + 1)]
    if threads == 1:
        return [kernel(0, cells, steps, cells, *args)]
    return list(pool(threads).map(lambda k: kernel(edges[k], edges[k + 1], steps, cells, *args), range(threads)))


class Distance(torch.autograd.Function):
    """(emitted, wanted) -> |K(emitted - wanted)|² / max(1, |K wanted|²), K the filter; on the CPU."""

    @staticmethod
    def forward(ctx: Any, emitted: Tensor, wanted: Tensor) -> Tensor:
        steps, cells = len(emitted), emitted[0].numel()
        away = torch.empty(emitted.shape)
        given = [each.detach().contiguous().numpy().reshape(-1) for each in (emitted.to(torch.float32), wanted, away)]
        apart, whole = np.sum(parts(filtered, steps, cells, *given), axis=0)
        ctx.away, ctx.whole, ctx.dtype = away, max(1.0, float(whole)), emitted.dtype
        return torch.tensor(float(apart) / ctx.whole, dtype=emitted.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        away: Tensor = ctx.away
        found = torch.empty(away.shape)
        factor = np.float32(2 * float(grads[0]) / ctx.whole)
        parts(filtered_back, len(away), away[0].numel(), factor, *(each.numpy().reshape(-1) for each in (away, found)))
        return found.to(ctx.dtype), None


def distance(emitted: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
    """The squared distance of the smoothed spikes as a share of those that are wanted, the mean over populations.

    Args:
        emitted: float (time, batch, *shape). wanted: bool, of the same shape.
    """
    shares = []
    for name, goal in wanted.items():
        if goal.device.type == "cpu":
            shares.append(Distance.apply(emitted[name], goal))  # type: ignore[no-untyped-call]
            continue
        whole = smooth(goal.to(emitted[name].dtype))
        shares.append((smooth(emitted[name]) - whole).square().sum() / whole.square().sum().clamp_min(1.0))
    return torch.stack(shares).mean()
