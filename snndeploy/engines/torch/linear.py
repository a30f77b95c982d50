"""Linear maps as torch functions on `(n, *shape_in) -> (n, *shape_out)`. One builder per map."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Shape, Sparse

Linear = Callable[[Tensor], Tensor]
# Below this size, or above a tenth of filled places, a sparse matrix is multiplied as a dense one.
DENSE_SIZE, DENSE_SHARE = 2**20, 0.1


def tensor(array: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A copy of an array, never a view: parameters of networks are read-only."""
    return torch.tensor(np.asarray(array), dtype=dtype, device=device)


def _dense(each: Dense, shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    del shape
    weight = tensor(each.weight, dtype, device).T
    return lambda x: x @ weight


def _sparse(each: Sparse, shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    rows, columns = each.weight.shape
    if each.weight.nnz > DENSE_SHARE * rows * columns or rows * columns <= DENSE_SIZE:
        matrix = tensor(each.weight.toarray(), dtype, device)
    else:
        coo = each.weight.tocoo()
        places = torch.tensor(np.stack([coo.row, coo.col]).astype(np.int64), device=device)
        values = tensor(coo.data, dtype, device)
        matrix = torch.sparse_coo_tensor(places, values, (rows, columns), check_invariants=True).coalesce()
    out = each.shape_out(shape)
    return lambda x: (matrix @ x.reshape(x.shape[0], columns).T).T.reshape(x.shape[0], *out)


def padded(x: Tensor, padding: tuple[tuple[int, int], ...]) -> Tensor:
    """Zeros before and after each spatial axis."""
    if not any(map(any, padding)):
        return x
    return functional.pad(x, [n for pair in reversed(padding) for n in pair])


def _conv(each: Conv, shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    weight = tensor(each.weight, dtype, device)
    if device.type == "cuda":
        return columns(each, shape, weight)
    convolve = functional.conv1d if len(each.kernel) == 1 else functional.conv2d

    def apply(x: Tensor) -> Tensor:
        around = padded(x, each.padding)
        return convolve(around, weight, None, each.stride, 0, each.dilation, each.groups)

    return apply


def unfolded(each: Conv, around: Tensor) -> Tensor:
    """The windows of a padded (n, channels, *space), as a view (n, channels, *places, *taps)."""
    for axis, (taps, stride, dilation) in enumerate(zip(each.kernel, each.stride, each.dilation, strict=True)):
        around = around.unfold(2 + axis, dilation * (taps - 1) + 1, stride)[..., ::dilation]
    return around


def columns(each: Conv, shape: Shape, weight: Tensor) -> Linear:
    """A convolution as one matrix product over unfolded windows.

    On CUDA, cuDNN may choose TF32, Winograd or FFT algorithms, which are neither exact on integers nor float32.
    """
    groups = each.groups
    out = each.shape_out(shape)
    kernel = weight.reshape(groups, out[0] // groups, -1)

    def apply(x: Tensor) -> Tensor:
        windows = unfolded(each, padded(x, each.padding))
        # (n, channels, *places, *taps) -> (n, groups, places, channels per group · taps)
        split = windows.reshape(x.shape[0], groups, shape[0] // groups, prod(out[1:]), prod(each.kernel))
        columns = split.transpose(2, 3).reshape(x.shape[0], groups, prod(out[1:]), -1)
        return (columns @ kernel.transpose(1, 2)).transpose(2, 3).reshape(x.shape[0], *out)

    return apply


def _window_sizes(each: Pool, shape: Shape) -> Array:
    """By how much each average is divided, `(1, *space)`."""
    sizes: Array = np.ones(())
    space = each.shape_out(shape)[1:]
    for n, places, k, s, p in zip(shape[1:], space, each.kernel, each.stride, each.padding, strict=True):
        start = np.arange(places) * s - p
        end = np.minimum(start + k, n + p)
        inside = end - start if each.count_include_pad else np.minimum(end, n) - np.maximum(start, 0)
        sizes = np.multiply.outer(sizes, np.maximum(inside, 1))
    return sizes[None]


def _pool(each: Pool, shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    """Sums over windows of the padded input, then a division. Padded by hand, for any padding and `ceil_mode`."""
    space = each.shape_out(shape)[1:]
    margins = tuple(
        (p, max(0, (places - 1) * s + k - n - p))
        for n, places, k, s, p in zip(shape[1:], space, each.kernel, each.stride, each.padding, strict=True)
    )
    flat = len(each.kernel) == 1
    window: Any = (..., *(slice(n) for n in space))
    kernel, stride = ((1, *each.kernel), (1, *each.stride)) if flat else (each.kernel, each.stride)
    sizes = tensor(_window_sizes(each, shape), dtype, device) if each.kind == "average" else None

    def apply(x: Tensor) -> Tensor:
        around = padded(x, margins)
        around = around.unsqueeze(-2) if flat else around
        summed = functional.avg_pool2d(around, kernel, stride, divisor_override=1)
        summed = (summed.squeeze(-2) if flat else summed)[window]
        return summed if sizes is None else summed / sizes

    return apply


def _reshape(each: Flatten | Reshape, shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    del dtype, device
    out = each.shape_out(shape)
    return lambda x: x.reshape(x.shape[0], *out)


def _scale(each: Scale, shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    del shape
    factor = tensor(each.factor, dtype, device)
    return lambda x: x * factor


BUILDERS: dict[type[Map], Callable[[Any, Shape, torch.dtype, torch.device], Linear]] = {
    Dense: _dense,
    Sparse: _sparse,
    Conv: _conv,
    Pool: _pool,
    Flatten: _reshape,
    Reshape: _reshape,
    Scale: _scale,
}


def chain(maps: tuple[Map, ...], shape: Shape, dtype: torch.dtype, device: torch.device) -> Linear:
    """A chain of maps as one function."""
    built = []
    for each in maps:
        built.append(BUILDERS[type(each)](each, shape, dtype, device))
        shape = each.shape_out(shape)

    def apply(x: Tensor) -> Tensor:
        for one in built:
            x = one(x)
        return x

    return apply
