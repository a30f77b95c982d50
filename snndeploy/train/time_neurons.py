"""All steps of a neuron module in one pass forward and one back, on the CPU, in float32."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from snndeploy.network.arrays import Array
from snndeploy.train import time_kernels as kernels
from snndeploy.train.time_cells import Cells, blank, derivative

# cells · steps whose surrogate gradients exist at once
CHUNK = 2**18
# cells · steps from which on threads are worth their start
SHARED = 2**18


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "snndeploy-time")


def shared(kernel: Callable[..., None], steps: int, cells: int, *args: Any) -> None:
    """The kernel over all cells, by torch's number of threads where that is worth it."""
    threads = min(torch.get_num_threads(), -(-cells // kernels.BLOCK)) if steps * cells >= SHARED else 1
    if threads < 2:
        kernel(0, cells, *args)
        return
    edges = [cells * k // threads for k in range(threads + 1)]
    list(pool(threads).map(lambda k: kernel(edges[k], edges[k + 1], *args), range(threads)))


class Scan:
    """Numbers and membranes of one call: `forward` and `back` move states through some steps."""

    def __init__(self, cells: Cells, numbers: Array, steps: int, before: Array):
        self.of, self.numbers, self.before = cells, numbers, before
        self.cells = numbers.shape[1]
        self.p = blank(steps, self.cells)
        self.kept = blank(0 if cells.norse or cells.how[1] else steps, self.cells, torch.uint8)

    def forward(self, at: slice, x: Array, fed: Array, state: Array, s: Array) -> None:
        if self.of.norse:
            args: Any = (x[at], fed, self.numbers, self.of.how, state, self.p[at], s[at])
            shared(kernels.norse_forward, len(s[at]), self.cells, *args)
        else:
            args = (*self.numbers, self.of.how, state[0], self.p[at], s[at], self.kept[at])
            shared(kernels.snntorch_forward, len(s[at]), self.cells, x[at], fed, *args)

    def back(self, first: int, of_s: Array, sharp: Array, state: Array, of_x: Array) -> None:
        if self.of.norse:
            args: Any = (self.numbers, self.of.how, self.p, state, of_x)
            shared(kernels.norse_backward, len(sharp), self.cells, first, of_s, sharp, *args)
        else:
            args = (*self.numbers, self.of.how, self.p, self.kept, self.before[0], state[0], of_x)
            shared(kernels.snntorch_backward, len(sharp), self.cells, first, of_s, sharp, *args)

    def sharp(self, first: int, last: int) -> Array:
        x = torch.from_numpy(self.p[first:last] - self.numbers[self.of.theta])
        return derivative(self.of.surrogate, x).numpy()


class OverTime(torch.autograd.Function):
    """(x, state, weight and bias of the feedback) -> (spikes, state): float32 (steps, batch, *shape), (3, cells)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        given: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        cells: Cells,
        numbers: Array,
        seen: dict[str, Tensor] | None,
    ) -> tuple[Tensor, Tensor]:
        steps, batch, *shape = x.shape
        start = given.detach().numpy()
        scan, state = Scan(cells, numbers, steps, start), start.copy()
        flat = x.detach().contiguous().numpy().reshape(steps, -1)
        s, none = blank(steps, scan.cells), blank(0, scan.cells)
        if weight is None:
            scan.forward(slice(0, steps), flat, none, state, s)
        else:
            before = torch.from_numpy(start[2]).reshape(batch, *shape)
            for t in range(steps):
                fed = linear(before, weight, bias).numpy().reshape(1, -1)
                scan.forward(slice(t, t + 1), flat, fed, state, s)
                before = torch.from_numpy(s[t]).reshape(batch, *shape)
            state[2] = s[-1]
        emitted = torch.from_numpy(s).reshape(x.shape)
        if seen is not None:
            theta = torch.from_numpy(numbers[cells.theta]).reshape(batch, *shape)
            seen |= {"p": torch.from_numpy(scan.p).reshape(x.shape), "theta": theta}
        ctx.scan = scan
        ctx.save_for_backward(weight, bias, emitted if weight is not None else None)
        return emitted, torch.from_numpy(state)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scan: Scan = ctx.scan
        weight, bias, emitted = ctx.saved_tensors
        # with feedback, what later steps give back is added to it
        given = grads[0].contiguous() if weight is None else grads[0].clone(memory_format=torch.contiguous_format)
        shape, steps = given.shape, len(given)
        state = np.array(grads[1].numpy())
        if weight is not None:
            given[-1] += torch.from_numpy(state[2]).reshape(shape[1:])
        of_s, of_x = given.numpy().reshape(steps, -1), blank(steps, scan.cells)
        chunk = max(1, CHUNK // scan.cells)
        for last in range(steps, 0, -chunk):
            first = max(0, last - chunk)
            sharp = scan.sharp(first, last)
            if weight is None:
                scan.back(first, of_s, sharp, state, of_x)
                continue
            for t in range(last - 1, first - 1, -1):
                if t + 1 < steps:
                    given[t] += torch.from_numpy(of_x[t + 1]).reshape(shape[1:]) @ weight
                scan.back(t, of_s, sharp[t - first : t - first + 1], state, of_x)
        of_weight = of_bias = None
        arrived = torch.from_numpy(of_x).reshape(shape)
        if weight is not None:
            state[2] = (arrived[0] @ weight).numpy().reshape(-1)
            if ctx.needs_input_grad[2]:
                before = torch.from_numpy(scan.before[2]).reshape(1, *shape[1:])
                before = torch.cat([before, emitted[:-1]])
                of_weight = arrived.flatten(0, -2).T @ before.flatten(0, -2)
            if bias is not None and ctx.needs_input_grad[3]:
                of_bias = arrived.flatten(0, -2).sum(0)
        return arrived, torch.from_numpy(state), of_weight, of_bias, None, None, None


class Running:
    """A neuron module on its way through time, piece by piece: its states go from one to the next, with gradients."""

    def __init__(self, cells: Cells):
        self.cells = cells
        self.emitted: list[Tensor] = []
        self.seen: list[dict[str, Tensor]] = []
        self.numbers: Array | None = None
        self.state: Tensor | None = None

    def advance(self, x: Tensor, watching: bool) -> Tensor:
        """What it emits; x: float32 (steps, batch, *shape)."""
        cells = self.cells
        if cells.entry is not None:
            x = linear(x, cells.entry)
        if self.numbers is None or self.state is None:
            self.numbers = cells.tiled(x.shape[1], tuple(x.shape[2:]))
            # v (v_leak in Norse), i and what was emitted, before the first step
            self.state = torch.zeros(3, self.numbers.shape[1])
            if cells.norse:
                self.state[0] = torch.from_numpy(self.numbers[2])
        weight, bias = cells.feedback or (None, None)
        seen: dict[str, Tensor] | None = {} if watching else None
        with torch.set_grad_enabled(torch.is_grad_enabled() and cells.differentiable):
            given: Any = (x, self.state, weight, bias, cells, self.numbers, seen)
            found: tuple[Tensor, Tensor] = OverTime.apply(*given)  # type: ignore[no-untyped-call]
        out, self.state = found
        self.emitted.append(out)
        if seen is not None:
            self.seen.append(seen)
        return out
