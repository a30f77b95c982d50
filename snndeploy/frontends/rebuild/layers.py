"""Linear maps as torch layers, exactly; capture reads every one of them back.

torch's own layers where torch has one. Our own where it has none: `Factor`, `Bias`, `SparseLinear` and convolutions
with unequal padding. All parameters are float32 and trainable.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from snndeploy.frontends.layers import layer, numbers
from snndeploy.frontends.value import Affine
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Shape, Sparse


def single(array: Any) -> torch.Tensor:
    """The nearest float32."""
    return torch.from_numpy(np.array(array, np.float32))


class Factor(nn.Module):
    """y = factor · x, element by element."""

    def __init__(self, factor: Array):
        super().__init__()
        self.factor = nn.Parameter(single(factor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


class Bias(nn.Module):
    """y = x + bias, element by element."""

    def __init__(self, bias: Array):
        super().__init__()
        self.bias = nn.Parameter(single(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bias


class SparseLinear(nn.Module):
    """y = W x over flattened arrays, W given by its entries (row, column, weight) in row order."""

    rows: torch.Tensor
    columns: torch.Tensor

    def __init__(self, matrix: Any, shape_from: Shape, shape_to: Shape):
        super().__init__()
        entries = matrix.tocoo()
        self.shape_from, self.shape_to = shape_from, shape_to
        self.weight = nn.Parameter(single(entries.data))
        self.register_buffer("rows", torch.from_numpy(entries.row.astype(np.int64)))
        self.register_buffer("columns", torch.from_numpy(entries.col.astype(np.int64)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        terms = x.flatten(1)[:, self.columns] * self.weight
        sums = terms.new_zeros(len(x), prod(self.shape_to)).index_add(1, self.rows, terms)
        return sums.reshape(len(x), *self.shape_to)


class PaddedConv1d(nn.Conv1d):
    """nn.Conv1d with `pads` = (before, after)."""

    pads: tuple[tuple[int, int], ...] = ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(x, self.pads[0]))


class PaddedConv2d(nn.Conv2d):
    """nn.Conv2d with `pads` = (before, after) per axis."""

    pads: tuple[tuple[int, int], ...] = ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(x, (*self.pads[1], *self.pads[0])))


@layer(Factor)
def read_factor(module: Factor, where: str, shape: Shape) -> Affine:
    del where, shape
    return Affine((Scale(numbers(module.factor)),))


@layer(Bias)
def read_bias(module: Bias, where: str, shape: Shape) -> Affine:
    del where, shape
    return Affine((), numbers(module.bias))


@layer(SparseLinear)
def read_sparse(module: SparseLinear, where: str, shape: Shape) -> Affine:
    from scipy import sparse

    del where, shape
    places = (module.rows.cpu().numpy(), module.columns.cpu().numpy())
    size = (prod(module.shape_to), prod(module.shape_from))
    matrix = sparse.csr_array(sparse.coo_array((numbers(module.weight), places), shape=size))
    return Affine((Sparse(matrix, module.shape_from, module.shape_to),))


@layer(PaddedConv1d, PaddedConv2d)
def read_padded(module: Any, where: str, shape: Shape) -> Affine:
    del where, shape
    conv = Conv(numbers(module.weight), module.stride, module.pads, module.dilation, module.groups)
    dims = len(module.pads)
    return Affine((conv,), None if module.bias is None else numbers(module.bias).reshape(-1, *(1,) * dims))


def torch_layer(each: Map, shape: Shape, bias: Array | None = None) -> nn.Module:
    """One map over values of `shape` as a layer; `bias`: one number per output channel, only where `takes_bias`."""
    made: Any
    match each:
        case Dense():
            made = nn.Linear(each.weight.shape[1], each.weight.shape[0], bias is not None)
        case Conv():
            made = _convolution(each, bias is not None)
        case Pool() if all(2 * p <= k for p, k in zip(each.padding, each.kernel, strict=True)):
            both: dict[str, Any] = {"ceil_mode": each.ceil_mode, "count_include_pad": each.count_include_pad}
            if len(each.kernel) == 2:
                divisor = 1 if each.kind == "sum" else None
                return nn.AvgPool2d(each.kernel, each.stride, each.padding, divisor_override=divisor, **both)  # type: ignore[arg-type]
            if each.kind == "average":
                return nn.AvgPool1d(each.kernel, each.stride, each.padding, **both)  # type: ignore[arg-type]
            return SparseLinear(each.matrix(shape), shape, each.shape_out(shape))
        case Flatten():
            start, end = each._span()
            return nn.Flatten(start + 1, end + 1)
        case Reshape():
            return _reshaped(each)
        case Scale():
            return Factor(each.factor)
        case _:
            return SparseLinear(each.matrix(shape), shape, each.shape_out(shape))
    with torch.no_grad():
        made.weight.copy_(single(each.weight))
        if bias is not None:
            made.bias.copy_(single(bias))
    module: nn.Module = made
    return module


def _reshaped(each: Reshape) -> nn.Module:
    """An nn.Unflatten of the one axis that is split, or of everything at once."""
    before, after = each.shape_from, each.shape_to
    for axis in range(len(before)):
        tail = len(before) - axis - 1
        parts = after[axis : len(after) - tail]
        if parts and (*before[:axis], *parts, *before[axis + 1 :]) == after and prod(parts) == before[axis]:
            return nn.Unflatten(axis + 1, parts)
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, after))


def _convolution(each: Conv, bias: bool) -> nn.Module:
    out, per = each.weight.shape[:2]
    even = all(a == b for a, b in each.padding)
    names = ((nn.Conv1d, PaddedConv1d), (nn.Conv2d, PaddedConv2d))[len(each.kernel) - 1]
    kind: Any = names[0] if even else names[1]
    made: nn.Module = kind(
        per * each.groups,
        out,
        each.kernel,
        stride=each.stride,
        padding=tuple(a for a, _ in each.padding) if even else 0,
        dilation=each.dilation,
        groups=each.groups,
        bias=bias,
    )
    if not even:
        made.pads = each.padding  # type: ignore[assignment]
    return made


def as_bias(each: Map, constant: Array, shape: Shape) -> Array | None:
    """A constant that is added to what `each` makes, `shape`, as the bias of its layer; None if it is no bias."""
    full = np.broadcast_to(constant, shape)
    if isinstance(each, Dense):
        rows = full.reshape(-1, shape[-1])
        return rows[0] if np.all(rows == rows[0]) else None
    if isinstance(each, Conv):
        channels = full.reshape(shape[0], -1)
        return channels[:, 0] if np.all(channels == channels[:, :1]) else None
    return None


def scaled(maps: tuple[Map, ...], factor: Array, shape: Shape) -> tuple[Map, ...]:
    """`maps`, which make `shape`, times `factor`: in the weights right before it if it can be there."""
    if np.all(factor == 1):
        return maps
    if np.all(factor == factor.flat[0]):
        for i in reversed(range(len(maps))):
            each = maps[i]
            if each.weighted:
                new = replace(each, weight=each.weight * factor.flat[0])  # type: ignore[type-var, attr-defined]
                return (*maps[:i], new, *maps[i + 1 :])
    last = maps[-1] if maps else None
    if isinstance(last, (Dense, Conv)):
        channels = as_bias(last, factor, shape)
        if channels is not None:
            weight = last.weight * channels.reshape(-1, *(1,) * (last.weight.ndim - 1))
            return (*maps[:-1], replace(last, weight=weight))
    if isinstance(last, Scale):
        return (*maps[:-1], Scale(last.factor * factor))
    return (*maps, Scale(np.array(factor)))
