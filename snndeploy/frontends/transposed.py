"""Transposed convolution: the matrix of a convolution, transposed."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from torch import nn

from snndeploy.errors import error
from snndeploy.frontends.layers import each_axis, layer, numbers
from snndeploy.frontends.value import Affine
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Map, Shape, Sparse

SYNAPSES_LIMIT = 2**24


@layer(nn.ConvTranspose1d, nn.ConvTranspose2d)
def transposed(module: Any, where: str, shape: Shape) -> Affine:
    """y = C^T x + b, C the convolution of kernel, stride, padding and dilation that leads back to `shape`.

    With stride 1 that is a convolution with the kernel turned around, padded by dilation·(kernel - 1) - padding.
    """
    dims = len(module.kernel_size)
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
    stride, padding, dilation, extra = (
        each_axis(v, dims) for v in (module.stride, module.padding, module.dilation, module.output_padding)
    )
    weight, groups = numbers(module.weight), int(module.groups)
    kernel = weight.shape[2:]
    rest = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    each: Map
    if set(stride) == {1} and min(rest) >= 0:
        pads = tuple((r, r + e) for r, e in zip(rest, extra, strict=True))
        each = Conv(turned(weight, groups), stride, pads, dilation, groups)
    else:
        space = (
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, s, p, d, k, e in zip(shape[1:], stride, padding, dilation, kernel, extra, strict=True)
        )
        out = (weight.shape[1] * groups, *space)
        synapses = prod(shape) * prod(weight.shape[1:])
        if synapses > SYNAPSES_LIMIT:
            what = f"on {shape} it needs {synapses:,} synapses, and stride {stride} has no kernel that shares them"
            raise error("SD308", where, what, "use nn.Upsample(mode='nearest') and nn.Conv2d")
        back = Conv(weight, stride, tuple((p, p) for p in padding), dilation, groups)
        each = Sparse(back.matrix(out).T, shape, out)
    constant = None if module.bias is None else numbers(module.bias).reshape(-1, *(1,) * dims)
    return Affine((each,), constant)


def turned(weight: Array, groups: int) -> Array:
    """(in, out / groups, *kernel) -> (out, in / groups, *kernel) with the taps in reverse."""
    per = weight.shape[0] // groups
    parts = [weight[g * per : (g + 1) * per].swapaxes(0, 1) for g in range(groups)]
    return np.flip(np.concatenate(parts), tuple(range(2, weight.ndim)))
