"""Sums of mantissas as products of matrices of bytes on the device of the tensors: the int8 tensor cores of a GPU.

`torch._int_mm` on CUDA asks for more than 16 rows, for inner sizes and columns that are multiples of 8, and for a right
matrix that lies column by column: cuBLAS has no integer kernel for two that lie row by row on some GPUs
(pytorch/pytorch#169961), and one of its releases was wrong where 17 rows were given (pytorch/pytorch#107671). So all is
padded, and what a device says is checked once.
"""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines.torch.canonical import Canonical, canonical
from snndeploy.engines.torch.linear import chain, unfolded
from snndeploy.engines.torch.products import byte_weight, exact, fits
from snndeploy.engines.torch.settings import Settings
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense
from snndeploy.network.registers import Format

# what rows, inner sizes and columns are padded to: rows of 16 bytes are what tensor cores load at once
ROWS, INNER, COLUMNS = 32, 16, 8
# the most that patches and their sums may take: more of them at once is not faster
ROOM = 2**27
# where these products are used: a CPU has units that count and choose, see `synapses`
DEVICES = ("cuda",)


def multiple(n: int, of: int) -> int:
    """The next multiple of `of`."""
    return -(-n // of) * of


class DeviceProducts:
    """`unit(x)`: x (rows, *shape) whole numbers of any type -> drive, int32 (rows, channels, *places).

    drive = (sums of mantissas) · 2^exponent, rounded down, in int32 that wraps.
    """

    label = "int8 products"

    def __init__(self, form: Canonical, step: int, exponent: int, device: torch.device, room: int = ROOM):
        """`room`: bytes for patches and sums, if one row takes no more."""
        conv = form.core
        assert isinstance(conv, Conv)
        assert step & (step - 1) == 0
        self.form, self.conv = form, conv
        matrix, self.offset = byte_weight(conv, step)
        self.inner, self.targets = matrix.shape
        # one more column counts what arrives, which the offset is multiplied with
        across = multiple(self.targets + (self.offset != 0), COLUMNS)
        padded = np.zeros((across, multiple(self.inner, INNER)), np.int8)
        padded[: self.targets, : self.inner] = matrix.T
        if self.offset:
            padded[self.targets, : self.inner] = 1
        self.weight = torch.tensor(padded, device=device).t()
        # whole numbers in a byte: exact in float32
        self.pools = chain(form.pools, form.shape, torch.float32, device) if form.pools else None
        self.places = prod(form.space)
        self.once = self.places == 1 and not any(map(any, conv.padding))
        # mantissas are multiples of the step, so that one shift does both
        self.shift = step.bit_length() - 1 + exponent
        around = [n + sum(pads) for n, pads in zip(form.between[1:], conv.padding, strict=True)]
        self.around = (*around, form.between[0])
        row = self.places * (padded.shape[1] + 4 * across) + prod(self.around)
        self.rows = max(1, room // row)

    def _bytes(self, x: Tensor) -> Tensor:
        """x: (rows, *between) with its margins, channels last in memory."""
        if self.once:
            return x  # every number is read once
        room = torch.zeros((len(x), *self.around), dtype=torch.int8, device=x.device).movedim(-1, 1)
        inside = room
        for axis, (n, (before, _)) in enumerate(zip(self.form.between[1:], self.conv.padding, strict=True)):
            inside = inside.narrow(2 + axis, before, n)
        inside.copy_(x)
        return room

    def _patches(self, x: Tensor) -> Tensor:
        """int8, a row per place; what lies beyond the windows meets weights of 0."""
        windows = unfolded(self.conv, self._bytes(x)).movedim(1, -1)
        count = len(x) * self.places
        left = torch.zeros((multiple(count, ROWS), len(self.weight)), dtype=torch.int8, device=x.device)
        left[:count, : self.inner].view(windows.shape).copy_(windows)
        return left

    def _fill(self, x: Tensor, out: Tensor) -> None:
        x = x.reshape(-1, *self.form.shape)
        if self.pools is not None:
            x = self.pools(x.to(torch.float32))
        found = torch._int_mm(self._patches(x), self.weight)[: len(x) * self.places]
        sums = found[:, : self.targets]
        if self.offset:
            sums.add_(found[:, self.targets :][:, :1], alpha=self.offset)
        sums = sums.view(len(x), *self.form.space, self.targets).movedim(-1, 1)
        if self.shift >= 0:
            torch.bitwise_left_shift(sums, self.shift, out=out)
        else:
            torch.bitwise_right_shift(sums, -self.shift, out=out)

    def __call__(self, x: Tensor) -> Tensor:
        out = torch.empty((len(x), self.targets, *self.form.space), dtype=torch.int32, device=x.device)
        for at in range(0, len(x), self.rows):
            self._fill(x[at : at + self.rows], out[at : at + self.rows])
        return out


@cache
def exact_on(device: torch.device) -> bool:
    """Whether a device has products of bytes, and they are exact."""

    def product(x: Array, weight: Array) -> Array:
        inner, columns = weight.shape
        form = canonical((Dense(weight.T.astype(np.int64)),), (inner,), (columns,))
        assert form is not None
        sums: Array = DeviceProducts(form, 1, 0, device)(torch.tensor(x, device=device)).flatten(1).cpu().numpy()
        return sums

    return exact(product)


def used_on(device: torch.device) -> bool:
    return device.type in DEVICES


def device_products(
    form: Canonical | None, numbers: Format, largest: int, most: int, by: Settings
) -> DeviceProducts | None:
    """The unit for a projection of the integer form, or None where another has to compute it.

    Args:
        largest: the largest number that the source emits. most: what no sum exceeds.
    """
    if not used_on(by.device) or "int8" not in by.units or form is None:
        return None
    if most >= 2**31 or not fits(form, numbers.step, largest) or not exact_on(by.device):
        return None
    return DeviceProducts(form, numbers.step, numbers.exponent, by.device, min(ROOM, by.memory // 4 // by.threads))
