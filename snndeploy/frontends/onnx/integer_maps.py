"""Chains of linear maps as nodes on whole numbers, exact: bytes times bytes into 32 bits, else 32 or 64 bits.

onnxruntime adds pairs of products of unsigned and signed bytes in 16 bits on some processors, which holds all pairs
only where what comes in is at most 127; beyond that, weights are unsigned bytes with a zero point, whose pairs have 32.
"""

from __future__ import annotations

from math import prod

import numpy as np

from snndeploy.errors import error
from snndeploy.frontends.onnx.float_maps import geometry
from snndeploy.frontends.onnx.scope import Scope
from snndeploy.frontends.onnx.sparse import dense, rows_of
from snndeploy.frontends.onnx.whole import HIGH32, Whole, number, times, to
from snndeploy.frontends.onnx.windows import convolved, pooled
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Shape, Sparse

PAIRS_FIT = 127
FLOAT32_WHOLE = 2**24


def chain(g: Scope, x: Whole, maps: tuple[Map, ...], shape: Shape, name: str, floats: bool) -> Whole:
    """`x: (n, *shape)` through all maps.

    Args:
        floats: convolutions in float32 where every sum stays below 2^24 and so is exact: faster on the CPU.

    Raises:
        SnnDeployError SD523: sums may leave 64 bits.
    """
    for each in maps:
        x, shape = _one(g, x, each, shape, name, floats), each.shape_out(shape)
    return x


def _one(g: Scope, x: Whole, each: Map, shape: Shape, name: str, floats: bool) -> Whole:
    match each:
        case Flatten() | Reshape():
            moved = g.reshape(x.name, (0, *each.shape_out(shape)), f"{name}.reshaped")
            return Whole(moved, x.dtype, x.low, x.high)
        case Pool():
            return _pool(g, x, each, shape, name)
        case Dense():
            low, high = _reach(x, each.weight.reshape(each.weight.shape[0], -1), name)
            return _product(g, x, each.weight.T, (low, high), name)
        case Sparse():
            return _sparse(g, x, each, name)
        case Conv():
            return _conv(g, x, each, shape, name, floats)
    raise TypeError(type(each).__name__)


def _reach(x: Whole, rows: Array, name: str) -> tuple[int, int]:
    """The least and the most that a sum over one row can be; partial sums are no larger than the larger of them."""
    up = [int(n) for n in np.maximum(rows, 0).sum(axis=1)]
    down = [int(n) for n in np.minimum(rows, 0).sum(axis=1)]
    most = max((u * x.high + d * x.low for u, d in zip(up, down, strict=True)), default=0)
    least = min((u * x.low + d * x.high for u, d in zip(up, down, strict=True)), default=0)
    if max(most, -least) >= 2**63:
        what = f"counts up to {x.size:,} may add up to {max(most, -least):,}, beyond 64 bits"
        raise error("SD523", f"projection {name!r}", what, "give smaller counts")
    return least, most


