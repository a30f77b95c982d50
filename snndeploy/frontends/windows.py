"""The windows of a max-pool, with all its options, as maps that sum them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from snndeploy.errors import error
from snndeploy.frontends.layers import each_axis
from snndeploy.network.maps import Conv, Map, Pool, Shape


def fixed(module: Any, where: str, shape: Shape) -> Any:
    """The max-pool of a fixed kernel that does the same on values of `shape`.

    Raises:
        SnnDeployError SD308: there is none, or indices are returned.
    """
    dims = 2 if isinstance(module, (nn.MaxPool2d, nn.AdaptiveMaxPool2d)) else 1
    if module.return_indices:
        raise error("SD308", where, "return_indices: a place in a window is no spike", "use return_indices=False")
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
    if isinstance(module, (nn.MaxPool1d, nn.MaxPool2d)):
        return module
    size = module.output_size
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * dims
    target = tuple(n if out is None else int(out) for n, out in zip(shape[1:], sizes, strict=True))
    if any(n % out for n, out in zip(shape[1:], target, strict=True)):
        what = f"from {shape[1:]} to {target} its windows differ in size"
        raise error("SD308", where, what, "choose an output size that divides the input, or use nn.MaxPool2d")
    kernel = tuple(n // out for n, out in zip(shape[1:], target, strict=True))
    return nn.MaxPool2d(kernel) if dims == 2 else nn.MaxPool1d(kernel[0])


def windows(module: Any, shape: Shape) -> tuple[Map, ...]:
    """The sum over the windows of an nn.MaxPool1d or nn.MaxPool2d."""
    dims = 2 if isinstance(module, nn.MaxPool2d) else 1
    kernel, stride, padding, dilation = (
        each_axis(v, dims) for v in (module.kernel_size, module.stride, module.padding, module.dilation)
    )
    pool = Pool(kernel, stride, padding, "sum", bool(module.ceil_mode))
    if all(d == 1 for d in dilation):
        return (pool,)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    space = Pool(reach, stride, padding, "sum", bool(module.ceil_mode)).shape_out(shape)[1:]
    pads = tuple(
        (p, max(p, (out - 1) * s + r - n - p))
        for out, s, r, n, p in zip(space, stride, reach, shape[1:], padding, strict=True)
    )
    ones = np.ones((shape[0], 1, *kernel))
    return (Conv(ones, stride, pads, dilation, groups=shape[0]),)
