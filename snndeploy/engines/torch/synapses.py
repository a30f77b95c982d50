"""A projection of the integer form on the CPU: rows of what the source emits in, rows of drive out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numba import njit

from snndeploy.engines.torch.canonical import canonical
from snndeploy.engines.torch.choice import Choice, Unit
from snndeploy.engines.torch.columns import columns
from snndeploy.engines.torch.events import Events
from snndeploy.engines.torch.layout import Layout
from snndeploy.engines.torch.link import Link, bound
from snndeploy.engines.torch.products import BYTE, ByteProducts, possible
from snndeploy.engines.torch.settings import Settings
from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv
from snndeploy.network.network import Network, Projection


@njit(cache=True, nogil=True)
def moved(sums: np.ndarray, step: int, exponent: int, out: np.ndarray, more: bool) -> None:
    """out = (or += , if `more`) sums · step · 2^exponent, rounded down, in int32 that wraps."""
    for i in range(sums.shape[0]):
        for k in range(sums.shape[1]):
            y = np.int32(sums[i, k] * np.int32(step))
            y = np.int32(y << exponent if exponent >= 0 else y >> -exponent)
            out[i, k] = np.int32(out[i, k] + y) if more else y


class FloatProducts:
    """Products in a floating-point type that holds every sum; any chain of maps, any counts. Writes drive."""

    finished = True
    row_bytes = 0

    def __init__(self, link: Link, source: Layout, target: Layout):
        self.link, self.source, self.target = link, source, target
        self.label = f"{str(link.dtype).removeprefix('torch.')} products"
        self.row_bytes = 16 * (source.size + target.size)

    def cost(self, rows: int, events: int) -> float:
        del events
        return rows * self.link.work

    def __call__(self, x: Array, out: Array) -> None:
        given = torch.from_numpy(self.source.natural(x))
        self.target.natural(out)[...] = self.link(given[None])[0].numpy()


class Synapses:
    """`synapses(x, out, more)` for one projection: out int32 (rows, targets) is set to the drive, or grows by it.

    Raises:
        SnnDeployError SD524: none of the units that the caller allows computes it.
    """

    def __init__(self, network: Network, p: Projection, largest: int, layouts: Mapping[str, Layout], by: Settings):
        assert p.format is not None
        self.name, self.exponent, self.step = p.name, p.format.exponent, p.format.step
        source, target = layouts[p.source], layouts[p.target]
        chain = canonical(p.maps, source.shape, target.shape)
        ordered = source.regular and target.regular
        if chain is not None and not ordered and isinstance(chain.core, Conv):
            chain = None
        if largest > BYTE or (self.exponent < 0 and bound(p, largest) >= 2**31):
            chain = None
        units: list[Unit] = []
        if chain is not None and "int8" in by.units and possible(chain, self.step, largest):
            units.append(ByteProducts(chain, self.step))
        if chain is not None and "events" in by.units:
            units.append(Events(columns(chain, self.step, source, target)))
        if "float" in by.units and not any(isinstance(each, ByteProducts) for each in units):
            units.append(FloatProducts(Link(network, p, largest, by), source, target))
        if not units:
            what = f"none of the units {', '.join(by.units)} computes it"
            raise error("SD524", f"projection {p.name!r}", what, "allow others: units='int8,events,float'")
        self.choice = Choice(units)

    @property
    def row_bytes(self) -> int:
        """What a row takes at most besides its drive."""
        return max(each.row_bytes for each in self.choice.units)

    @property
    def note(self) -> str:
        return f"projection {self.name!r}: {self.choice.told()}"

    def __call__(self, x: Array, out: Array, more: bool) -> None:
        sums = np.empty_like(out) if more else out
        unit = self.choice(x, sums)
        if unit.finished:
            if more:
                out += sums
        elif more or self.step << max(self.exponent, 0) != 1 or self.exponent < 0:
            moved(sums, self.step, self.exponent, out, more)
