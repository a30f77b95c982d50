"""Convolution."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps.base import Map, Shape, frozen
from snndeploy.network.maps.limits import ENTRIES_LIMIT, check_matrix


@dataclass(frozen=True, eq=False)
class Conv(Map):
    """Cross-correlation in one or two dimensions, torch's convention.

    y[o, p] = sum over i, k of weight[o, i, k] · x_padded[i, p·stride + k·dilation]

    Attributes:
        weight: (out channels, in channels / groups, *kernel).
        stride, dilation: steps per spatial axis.
        padding: (before, after) zeros per spatial axis.
    """

    weight: Array
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen(self.weight))

    @property
    def taps(self) -> int:
        return prod(self.weight.shape[1:])

    @property
    def kernel(self) -> Shape:
        return self.weight.shape[2:]

    def shape_out(self, shape: Shape) -> Shape:
        dims = len(self.kernel)
        rank_fits = len(shape) == dims + 1 and dims in (1, 2)
        if not rank_fits or any(len(part) != dims for part in (self.stride, self.padding, self.dilation)):
            raise ValueError(f"a convolution with weight {self.weight.shape} cannot take {shape}")
        least = min(*self.stride, *self.dilation, *self.kernel, self.groups)
        if least < 1 or any(n < 0 for part in self.padding for n in part):
            raise ValueError(
                f"a convolution cannot take {shape} with kernel {self.kernel}, stride {self.stride}, "
                f"dilation {self.dilation}, groups {self.groups}, padding {self.padding}: only padding may be 0"
            )
        if shape[0] != self.weight.shape[1] * self.groups or self.weight.shape[0] % self.groups:
            raise ValueError(
                f"a convolution with weight {self.weight.shape} and {self.groups} groups cannot take {shape}"
            )
        extents = zip(shape[1:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        space = tuple((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in extents)
        if min(space) < 1:
            raise ValueError(f"a kernel of {self.kernel} is larger than its padded input {shape}")
        if shape[0] * prod(n + sum(p) for n, p in zip(shape[1:], self.padding, strict=True)) > ENTRIES_LIMIT:
            raise ValueError(f"a padding of {self.padding} makes more than {ENTRIES_LIMIT:,} numbers of {shape}")
        return (self.weight.shape[0], *space)

    def apply(self, x: Array) -> Array:
        dims = len(self.kernel)
        lead, shape = x.shape[: -dims - 1], x.shape[-dims - 1 :]
        out = self.shape_out(shape)
        flat = x.reshape(-1, *shape)
        padded = np.pad(flat, ((0, 0), (0, 0), *self.padding))
        reach = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + dims)))
        steps = tuple(slice(None, None, s) for s in self.stride)
        taps = tuple(slice(None, None, d) for d in self.dilation)
        windows = windows[(slice(None), slice(None), *steps, *taps)]
        per, each = out[0] // self.groups, self.weight.shape[1]
        parts = []
        for g in range(self.groups):
            part = np.moveaxis(windows[:, g * each : (g + 1) * each], 1, 1 + dims)
            columns = part.reshape(flat.shape[0] * prod(out[1:]), -1)
            kernel = self.weight[g * per : (g + 1) * per].reshape(per, -1)
            parts.append((columns @ kernel.T).reshape(flat.shape[0], *out[1:], per))
        return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1).reshape(*lead, *out)

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        out = self.shape_out(shape)
        check_matrix(self, shape)
        dims = len(self.kernel)
        grids = np.meshgrid(*(np.arange(n) for n in (*self.weight.shape, *out[1:])), indexing="ij", sparse=True)
        channel_out, channel_in, *rest = grids
        taps, places = rest[:dims], rest[dims:]
        source = channel_in + (channel_out // (out[0] // self.groups)) * self.weight.shape[1]
        target = channel_out
        inside: Any = True
        for axis in range(dims):
            at = places[axis] * self.stride[axis] + taps[axis] * self.dilation[axis] - self.padding[axis][0]
            inside = inside & (at >= 0) & (at < shape[1 + axis])
            source = source * shape[1 + axis] + at
            target = target * out[1 + axis] + places[axis]
        full = (*self.weight.shape, *out[1:])
        keep = np.broadcast_to(inside, full)
        values = np.broadcast_to(self.weight.reshape(*self.weight.shape, *(1,) * dims), full)[keep]
        where = (np.broadcast_to(target, full)[keep], np.broadcast_to(source, full)[keep])
        return sparse.csr_array(sparse.coo_array((values, where), shape=(prod(out), prod(shape))))
