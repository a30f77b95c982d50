"""Linear maps as NIR nodes, in forms whose shapes nir 1.0.8 computes correctly.

nir takes the height of a kernel for its width and forgets the groups, so kernels are widened with zeros until its
formula gives the right shape, and groups become zeros in a dense kernel. What no node can say (a pool that leaves its
input, a sparse matrix) becomes one matrix over flattened vectors. NIR flattens and cannot undo it, so neurons behind a
reshape stand in a row in the plain graph, and what feeds or follows them is a matrix; the block keeps their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Shape, Sparse, chain_matrix

# entries of one matrix: a GiB of float64
MATRIX_LIMIT = 2**27
EXTRA_TAPS = 4


@dataclass
class Step:
    """One node to be: its type and fields; `map` is the index of the map whose weight it holds, if it does."""

    type: str
    fields: dict[str, Any]
    map: int | None = None


class TooLargeError(ValueError):
    """A matrix would have more entries than MATRIX_LIMIT."""


def plain(shape: Shape) -> Shape:
    """NIR has no shape (): one neuron has the shape (1,)."""
    return shape or (1,)


def integers(values: Any) -> Array:
    return np.asarray(values, np.int64)


def _dense(each: Dense, shape: Shape) -> Step:
    lead = shape[:-1]
    if prod(lead) * each.weight.size > MATRIX_LIMIT:
        raise TooLargeError(f"a dense map on {shape} needs {prod(lead) * each.weight.size:,} weights")
    weight = np.ascontiguousarray(np.broadcast_to(each.weight, (*lead, *each.weight.shape)), np.float64)
    return Step("Linear", {"weight": weight})


def _widened(each: Conv, shape: Shape, want: Shape) -> tuple[int, list[int], list[int]] | None:
    """(taps of the square kernel, zeros in front per axis, padding per axis) for which nir finds the shape `want`."""
    low = max(each.kernel)
    for taps in range(low, low + EXTRA_TAPS + 1):
        front, padding = [], []
        for n, k, s, p, d, out in zip(
            shape[1:], each.kernel, each.stride, each.padding, each.dilation, want[1:], strict=True
        ):
            for zeros in range(taps - k + 1):
                if (n + 2 * (p[0] + zeros * d) - d * (taps - 1) - 1) // s + 1 == out:
                    front.append(zeros)
                    padding.append(p[0] + zeros * d)
                    break
        if len(front) == len(want) - 1:
            return taps, front, padding
    return None


def _ungrouped(each: Conv) -> Array:
    """The kernel over all channels: zeros between groups."""
    weight = np.asarray(each.weight, np.float64)
    if each.groups == 1:
        return weight
    out, per = weight.shape[0], weight.shape[1]
    if weight.size * each.groups > MATRIX_LIMIT:
        raise TooLargeError(f"{each.groups} groups need {weight.size * each.groups:,} weights")
    full = np.zeros((out, per * each.groups, *weight.shape[2:]))
    for g in range(each.groups):
        rows = slice(g * out // each.groups, (g + 1) * out // each.groups)
        full[rows, g * per : (g + 1) * per] = weight[rows]
    return full


def _conv(each: Conv, shape: Shape) -> Step | None:
    want, weight = each.shape_out(shape), _ungrouped(each)
    dims = len(each.kernel)
    found = _widened(each, shape, want)
    total = [d * (k - 1) for d, k in zip(each.dilation, each.kernel, strict=True)]
    padding: Any
    same = all(s == 1 for s in each.stride) and list(each.padding) == [(t // 2, t - t // 2) for t in total]
    if found is not None and not (same and found[0] != each.kernel[0]):
        taps, front, padding = found
        square = np.zeros((*weight.shape[:2], *(taps,) * dims))
        inside: Any = (..., *(slice(a, a + k) for a, k in zip(front, each.kernel, strict=True)))
        square[inside] = weight
        weight = square
    elif same:
        padding = "same"
    else:
        return None
    numbers = {"stride": each.stride, "padding": padding, "dilation": each.dilation}
    fields: dict[str, Any] = {
        name: value if isinstance(value, str) else integers(value if dims == 2 else value[0])
        for name, value in numbers.items()
    }
    fields |= {
        "input_shape": integers(shape[1:] if dims == 2 else shape[1]),
        "weight": weight,
        "groups": integers(1),
        "bias": np.zeros(weight.shape[0]),
    }
    return Step(f"Conv{dims}d", fields)


def _pool(each: Pool, shape: Shape) -> Step | None:
    spans = zip(shape[1:], each.kernel, each.stride, each.padding, strict=True)
    floor = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in spans)
    counted = each.kind == "sum" or each.count_include_pad or not any(each.padding)
    if len(each.kernel) != 2 or floor != each.shape_out(shape)[1:] or not counted:
        return None
    fields = {"kernel_size": integers(each.kernel), "stride": integers(each.stride), "padding": integers(each.padding)}
    return Step("SumPool2d" if each.kind == "sum" else "AvgPool2d", fields)


def flatten(shape: Shape, start: int = 0, end: int = -1) -> Step:
    last = end in (-1, len(shape) - 1)
    fields = {"input_type": integers(shape), "start_dim": integers(start), "end_dim": integers(-1 if last else end)}
    return Step("Flatten", fields)


def _flatten(each: Flatten, shape: Shape) -> Step | None:
    start, end = each.start % each.rank, each.end % each.rank
    return flatten(shape, start, end) if start <= end else None


def _sparse(each: Sparse, shape: Shape) -> list[Step] | None:
    if len(each.shape_to) > 1:
        return None
    if prod(each.weight.shape) > MATRIX_LIMIT:
        raise TooLargeError(f"a sparse map needs a dense matrix of {prod(each.weight.shape):,} weights")
    first = [flatten(shape)] if len(shape) > 1 else []
    return [*first, Step("Linear", {"weight": np.asarray(each.weight.toarray(), np.float64)})]


def steps(maps: tuple[Map, ...], shape: Shape, inferred: bool = True) -> list[Step] | None:
    """The nodes of a chain that starts with `shape`; None where a map has no node of its own.

    Args:
        inferred: nir can infer shapes here; if not, a pool cannot be a node.

    Raises:
        TooLargeError: a weight would exceed MATRIX_LIMIT.
    """
    found: list[Step] = []
    for index, each in enumerate(maps):
        step: Step | list[Step] | None = None
        match each:
            case Dense():
                step = _dense(each, shape)
            case Conv():
                step = _conv(each, shape)
            case Pool() if inferred:
                step = _pool(each, shape)
            case Flatten():
                step = _flatten(each, shape)
            case Sparse():
                step = _sparse(each, shape)
            case Scale():
                full = np.broadcast_to(each.factor, shape).reshape(plain(shape))
                step = Step("Scale", {"scale": np.ascontiguousarray(full, np.float64)})
        if step is None:
            return None
        added = step if isinstance(step, list) else [step]
        added[-1].map = index
        found += added
        shape = each.shape_out(shape)
    return found


def matrix_steps(maps: tuple[Map, ...], shape: Shape, flat: bool) -> list[Step]:
    """The chain as one matrix over flattened vectors. `flat`: the source is written flattened already.

    Raises:
        TooLargeError: the matrix, or what it takes to build it, would exceed MATRIX_LIMIT.
    """
    at = shape
    for each in maps:
        after = each.shape_out(at)
        taps = prod(each.kernel) if isinstance(each, Pool) else 1
        taps = prod(each.weight.shape[1:]) if isinstance(each, (Conv, Dense)) else taps
        if prod(after) * taps > MATRIX_LIMIT:
            raise TooLargeError(f"a map on {at} has {prod(after) * taps:,} synapses")
        at = after
    first = [flatten(shape)] if len(shape) > 1 and not flat else []
    if maps and all(isinstance(each, (Flatten, Reshape)) for each in maps):
        return first
    if prod(shape) * prod(at) > MATRIX_LIMIT:
        raise TooLargeError(f"a matrix of {prod(at):,} x {prod(shape):,} weights")
    weight = np.asarray(chain_matrix(maps, shape).toarray(), np.float64)
    return [*first, Step("Linear", {"weight": weight})]
