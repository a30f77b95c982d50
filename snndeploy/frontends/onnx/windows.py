"""Windows of a pool or convolution as positions in the flattened space: exact in every type that ONNX can add."""

from __future__ import annotations

from math import prod

import numpy as np

from snndeploy.frontends.onnx.scope import Scope
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Pool, Shape, check_entries


def positions(each: Conv | Pool, shape: Shape) -> Array:
    """int64 (places, taps): where each tap of each window is; one behind the last where it is outside."""
    if isinstance(each, Conv):
        before, dilation, kernel = [p[0] for p in each.padding], each.dilation, each.kernel
    else:
        before, dilation, kernel = list(each.padding), (1,) * len(each.kernel), each.kernel
    space, places = shape[1:], each.shape_out(shape)[1:]
    check_entries(prod(places) * prod(kernel), f"windows of {kernel} on {shape}")
    flat: Array = np.zeros((1, 1), np.int64)
    inside: Array = np.ones((1, 1), bool)
    for n, count, k, s, d, p in zip(space, places, kernel, each.stride, dilation, before, strict=True):
        at = np.arange(count)[:, None] * s + np.arange(k) * d - p
        here = (at >= 0) & (at < n)
        size = (flat.shape[0] * count, flat.shape[1] * k)
        flat = (flat[:, None, :, None] * n + at[None, :, None, :]).reshape(size)
        inside = (inside[:, None, :, None] & here[None, :, None, :]).reshape(size)
    return np.where(inside, flat, prod(space))


def windows(g: Scope, x: str, each: Conv | Pool, shape: Shape, name: str) -> str:
    """(n, *shape) -> (n, channels, places, taps), zeros outside."""
    where = positions(each, shape)
    flat = g.reshape(x, (0, shape[0], prod(shape[1:])), f"{name}.flat")
    if (where == prod(shape[1:])).any():
        flat = g.op("Pad", (flat, g.constant([0, 0, 0, 0, 0, 1], "int64", "pads")), f"{name}.padded")
    return g.op("Gather", (flat, g.constant(where, "int64", f"{name}.positions")), f"{name}.windows", axis=2)


def pooled(g: Scope, x: str, each: Pool, shape: Shape, name: str) -> str:
    """Sums over windows, (n, *shape) -> (n, *shape_out)."""
    last = g.constant([3], "int64", "axis")
    summed = g.op("ReduceSum", (windows(g, x, each, shape, name), last), f"{name}.sums", keepdims=0)
    return g.reshape(summed, (0, *each.shape_out(shape)), name)


def convolved(g: Scope, x: str, each: Conv, shape: Shape, dtype: str, name: str) -> str:
    """A convolution as one product per group, in a type that ONNX's Conv lacks here."""
    out, per = each.shape_out(shape), each.weight.shape[1]
    places, taps = prod(out[1:]), prod(each.kernel)
    cut = g.reshape(windows(g, x, each, shape, name), (0, each.groups, per, places, taps), f"{name}.groups")
    turned = g.op("Transpose", (cut,), f"{name}.turned", perm=[0, 1, 3, 2, 4])
    columns = g.reshape(turned, (0, each.groups, places, per * taps), f"{name}.columns")
    kernel = each.weight.reshape(each.groups, out[0] // each.groups, per * taps).transpose(0, 2, 1)
    product = g.op("MatMul", (columns, g.constant(kernel, dtype, f"{name}.weight")), f"{name}.product")
    back = g.op("Transpose", (product,), f"{name}.back", perm=[0, 1, 3, 2])
    return g.reshape(back, (0, *out), name)


def window_sizes(each: Pool, shape: Shape) -> Array:
    """By how much each average is divided, float64 (1, *places)."""
    sizes: Array = np.ones(())
    places = each.shape_out(shape)[1:]
    for n, count, k, s, p in zip(shape[1:], places, each.kernel, each.stride, each.padding, strict=True):
        start = np.arange(count) * s - p
        end = np.minimum(start + k, n + p)
        inside = end - start if each.count_include_pad else np.minimum(end, n) - np.maximum(start, 0)
        sizes = np.multiply.outer(sizes, np.maximum(inside, 1))
    return sizes[None]
