"""A projection on the device: many steps of the source in, the drive of as many steps out."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.canonical import canonical
from snndeploy.engines.torch.device_products import DeviceProducts, device_products, used_on
from snndeploy.engines.torch.folding import folded
from snndeploy.engines.torch.linear import chain
from snndeploy.engines.torch.settings import Settings, float32_is_whole
from snndeploy.engines.torch.sparse_rows import TARGETS, SparseRows
from snndeploy.errors import SnnDeployError, error
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Sparse
from snndeploy.network.network import Network, Projection


def wrap32(y: Tensor) -> Tensor:
    """int64 -> the value that a 32-bit register would hold, as int64."""
    return ((y + 2**31) & (2**32 - 1)) - 2**31


def growth(each: Map) -> int:
    """The largest sum of magnitudes of an integer map's row: how much it can enlarge whole numbers."""
    match each:
        case Dense() | Conv():
            rows = np.abs(each.weight).reshape(each.weight.shape[0], -1).sum(axis=1)
            return int(rows.max(initial=0))
        case Sparse():
            return int(abs(each.weight).sum(axis=1).max(initial=0))
        case Pool():
            return prod(each.kernel)
        case Scale():
            return int(np.abs(each.factor).max(initial=0))
        case Flatten() | Reshape():
            return 1
    raise TypeError(type(each).__name__)


def bound(projection: Projection, largest: int) -> int:
    """What no sum of a projection exceeds, if its source emits no more than `largest`."""
    for each in projection.maps:
        largest *= max(1, growth(each))
    return largest


def exact_type(projection: Projection, largest: int, settings: Settings) -> torch.dtype:
    """The smaller floating-point type that holds every partial sum of a projection exactly.

    Args:
        largest: the largest magnitude that the source emits.

    Raises:
        SnnDeployError SD523: float64 does not.
    """
    most = bound(projection, largest)
    if most >= 2**53:
        raise error(
            "SD523",
            f"projection {projection.name!r}",
            f"counts of up to {largest:,} can sum to {most:,}, beyond 2^53, where float64 is not exact",
            'give smaller counts, or use engine="reference"',
        )
    small = most < 2**24 and settings.device.type == "cpu" and float32_is_whole()
    return torch.float32 if small else torch.float64


def not_computed(projection: Projection, settings: Settings) -> SnnDeployError:
    what = f"none of the units {', '.join(settings.units)} computes it"
    return error("SD524", f"projection {projection.name!r}", what, "allow others: units='int8,events,float'")


class Link:
    """`link(x)`: source emissions (steps, batch, *shape) -> drive (steps, batch, *shape of the target).

    Attributes:
        work: multiplications and additions for one sample and step.
        note: what computes it, in the integer form.

    Raises:
        SnnDeployError SD523: sums are not exact. SD524: none of the units that the caller allows computes it.
    """

    def __init__(self, network: Network, projection: Projection, largest: int, settings: Settings):
        self.format = projection.format
        self.dtype = settings.dtype if self.format is None else exact_type(projection, largest, settings)
        self.out = network.shape_after(projection)
        self.work = 0.0
        shape = network.shapes[projection.source]
        for each in projection.maps:
            shape = each.shape_out(shape)
            self.work += prod(shape) * each.taps
        # rows of one number per neuron go into the product as they are
        self.rows: SparseRows | None = None
        self.bytes: DeviceProducts | None = None
        self.note = ""
        shape = network.shapes[projection.source]
        if self.format is not None:
            form = canonical(projection.maps, shape, self.out)
            self.bytes = device_products(form, self.format, largest, bound(projection, largest), settings)
            label = f"{str(self.dtype).removeprefix('torch.')} products" if self.bytes is None else self.bytes.label
            self.note = f"projection {projection.name!r}: {label}"
        if self.bytes is not None:
            return
        if self.format is not None and used_on(settings.device) and "float" not in settings.units:
            raise not_computed(projection, settings)
        maps = folded(projection.maps, shape) if self.format is None else projection.maps
        self.apply = chain(maps, shape, self.dtype, settings.device)
        # a projection without maps hands on what it receives
        first, last = maps[:-1], maps[-1] if maps else None
        moves = all(isinstance(each, Flatten | Reshape) for each in first)
        wide = isinstance(last, Dense) and last.weight.ndim == 2 and len(last.weight) >= TARGETS
        if isinstance(last, Dense) and moves and wide and len(self.out) == 1 and settings.device.type == "cpu":
            self.rows = SparseRows(last.weight, self.dtype)

    def _sums(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, 1)
        if self.rows is None:
            return self.apply(flat.to(self.dtype))
        return self.rows(flat.flatten(1) if flat.dtype == torch.uint8 else flat.flatten(1).to(self.dtype))

    def __call__(self, x: Tensor) -> Tensor:
        if self.bytes is not None:
            return self.bytes(x.flatten(0, 1)).reshape(*x.shape[:2], *self.out)
        y = self._sums(x).reshape(*x.shape[:2], *self.out)
        if self.format is None:
            return y
        e = self.format.exponent
        # in float32 every sum is below 2^24, and an exponent is at most 7
        whole = y.to(torch.int32 if self.dtype == torch.float32 else torch.int64)
        moved = whole << e if e >= 0 else whole >> -e
        return moved if moved.dtype == torch.int32 else wrap32(moved).to(torch.int32)
