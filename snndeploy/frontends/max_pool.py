"""Max-pool of spikes: the or of a window, which is exact.

A population without memory sums each window and fires above half a spike: v = sum, s = v > value / 2.
Over values that are not spikes a maximum is not linear, and is refused.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from torch import nn

from snndeploy.errors import error
from snndeploy.frontends.layers import each_axis
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Map, Pool, Shape
from snndeploy.network.rule import Reset, Rule

POOLS: tuple[type, ...] = (nn.MaxPool1d, nn.MaxPool2d)
TWO_WAYS = "move it behind the neuron, where it is exact; or use average pooling, which is linear, and fine-tune"


def windows(module: Any, where: str, shape: Shape) -> tuple[Map, ...]:
    """The sum over the windows of a max-pool, with all its options."""
    dims = 2 if isinstance(module, nn.MaxPool2d) else 1
    if module.return_indices:
        raise error("SD308", where, "return_indices: a place in a window is no spike", "use return_indices=False")
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
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


def gate(value: Array) -> Rule | None:
    """The rule of a window's or, for spikes that are worth `value`; None where that is not one number above 0."""
    if prod(value.shape) != 1 or value.item() <= 0:
        return None
    return Rule(beta=0.0, threshold=0.5 * value.item(), reset=Reset("to", 0.0, "now"), value=value.item())
