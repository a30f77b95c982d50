"""One population on the CPU: all steps of a chunk in one kernel, state in between."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.kernels.cells import Rows, rows, scan
from snndeploy.engines.torch.kernels.float_cells import float_cells
from snndeploy.engines.torch.kernels.integer_cells import integer_cells
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import Registers


class Fused:
    """State of a population, which `advance` moves on. Threads may do so with different ones at a time.

    Args:
        inner: projections of the population onto itself that are to be computed here; it has to spike then.
        dtype: of the float form.
    """

    def __init__(
        self,
        network: Network,
        population: Population,
        batch: int,
        inner: Sequence[Projection] = (),
        dtype: torch.dtype = torch.float32,
    ):
        self.shape, self.batch, rule = population.shape, batch, population.rule
        self.spiking = rule.spiking
        self.value: Tensor | None = None
        if isinstance(rule, Registers):
            self.cells = integer_cells(network, population, inner)
            self.drive_type = torch.int32
        else:
            self.cells = float_cells(network, population, "float32" if dtype == torch.float32 else "float64", inner)
            self.drive_type = dtype
            if rule.spiking and np.any(rule.value != 1):
                self.value = torch.tensor(rule.value, dtype=dtype)
        self.receptors = self.cells.options.receptors
        self.work = self.cells.start(batch)

    def again(self, batch: int) -> Fused:
        """The same population before the first step, of another number of samples."""
        other = copy(self)
        other.batch, other.work = batch, self.cells.start(batch)
        return other

    @property
    def reach(self) -> int:
        """How many steps back the population feeds itself here."""
        return self.cells.back.reach

    def advance(
        self,
        start: int,
        steps: int,
        drive: Sequence[Tensor | None],
        before: Tensor | None,
        record: tuple[str, ...],
        into: Array | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Steps `start`...; returns what is emitted (bool where that is 0 or 1), and what is to be recorded.

        Args:
            drive: `(steps, batch, *shape)` of `drive_type` for each receptor; None where nothing arrives.
            before: what was emitted in the last `reach` steps, where there are any.
            into: uint8 (reach + steps, batch, neurons): what was emitted before, and where spikes are written.
        """
        u, v = "u" in record, "v" in record or not self.spiking
        if into is None:
            fired, u_rows, v_rows = self.scan(start, steps, drive, before, u, v)
        else:
            fired, u_rows, v_rows = self.scan_into(start, drive, into, u, v)
        whole = (steps, self.batch, *self.shape)
        spikes = fired.reshape(whole)
        membrane = v_rows.reshape(whole) if v else spikes
        kept = {}
        if self.spiking and "spikes" in record:
            kept["spikes"] = spikes
        if u:
            currents = u_rows.reshape(self.receptors, *whole)
            kept["u"] = self._wide(currents[0] if self.receptors == 1 else currents.movedim(0, 2))
        if "v" in record:
            kept["v"] = self._wide(membrane)
        if not self.spiking:
            return membrane, kept
        return spikes if self.value is None else spikes * self.value, kept

    def scan(
        self, start: int, steps: int, drive: Sequence[Tensor | None], before: Tensor | None, u: bool, v: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Spikes (steps, cells), and rows of u (receptors, steps, cells) and v (steps, cells) where they are wanted."""
        past = None if before is None else before.numpy() != 0
        out = rows(self.cells, steps, self.batch, past, u, v)
        return self._scan(start, drive, out)

    def _scan(self, start: int, drive: Sequence[Tensor | None], out: Rows) -> tuple[Tensor, Tensor, Tensor]:
        scan(self.cells, start, [None if x is None else x.numpy() for x in drive], self.work, out)
        return torch.from_numpy(out.spikes[self.reach :]), torch.from_numpy(out.u), torch.from_numpy(out.v)

    def scan_into(
        self, start: int, drive: Sequence[Tensor | None], into: Array, u: bool, v: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same with spikes in their place: see `advance`."""
        out = rows(self.cells, len(into) - self.reach, self.batch, None, u, v)
        out.spikes = into.view(np.bool_).reshape(len(into), -1)
        return self._scan(start, drive, out)

    def _wide(self, x: Tensor) -> Tensor:
        return x.to(torch.int64) if x.dtype == torch.int32 else x
