"""The layers that a trace understands, by exact class: each becomes linear maps and a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from snndeploy.errors import error
from snndeploy.frontends.value import Affine
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Scale, Shape

Reader = Callable[[Any, str, Shape], Affine]
LAYERS: dict[type, Reader] = {}
# modules of torch that only call their children
CONTAINERS: set[type] = {nn.Sequential, nn.ModuleList, nn.ModuleDict}
# layers that do the same to (time, batch, *shape) as to every (batch, *shape) of it
LAST_AXIS: set[type] = {nn.Linear, nn.Identity, nn.Dropout, nn.AlphaDropout}


def layer(*classes: type) -> Callable[[Reader], Reader]:
    """Registers `read(module, where, shape_in) -> Affine` for exactly these classes."""

    def register(read: Reader) -> Reader:
        LAYERS.update(dict.fromkeys(classes, read))
        return read

    return register


def numbers(tensor: torch.Tensor) -> Array:
    """A parameter as float64."""
    return np.asarray(tensor.detach().cpu().to(torch.float64).numpy())


def each_axis(value: Any, dims: int) -> tuple[int, ...]:
    return tuple(int(v) for v in value) if isinstance(value, (tuple, list)) else (int(value),) * dims


@layer(nn.Linear)
def linear(module: nn.Linear, where: str, shape: Shape) -> Affine:
    """y = W x + b on the last axis."""
    del where, shape
    return Affine((Dense(numbers(module.weight)),), None if module.bias is None else numbers(module.bias))


@layer(nn.Conv1d, nn.Conv2d)
def convolution(module: nn.Conv1d | nn.Conv2d, where: str, shape: Shape) -> Affine:
    """Cross-correlation with zero padding."""
    dims = len(module.kernel_size)
    if module.padding_mode != "zeros":
        raise error("SD308", where, f"padding_mode is {module.padding_mode!r}", "retrain with padding_mode='zeros'")
    if len(shape) != dims + 1:
        raise error(
            "SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes", "give the sample that shape"
        )
    padding: tuple[tuple[int, int], ...]
    if module.padding == "valid":
        padding = ((0, 0),) * dims
    elif module.padding == "same":
        reach = [d * (k - 1) for k, d in zip(module.kernel_size, module.dilation, strict=True)]
        padding = tuple((n // 2, n - n // 2) for n in reach)
    else:
        padding = tuple((n, n) for n in each_axis(module.padding, dims))
    maps = (
        Conv(
            numbers(module.weight),
            each_axis(module.stride, dims),
            padding,
            each_axis(module.dilation, dims),
            int(module.groups),
        ),
    )
    constant = None if module.bias is None else numbers(module.bias).reshape(-1, *(1,) * dims)
    return Affine(maps, constant)


@layer(nn.AvgPool1d, nn.AvgPool2d)
def average_pool(module: nn.AvgPool1d | nn.AvgPool2d, where: str, shape: Shape) -> Affine:
    """The mean over windows; a divisor_override is a sum and a scale."""
    dims = 2 if isinstance(module, nn.AvgPool2d) else 1
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
    kernel, stride, padding = (each_axis(v, dims) for v in (module.kernel_size, module.stride, module.padding))
    divisor = getattr(module, "divisor_override", None)
    pool = Pool(
        kernel,
        stride,
        padding,
        "average" if divisor is None else "sum",
        bool(module.ceil_mode),
        bool(module.count_include_pad),
    )
    maps: tuple[Map, ...] = (pool,) if divisor is None else (pool, Scale(np.asarray(1.0 / divisor)))
    return Affine(maps)


@layer(nn.LPPool1d, nn.LPPool2d)
def sum_pool(module: nn.LPPool1d | nn.LPPool2d, where: str, shape: Shape) -> Affine:
    """The sum over windows, which is norm 1 of values that are not negative; torch takes it of all values."""
    if float(module.norm_type) != 1:
        raise error("SD308", where, f"norm_type {module.norm_type} is not linear", "use norm_type=1, the sum")
    dims = 2 if isinstance(module, nn.LPPool2d) else 1
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
    kernel = each_axis(module.kernel_size, dims)
    stride = kernel if module.stride is None else each_axis(module.stride, dims)
    if not module.ceil_mode:
        return Affine((Pool(kernel, stride, (0,) * dims, "sum"),))
    pool = Pool(kernel, stride, (0,) * dims, "average", ceil_mode=True)
    return Affine((pool, Scale(np.asarray(float(np.prod(kernel))))))


@layer(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
def adaptive_pool(module: nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d, where: str, shape: Shape) -> Affine:
    """The mean over windows of one size, where the output divides the input."""
    dims = 2 if isinstance(module, nn.AdaptiveAvgPool2d) else 1
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
    size: Any = module.output_size
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * dims
    target = tuple(n if out is None else int(out) for n, out in zip(shape[1:], sizes, strict=True))
    if any(n % out for n, out in zip(shape[1:], target, strict=True)):
        what = f"from {shape[1:]} to {target} its windows differ in size"
        raise error("SD308", where, what, "choose an output size that divides the input, or use nn.AvgPool2d")
    kernel = tuple(n // out for n, out in zip(shape[1:], target, strict=True))
    return Affine((Pool(kernel, kernel, (0,) * dims),))


def flattening(start: int, end: int, where: str, shape: Shape) -> Affine:
    """Flatten over torch's axes, the batch being axis 0."""
    rank = len(shape)
    start, end = start % (rank + 1), end % (rank + 1)
    if start == 0 and end > 0:
        raise error("SD308", where, "it flattens the batch axis", "flatten from axis 1 on: nn.Flatten(1)")
    if start >= end:
        return Affine()
    return Affine((Flatten(start - 1, end - 1, rank),))


@layer(nn.Flatten)
def flatten(module: nn.Flatten, where: str, shape: Shape) -> Affine:
    return flattening(module.start_dim, module.end_dim, where, shape)


@layer(nn.Identity)
def identity(module: nn.Identity, where: str, shape: Shape) -> Affine:
    del module, where, shape
    return Affine()


@layer(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
def dropout(module: nn.Dropout, where: str, shape: Shape) -> Affine:
    """Nothing, in eval mode."""
    del shape
    if module.training:
        raise error("SD306", where, f"{type(module).__name__} is in training mode", "call module.eval() first")
    return Affine()


@layer(nn.BatchNorm1d, nn.BatchNorm2d)
def batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d, where: str, shape: Shape) -> Affine:
    """y = (x - mean)·w / sqrt(var + eps) + b with the running statistics, in float64."""
    if module.training:
        raise error("SD306", where, f"{type(module).__name__} is in training mode", "call module.eval() first")
    if module.running_mean is None or module.running_var is None:
        raise error(
            "SD308",
            where,
            "it has no running statistics, so each sample depends on its batch",
            "train with track_running_stats=True",
        )
    factor = 1.0 / np.sqrt(numbers(module.running_var) + module.eps)
    if module.weight is not None:
        factor = factor * numbers(module.weight)
    shift = -numbers(module.running_mean) * factor
    size = np.abs(shift)
    if module.bias is not None:
        shift, size = shift + numbers(module.bias), size + np.abs(numbers(module.bias))
    per_channel = (-1, *(1,) * (len(shape) - 1))
    return Affine((Scale(factor.reshape(per_channel)),), shift.reshape(per_channel), size.reshape(per_channel))
