"""A projection of the integer form on the CPU: rows of what the source emits in, rows of drive out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numba import njit

from snndeploy.engines.torch.canonical import canonical
from snndeploy.engines.torch.choice import Choice, Unit, Units
from snndeploy.engines.torch.columns import columns
from snndeploy.engines.torch.events import Events
from snndeploy.engines.torch.layout import Layout
from snndeploy.engines.torch.link import Link, bound, not_computed
from snndeploy.engines.torch.products import BYTE, ByteProducts, possible
from snndeploy.engines.torch.settings import Settings, float32_is_whole
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

    factor = None

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


def _units(network: Network, p: Projection, largest: int, source: Layout, target: Layout, by: Settings) -> Units:
    """All units that compute a projection.

    Raises:
        SnnDeployError SD523: sums are not exact. SD524: none that the caller allows computes it.
    """
    assert p.format is not None
    exponent, step = p.format.exponent, p.format.step
    chain = canonical(p.maps, source.shape, target.shape)
    ordered = source.regular and target.regular
    if chain is not None and not ordered and isinstance(chain.core, Conv):
        chain = None
    if largest > BYTE or (exponent < 0 and bound(p, largest) >= 2**31):
        chain = None
    # what is left to be multiplied is a power of two
    times = step << exponent if exponent >= 0 else 1
    units: list[Unit] = []
    if chain is not None and "int8" in by.units and possible(chain, step, largest):
        units.append(ByteProducts(chain, step, largest, times))
    if chain is not None and "events" in by.units:
        units.append(Events(columns(chain, step, source, target), times))
    if "float" in by.units and not any(isinstance(each, ByteProducts) for each in units):
        units.append(FloatProducts(Link(network, p, largest, by), source, target))
    if not units:
        raise not_computed(p, by)
    return Units(units)


# what was made of a projection, as long as it lives: its numbers never change
_made: WeakKeyDictionary[Projection, dict[Any, Units]] = WeakKeyDictionary()


class Synapses:
    """`synapses(x, out, more)`, for one run: out int32 (rows, targets) becomes the drive, or grows by it."""

    def __init__(self, network: Network, p: Projection, largest: int, layouts: Mapping[str, Layout], by: Settings):
        assert p.format is not None
        self.name, self.exponent, self.step = p.name, p.format.exponent, p.format.step
        source, target = layouts[p.source], layouts[p.target]
        made = _made.setdefault(p, {})
        key = (largest, source, target, by.units, float32_is_whole())
        if key not in made:
            made[key] = _units(network, p, largest, source, target, by)
        self.choice = Choice(made[key])

    @property
    def row_bytes(self) -> int:
        """What a row takes at most besides its drive."""
        return max(each.row_bytes for each in self.choice.all.units)

    @property
    def note(self) -> str:
        return f"projection {self.name!r}: {self.choice.told()}"

    def __call__(self, x: Array, out: Array, more: bool) -> None:
        sums = np.empty_like(out) if more else out
        factor = self.choice(x, sums).factor
        if factor is None or (self.exponent >= 0 and factor == self.step << self.exponent):
            if more:
                out += sums
        elif self.exponent >= 0:
            moved(sums, (self.step << self.exponent) // factor, 0, out, more)
        else:
            moved(sums, self.step, self.exponent, out, more)