def _bytes(x: Whole, weight: Array, reach: tuple[int, int]) -> tuple[Array, int, int] | None:
    """Weights as bytes, their zero point and a factor: weight = (bytes - zero)·factor. None: no bytes hold it."""
    if x.low < 0 or x.high > 255 or max(reach[1], -reach[0]) > HIGH32:
        return None
    even = not (weight % 2).any() and (weight.min(initial=0) < -128 or weight.max(initial=0) > 127)
    halves, factor = (weight // 2, 2) if even else (weight, 1)
    low, high = int(halves.min(initial=0)), int(halves.max(initial=0))
    if low >= -128 and high <= 127 and x.high <= PAIRS_FIT:
        return halves.astype(np.int8), 0, factor
    zero = max(0, -low)
    return ((halves + zero).astype(np.uint8), zero, factor) if zero <= 255 and high + zero <= 255 else None


def _product(g: Scope, x: Whole, matrix: Array, reach: tuple[int, int], name: str) -> Whole:
    """`x: (..., in)` times `matrix: (in, out)`."""
    held = _bytes(x, matrix, reach)
    if held is None:
        kind = "int32" if max(reach[1], -reach[0], x.size, int(np.abs(matrix).max(initial=0))) <= HIGH32 else "int64"
        weight = g.constant(matrix, kind, f"{name}.weight")
        return Whole(g.op("MatMul", (to(g, x, kind).name, weight), f"{name}.product"), kind, *reach)
    whole, zero, factor = held
    inputs = [to(g, x, "uint8").name, g.constant(whole, str(whole.dtype), f"{name}.weight")]
    if zero:
        inputs += ["", g.constant(zero, "uint8", f"{name}.zero")]
    product = g.op("MatMulInteger", inputs, f"{name}.product")
    return _times(g, Whole(product, "int32", reach[0] // factor, reach[1] // factor), factor, name)


def _times(g: Scope, x: Whole, factor: int, name: str) -> Whole:
    return times(g, x, number(g, factor, "two"), f"{name}.doubled")


def _sparse(g: Scope, x: Whole, each: Sparse, name: str) -> Whole:
    whole = dense(each)
    flat = Whole(g.reshape(x.name, (0, prod(each.shape_from)), f"{name}.flat"), x.dtype, x.low, x.high)
    if whole is not None:
        summed = _product(g, flat, whole.T, _reach(x, whole, name), name)
    else:
        places, weights = rows_of(each)
        reach = _reach(x, weights, name)
        kind = "int32" if max(reach[1], -reach[0], x.size * 256) <= HIGH32 else "int64"
        wide = to(g, flat, kind).name
        taken = g.op("Gather", (wide, g.constant(places, "int64", f"{name}.places")), f"{name}.taken", axis=1)
        products = g.op("Mul", (taken, g.constant(weights, kind, f"{name}.weight")), f"{name}.products")
        sums = g.op("ReduceSum", (products, g.constant([2], "int64", "axis")), f"{name}.sums", keepdims=0)
        summed = Whole(sums, kind, *reach)
    return Whole(g.reshape(summed.name, (0, *each.shape_to), f"{name}.arrives"), summed.dtype, summed.low, summed.high)


def _conv(g: Scope, x: Whole, each: Conv, shape: Shape, name: str, floats: bool) -> Whole:
    reach = _reach(x, each.weight.reshape(each.weight.shape[0], -1), name)
    # zeros of the padding
    reach = min(reach[0], 0), max(reach[1], 0)
    held, size = _bytes(x, each.weight, reach), max(reach[1], -reach[0])
    own = f"{name}.convolved"
    if floats and size < FLOAT32_WHOLE and x.size < FLOAT32_WHOLE:
        weight = g.constant(each.weight, "float32", f"{name}.weight")
        summed = g.op("Conv", (to(g, x, "float32").name, weight), f"{own}.float32", **geometry(each))
        return Whole(g.cast(summed, "int32"), "int32", *reach)
    if held is None:
        kind = "int32" if max(size, x.size) <= HIGH32 else "int64"
        return Whole(convolved(g, to(g, x, kind).name, each, shape, kind, own), kind, *reach)
    whole, zero, factor = held
    inputs = [to(g, x, "uint8").name, g.constant(whole, str(whole.dtype), f"{name}.weight")]
    if zero:
        inputs += ["", g.constant(zero, "uint8", f"{name}.zero")]
    summed = g.op("ConvInteger", inputs, own, **geometry(each))
    return _times(g, Whole(summed, "int32", reach[0] // factor, reach[1] // factor), factor, name)


def _pool(g: Scope, x: Whole, each: Pool, shape: Shape, name: str) -> Whole:
    low, high = min(0, x.low * each.taps), max(0, x.high * each.taps)
    if max(high, -low) >= 2**63:
        raise error("SD523", f"projection {name!r}", f"counts may add up to {high:,}, beyond 64 bits")
    kind = "int32" if max(high, -low) <= HIGH32 else "int64"
    return Whole(pooled(g, to(g, x, kind).name, each, shape, f"{name}.pooled"), kind, low, high)
