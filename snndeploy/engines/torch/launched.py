"""One population on a CUDA device: all steps of a chunk in one Triton kernel, state in between."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cache
from importlib.util import find_spec
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.fused import Fused
from snndeploy.engines.torch.kernels import triton_source
from snndeploy.engines.torch.kernels.feedback import Feedback
from snndeploy.engines.torch.kernels.modules import load
from snndeploy.engines.torch.kernels.options import Options
from snndeploy.network.network import Network, Population, Projection

# cells per program; a population that feeds itself is one program's, up to so many neurons
CELLS, WIDEST = 256, 4096
TYPES = {"int32": torch.int32, "float32": torch.float32, "float64": torch.float64}


Scans = Literal["numba", "triton", "torch"]


def scans(device: torch.device) -> Scans:
    """What scans neurons over time on a device; "torch": nothing does, they are computed step by step."""
    if device.type == "cpu":
        return "numba"
    return "triton" if find_spec("triton") is not None else "torch"


def fits(population: Population, inner: Sequence[Projection]) -> bool:
    return not inner or (population.rule.spiking and prod(population.shape) <= WIDEST)


@cache
def compiled(options: Options) -> Any:
    """The Triton kernel; it is compiled for a device when it is first launched there."""
    return load(f"triton_{options.label}", triton_source.source(options)).scan


def dense(back: Feedback, size: int) -> np.ndarray[Any, Any]:
    """The weights of all projections, (projections, sources, targets)."""
    weight = np.zeros((len(back.links), size, size), back.weight.dtype)
    for k, starts in enumerate(back.start):
        entries = slice(int(starts[0]), int(starts[-1]))
        sources = np.repeat(np.arange(size), np.diff(starts))
        weight[k, sources, back.target[entries]] = back.weight[entries]
    return weight


class Launched(Fused):
    """As `Fused`, with the state on `device`."""

    def __init__(
        self,
        network: Network,
        population: Population,
        batch: int,
        inner: Sequence[Projection] = (),
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cuda",
    ):
        super().__init__(network, population, batch, inner, dtype)
        cells, self.device = self.cells, torch.device(device)

        def there(array: Any) -> Tensor:
            return torch.tensor(np.asarray(array), device=self.device)

        if self.value is not None:
            self.value = self.value.to(self.device)
        self.numbers, self.first = there(cells.numbers), there(cells.initial)
        self.weight, self.links = there(dense(cells.back, cells.size)), there(cells.back.links)
        self.state = self.first.repeat(1, batch)

    def again(self, batch: int) -> Launched:
        other = copy(self)
        other.batch, other.state = batch, self.first.repeat(1, batch)
        return other

    def scan(
        self, start: int, steps: int, drive: Sequence[Tensor | None], before: Tensor | None, u: bool, v: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        cells, o = self.cells, self.cells.options
        count, past, links = self.batch * cells.size, self.reach, len(cells.back.links)
        kind = TYPES[o.form]

        def room(*size: int, dtype: torch.dtype = kind) -> Tensor:
            return torch.empty(size, dtype=dtype, device=self.device)

        spikes = room(past + steps, count, dtype=torch.int8)
        spikes[:past] = 0 if before is None else (before != 0).reshape(past, count)
        u_rows, v_rows = room(o.receptors, steps if u else 0, count), room(steps if v else 0, count)
        # a place holder is never read
        given = [self.state if x is None else x.to(kind).contiguous() for x in drive]
        flags = [int(cells.flags[name]) for name in triton_source.flags(o)]
        block, programs = CELLS, -(-count // CELLS)
        if links:
            block, programs = max(16, 1 << (cells.size - 1).bit_length()), self.batch
        compiled(o)[(programs,)](
            *given, self.numbers, self.state, spikes, u_rows, v_rows, self.weight, self.links,
            steps, start, past, *cells.onsets, *flags, count, cells.size, steps * count,
            *(x is not None for x in drive),
            U=u, V=v, LINKS=links, BLOCK=block, enable_fp_fusion=False,
        )  # fmt: skip
        return spikes[past:].view(torch.bool), u_rows, v_rows
