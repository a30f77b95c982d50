"""One population on the CPU: all steps of a chunk in one kernel, state in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.kernels.cells import rows, scan
from snndeploy.engines.torch.kernels.integer_cells import integer_cells
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection


class Fused:
    """State of a population, which `advance` moves on. Threads may do so with different ones at a time."""

    def __init__(self, network: Network, population: Population, batch: int, inner: Sequence[Projection]):
        self.shape, self.batch = population.shape, batch
        self.spiking = population.rule.spiking
        self.cells = integer_cells(network, population, inner)
        self.state = self.cells.start(batch)

    @property
    def reach(self) -> int:
        """How many steps back the population feeds itself."""
        return self.cells.back.reach

    def advance(
        self, start: int, drive: Sequence[Tensor | None], before: Tensor | None, record: tuple[str, ...]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Takes `drive: (steps, batch, *shape)` per receptor; returns what is emitted, and what is to be recorded.

        Args:
            drive: in the type of the states (int32 in the integer form); None where nothing arrives.
            before: what was emitted in the last `reach` steps, where there are any.
        """
        steps = next(len(each) for each in drive if each is not None)
        past = None if before is None else before.numpy() != 0
        u, v = "u" in record, "v" in record or not self.spiking
        out = rows(self.cells, steps, self.batch, past, u, v)
        scan(self.cells, start, [None if x is None else x.numpy() for x in drive], self.state, out)
        whole = (steps, self.batch, *self.shape)

        def tensor(array: Array, dtype: Any = None) -> Tensor:
            return torch.from_numpy(array.reshape(whole) if dtype is None else array.reshape(whole).astype(dtype))

        kept = {}
        spikes = tensor(out.spikes[self.reach :])
        if self.spiking and "spikes" in record:
            kept["spikes"] = spikes
        if u:
            kept["u"] = tensor(out.u[0], np.int64)
        if "v" in record:
            kept["v"] = tensor(out.v, np.int64)
        return spikes if self.spiking else tensor(out.v), kept
