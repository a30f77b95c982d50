"""Chains of linear maps as nodes, (n, *shape_in) -> (n, *shape_out), in float32 or float64."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snndeploy.frontends.onnx.scope import Scope
from snndeploy.frontends.onnx.sparse import dense, rows_of
from snndeploy.frontends.onnx.windows import convolved, pooled, window_sizes
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Shape, Sparse


def chain(g: Scope, x: str, maps: tuple[Map, ...], shape: Shape, dtype: str, name: str) -> str:
    """`x: dtype (n, *shape)` through all maps."""
    for each in maps:
        x, shape = _one(g, x, each, shape, dtype, name), each.shape_out(shape)
    return x


def _one(g: Scope, x: str, each: Map, shape: Shape, dtype: str, name: str) -> str:
    match each:
        case Dense():
            return g.op("MatMul", (x, g.constant(each.weight.T, dtype, f"{name}.weight")), f"{name}.product")
        case Sparse():
            return _sparse(g, x, each, dtype, name)
        case Conv() if dtype == "float32":
            weight = g.constant(each.weight, dtype, f"{name}.weight")
            return g.op("Conv", (x, weight), f"{name}.convolved", **geometry(each))
        case Conv():
            return convolved(g, x, each, shape, dtype, f"{name}.convolved")
        case Pool():
            return _pool(g, x, each, shape, dtype, name)
        case Flatten() | Reshape():
            return g.reshape(x, (0, *each.shape_out(shape)), f"{name}.reshaped")
        case Scale():
            return g.op("Mul", (x, g.constant(each.factor, dtype, f"{name}.factor")), f"{name}.scaled")
    raise TypeError(type(each).__name__)


def geometry(each: Conv) -> dict[str, Any]:
    """A convolution's attributes."""
    pads = [p[side] for side in (0, 1) for p in each.padding]
    return {"strides": each.stride, "dilations": each.dilation, "pads": pads, "group": each.groups}


def _sparse(g: Scope, x: str, each: Sparse, dtype: str, name: str) -> str:
    flat = g.reshape(x, (0, prod(each.shape_from)), f"{name}.flat")
    whole = dense(each)
    if whole is not None:
        product = g.op("MatMul", (flat, g.constant(whole.T, dtype, f"{name}.weight")), f"{name}.product")
        return g.reshape(product, (0, *each.shape_to), f"{name}.arrives")
    places, weights = rows_of(each)
    taken = g.op("Gather", (flat, g.constant(places, "int64", f"{name}.places")), f"{name}.taken", axis=1)
    products = g.op("Mul", (taken, g.constant(weights, dtype, f"{name}.weight")), f"{name}.products")
    summed = g.op("ReduceSum", (products, g.constant([2], "int64", "axis")), f"{name}.sums", keepdims=0)
    return g.reshape(summed, (0, *each.shape_to), f"{name}.arrives")


def _pool(g: Scope, x: str, each: Pool, shape: Shape, dtype: str, name: str) -> str:
    plain = dtype == "float32" and each.kind == "average" and not each.ceil_mode and not any(each.padding)
    if plain:
        return g.op("AveragePool", (x,), f"{name}.pooled", kernel_shape=each.kernel, strides=each.stride)
    summed = pooled(g, x, each, shape, f"{name}.pooled")
    sizes = window_sizes(each, shape)
    if each.kind == "sum" or np.all(sizes == 1):
        return summed
    return g.op("Div", (summed, g.constant(sizes, dtype, f"{name}.sizes")), f"{name}.averages")
