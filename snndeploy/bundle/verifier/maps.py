"""Linear maps on whole numbers, by NumPy alone; conventions as in contract.txt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .reading import NUMBERS, Fields
from .refusal import AGAIN, refuse

Array = Any
Shape = tuple[int, ...]
# below, sums of products of whole numbers are exact in float64, in any order
EXACT = 2**53
# numbers that a convolution copies at a time, and for one sample at most
AT_ONCE, COPIED = 2**22, 2**26
LARGEST = 2**63


@dataclass(frozen=True)
class Map:
    """shape_out: what comes out. work: products per sample. apply: int64 (batch, *shape) -> (batch, *shape_out)."""

    shape_out: Shape
    work: int
    apply: Callable[[Array], Array]


def build(held: Fields, shape: Shape, load: Callable[[str], Array]) -> Map:
    """The map that a contract describes, on arrays of `shape`.

    Raises:
        Refused SD866: it is none, or does not fit. SD864: it takes more memory than a bundle may.
    """
    kind = held.word("map", tuple(KINDS))
    made = KINDS[kind](held, shape, load)
    if not all(n >= 1 for n in made.shape_out) or prod(made.shape_out) > NUMBERS:
        raise held.wrong("map", f"{made.shape_out} numbers come out")
    return made


def _weights(held: Fields, load: Callable[[str], Array], ndim: tuple[int, ...]) -> Array:
    found = load(held.word("weight"))
    if found.dtype.kind not in "iu" or found.ndim not in ndim or 0 in found.shape:
        raise held.wrong("weight", f"an array of {found.dtype} {found.shape} is none of its weights")
    if not -256 <= found.min() <= found.max() <= 255:
        raise held.wrong("weight", "mantissas are outside -256..255")
    return found.astype(np.int64)


def product(x: Array, weight: Array) -> Array:
    """x @ weight.T of int64 arrays, exactly; by float64 where no sum can leave its 53 bits."""
    most = int(np.abs(x).max(initial=0)) * int(np.abs(weight).sum(axis=-1).max(initial=0))
    if most < EXACT:
        return (x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.int64)
    if most >= LARGEST:
        raise refuse("SD864", "golden input", f"sums of up to {most:,} leave 64 bits", AGAIN)
    return x @ weight.T


def _dense(held: Fields, shape: Shape, load: Callable[[str], Array]) -> Map:
    weight = _weights(held, load, (2,))
    if not shape or shape[-1] != weight.shape[1]:
        raise held.wrong("weight", f"{weight.shape} cannot take {shape}")
    return Map((*shape[:-1], weight.shape[0]), prod(shape[:-1]) * weight.size, lambda x: product(x, weight))


def _sparse(held: Fields, shape: Shape, load: Callable[[str], Array]) -> Map:
    weight = _weights(held, load, (1,)) if held.whole("synapses", 0, NUMBERS) else np.zeros(0, np.int64)
    source = load(held.word("columns")).astype(np.int64)
    first = load(held.word("rows")).astype(np.int64)
    out = held.wholes("shape_to", 1)
    fits = held.wholes("shape_from", 1) == shape and source.shape == weight.shape and first.shape == (prod(out) + 1,)
    if not fits or first[0] != 0 or first[-1] != weight.size or (np.diff(first) < 0).any():
        raise held.wrong("rows", "they do not fit weights and shapes")
    if weight.size and not 0 <= source.min() <= source.max() < prod(shape):
        raise held.wrong("columns", "they lead out of the source")

    def apply(x: Array) -> Array:
        flat = x.reshape(len(x), -1)
        found = np.empty((len(x), prod(out)), np.int64)
        for i, row in enumerate(flat):
            # differences of running sums: exact for whole numbers, also where the sums wrap around
            sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(weight * row[source], dtype=np.int64)])
            found[i] = sums[first[1:]] - sums[first[:-1]]
        return found.reshape(len(x), *out)

    return Map(out, max(1, weight.size), apply)


def _windows(x: Array, kernel: Shape, stride: Shape, dilation: Shape, space: Shape) -> Array:
    """(batch, channels, *padded) -> (batch, channels, *space, *kernel)."""
    axes = tuple(range(2, 2 + len(kernel)))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    every = tuple(slice(0, s * (n - 1) + 1, s) for s, n in zip(stride, space, strict=True))
    return seen[(slice(None), slice(None), *every, *(slice(None, None, d) for d in dilation))]


def _padding(held: Fields, dims: int) -> list[tuple[int, int]]:
    pairs = held.get("padding", list)
    fits = len(pairs) == dims and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    if not fits or not all(type(n) is int and 0 <= n <= 2**16 for p in pairs for n in p):
        raise held.wrong("padding", "it is not a pair of zeros to add per axis")
    return [(p[0], p[1]) for p in pairs]


def _pad(x: Array, padding: list[tuple[int, int]]) -> Array:
    return np.pad(x, ((0, 0), (0, 0), *padding))


def _conv(held: Fields, shape: Shape, load: Callable[[str], Array]) -> Map:
    weight = _weights(held, load, (3, 4))
    out, each, *rest = weight.shape
    kernel, dims, groups = tuple(rest), weight.ndim - 2, held.whole("groups", 1)
    stride, dilation = held.wholes("stride", 1, 2**16), held.wholes("dilation", 1, 2**16)
    padding = _padding(held, dims)
    fits = len(shape) == dims + 1 and len(stride) == len(dilation) == dims
    if not fits or shape[0] != each * groups or out % groups:
        raise held.wrong("weight", f"{weight.shape} in {groups} groups cannot take {shape}")
    padded = tuple(n + sum(p) for n, p in zip(shape[1:], padding, strict=True))
    spans = zip(padded, kernel, dilation, stride, strict=True)
    space = tuple((n - d * (k - 1) - 1) // s + 1 for n, k, d, s in spans)
    columns = prod(n for n in space if n > 0) * each * prod(kernel)
    if min(space) < 1 or max(shape[0] * prod(padded), columns) > COPIED:
        raise held.wrong("padding", f"a kernel of {kernel} on {padded} is not computed here")
    per, some = out // groups, max(1, AT_ONCE // max(1, columns))

    def apply(x: Array) -> Array:
        return np.concatenate([of_some(x[i : i + some]) for i in range(0, len(x), some)])

    def of_some(x: Array) -> Array:
        seen = _windows(_pad(x, padding), kernel, stride, dilation, space)
        parts = []
        for g in range(groups):
            part = np.moveaxis(seen[:, g * each : (g + 1) * each], 1, 1 + dims).reshape(len(x) * prod(space), -1)
            done = product(part, weight[g * per : (g + 1) * per].reshape(per, -1))
            parts.append(done.reshape(len(x), *space, per))
        return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)

    return Map((out, *space), prod(space) * weight.size, apply)


def _pool(held: Fields, shape: Shape, load: Callable[[str], Array]) -> Map:
    del load
    kernel, stride = held.wholes("kernel", 1, 2**16), held.wholes("stride", 1, 2**16)
    padding, space = _padding(held, len(kernel)), held.wholes("space", 1)
    dims = len(kernel)
    if dims not in (1, 2) or not len(shape) == dims + 1 == len(stride) + 1 == len(space) + 1:
        raise held.wrong("kernel", f"it cannot take {shape}")
    # windows may leave the padded input; there they see zeros
    wanted = [s * (n - 1) + k for s, n, k in zip(stride, space, kernel, strict=True)]
    short = [max(0, w - n - sum(p)) for w, n, p in zip(wanted, shape[1:], padding, strict=True)]
    if any(extra >= s + k for extra, s, k in zip(short, stride, kernel, strict=True)):
        raise held.wrong("space", f"{space} windows do not begin inside {shape}")
    whole = [(p[0], p[1] + extra) for p, extra in zip(padding, short, strict=True)]
    if shape[0] * prod(n + sum(p) for n, p in zip(shape[1:], whole, strict=True)) > NUMBERS:
        raise held.wrong("padding", "it takes too much memory")

    def apply(x: Array) -> Array:
        seen = _windows(_pad(x, whole), kernel, stride, (1,) * dims, space)
        return np.asarray(seen.sum(axis=tuple(range(-dims, 0)), dtype=np.int64))

    return Map((shape[0], *space), shape[0] * prod(space) * prod(kernel), apply)


def _reshape(held: Fields, shape: Shape, load: Callable[[str], Array]) -> Map:
    del load
    out = held.wholes("shape_to", 1)
    if prod(out) != prod(shape):
        raise refuse("SD866", held.where, f"{shape} cannot become {out}", AGAIN)
    return Map(out, 0, lambda x: x.reshape(len(x), *out))


KINDS = {"dense": _dense, "sparse": _sparse, "convolution": _conv, "sum pool": _pool, "reshape": _reshape}
