"""What the sources of a network emit within a chunk of time, and as many steps before it as the longest delay needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.layout import Layout
from snndeploy.network.arrays import Array


@dataclass(frozen=True)
class Store:
    """How the emissions of one source are kept: rows of `layout.size` numbers; `reach` steps of the past."""

    layout: Layout
    dtype: torch.dtype
    reach: int


def _zeros(size: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.zeros(size, dtype=dtype, device=device)
    # of NumPy: pages that nothing is written to take no memory
    return torch.from_numpy(np.zeros(size, torch.zeros(0, dtype=dtype).numpy().dtype))


class Emissions:
    """Rows (reach + chunk, samples, size) by source."""

    def __init__(self, stores: Mapping[str, Store], chunk: int, samples: int, device: torch.device):
        self.stores = stores
        sizes = {name: (each.reach + chunk, samples, each.layout.size) for name, each in stores.items()}
        self.rows = {name: _zeros(size, stores[name].dtype, device) for name, size in sizes.items()}

    def _at(self, name: str, first: int, steps: int) -> Tensor:
        at = self.stores[name].reach + first
        return self.rows[name][at : at + steps]

    def put(self, name: str, first: int, natural: Any) -> None:
        """Stores the emissions of steps `first`... of the chunk, (steps, samples, *shape)."""
        if name in self.rows:
            rows = self.stores[name].layout.natural(self._at(name, first, natural.shape[0]))
            if isinstance(natural, Tensor):
                rows.copy_(natural)
            elif rows.device.type == "cpu":
                rows.numpy()[...] = natural
            else:
                rows.copy_(torch.tensor(natural, device=rows.device))

    def put_inside(self, name: str, first: int, rows: Tensor) -> None:
        """The same with rows (steps, samples, size) as they lie here."""
        if name in self.rows:
            self._at(name, first, rows.shape[0]).copy_(rows)

    def late(self, name: str, first: int, steps: int, delay: int) -> Tensor:
        """What arrives in steps `first`... of the chunk over `delay` steps, (steps, samples, *shape)."""
        natural: Tensor = self.stores[name].layout.natural(self._at(name, first - delay, steps))
        return natural

    def inside(self, name: str, first: int, steps: int, delay: int = 0) -> Array:
        """The same as rows (steps, samples, size), on the CPU."""
        rows: Array = self._at(name, first - delay, steps).numpy()
        return rows

    def spikes(self, name: str, first: int, steps: int) -> Array | None:
        """Rows of bytes in which a kernel may write spikes itself; None: `put_inside` them."""
        if name not in self.rows or self.stores[name].dtype != torch.uint8:
            return None
        return self.inside(name, first, steps)

    def turn(self, steps: int) -> None:
        """A chunk of `steps` ends: its last rows become the past of the next."""
        for name, rows in self.rows.items():
            reach = self.stores[name].reach
            rows[:reach] = rows[steps : steps + reach].clone()
