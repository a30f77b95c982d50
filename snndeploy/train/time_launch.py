"""A plan's kernels on the CPU (Numba) and on a CUDA device (Triton), over tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor

from snndeploy.train import time_numba, time_triton
from snndeploy.train.time_plan import Plan

# cells · steps from which on threads are worth their start
SHARED = 2**18
BLOCK = 2048


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "snndeploy-time")


def shared(kernel: Callable[..., None], steps: int, cells: int, *args: Any) -> None:
    """The kernel over all cells, by torch's number of threads where that is worth it; its arrays are flattened."""
    args = (steps, cells, *(each.view(-1).numpy() for each in args))
    threads = min(torch.get_num_threads(), -(-cells // BLOCK)) if steps * cells >= SHARED else 1
    if threads < 2:
        kernel(0, cells, *args)
        return
    edges = [cells * k // threads for k in range(threads + 1)]
    list(pool(threads).map(lambda k: kernel(edges[k], edges[k + 1], *args), range(threads)))


class OnCpu:
    """Arrays are (rows, cells), contiguous; numbers have a column for each cell."""

    @staticmethod
    def numbers(table: Tensor, batch: int) -> Tensor:
        """(numbers, neurons) -> as the kernels read them."""
        return table.unsqueeze(1).expand(-1, batch, -1).reshape(len(table), -1)

    @staticmethod
    def forward(
        plan: Plan, x: Tensor, fed: Tensor, numbers: Tensor, state: Tensor, s: Tensor, v: Tensor, kept: Sequence[Tensor]
    ) -> None:
        shared(time_numba.compiled(plan).forward, len(x), x.shape[1], x, fed, numbers, state, s, v, *kept)

    @staticmethod
    def backward(
        plan: Plan, of_s: Tensor, of_emitted: Tensor, sharp: Tensor, numbers: Tensor, of_state: Tensor,
        of_numbers: Tensor, of_x: Tensor, kept: Sequence[Tensor],
    ) -> None:  # fmt: skip
        given = (of_s, of_emitted, sharp, numbers, of_state, of_numbers, of_x, *kept)
        shared(time_numba.compiled(plan).backward, len(of_x), of_x.shape[1], *given)


class OnCuda:
    """The same; numbers have a column for each neuron."""

    @staticmethod
    def numbers(table: Tensor, batch: int) -> Tensor:
        """(numbers, neurons) -> as the kernels read them."""
        del batch
        return table.contiguous()

    @staticmethod
    def forward(
        plan: Plan, x: Tensor, fed: Tensor, numbers: Tensor, state: Tensor, s: Tensor, v: Tensor, kept: Sequence[Tensor]
    ) -> None:
        steps, cells = x.shape
        time_triton.compiled(plan).forward[(-(-cells // time_triton.CELLS),)](
            x, fed, numbers, state, s, v, *kept, steps, cells, numbers.shape[1],
            BLOCK=time_triton.CELLS, enable_fp_fusion=False,
        )  # fmt: skip

    @staticmethod
    def backward(
        plan: Plan, of_s: Tensor, of_emitted: Tensor, sharp: Tensor, numbers: Tensor, of_state: Tensor,
        of_numbers: Tensor, of_x: Tensor, kept: Sequence[Tensor],
    ) -> None:  # fmt: skip
        steps, cells = of_x.shape
        time_triton.compiled(plan).backward[(-(-cells // time_triton.CELLS),)](
            of_s, of_emitted, sharp, numbers, of_state, of_numbers, of_x, *kept,
            steps, (steps - 1) * cells, cells, numbers.shape[1], BLOCK=time_triton.CELLS, enable_fp_fusion=False,
        )  # fmt: skip


# type of a device -> what runs kernels there
LAUNCHERS: dict[str, type[OnCpu] | type[OnCuda]] = {"cpu": OnCpu, "cuda": OnCuda}
