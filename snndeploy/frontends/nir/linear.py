"""Linear NIR nodes as maps: what arrives has a shape, and from it follow the maps, the bias and what leaves."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from snndeploy.frontends.nir.graph import Node
from snndeploy.frontends.nir.nested import Notes
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Scale, Shape, Sparse, chain_shape
from snndeploy.network.table import number

# a shape beyond this is a mistake or an attack
NEURONS_LIMIT = 2**24
WEIGHTED = ("Affine", "Linear", "Conv1d", "Conv2d")
LINEAR = frozenset({*WEIGHTED, "Scale", "SumPool2d", "AvgPool2d", "Flatten", "Delay", "Pass"})


@dataclass(frozen=True)
class Linear:
    """y = maps(x) + bias."""

    maps: tuple[Map, ...]
    bias: Array | None
    out: Shape


class MisfitError(ValueError):
    """A node cannot take what arrives; says why."""


def rank(node: Node) -> int | None:
    """How many axes a node expects to arrive, if it says so."""
    if node.type in ("Affine", "Linear"):
        return node.array("weight").ndim - 1
    return {"Conv1d": 2, "Conv2d": 3, "SumPool2d": 3, "AvgPool2d": 3}.get(node.type)


def linear(name: str, node: Node, shape: Shape, notes: Notes) -> Linear:
    """The maps of a linear node that takes `shape`.

    Raises:
        MisfitError: it cannot take that shape.
    """
    bias: Any = None
    maps: tuple[Map, ...] = ()
    match node.type:
        case "Affine" | "Linear":
            notes.spend(node.array("weight").size, f"node {name!r}")
            maps = _dense(name, node, shape, notes)
            bias = node.fields.get("bias")
        case "Conv1d" | "Conv2d":
            notes.spend(node.array("weight").size, f"node {name!r}")
            maps = (_conv(name, node, shape, notes),)
            bias = node.fields.get("bias")
            if bias is None:
                notes.repaired(f"node {name!r}: without a bias, taken as 0")
        case "SumPool2d" | "AvgPool2d":
            kernel, stride, padding = (_steps(node, field, 2) for field in ("kernel_size", "stride", "padding"))
            halves = (k // 2 for k in kernel)
            if min(kernel + stride) < 1 or any(not 0 <= p <= h for p, h in zip(padding, halves, strict=True)):
                raise MisfitError(f"a pool of kernel {kernel}, stride {stride}, padding {padding} does not exist")
            if any(p >= n for p, n in zip(padding, shape[1:], strict=False)):
                raise MisfitError(f"a pool with padding {padding} on {shape} reads zeros alone")
            maps = (Pool(kernel, stride, padding, "sum" if node.type == "SumPool2d" else "average"),)
        case "Flatten":
            maps = (_flatten(name, node, shape, notes),)
        case "Scale":
            maps = (Scale(fitted(name, node, shape, notes)["scale"]),)
    try:
        out = chain_shape(maps, shape)
    except ValueError as problem:
        raise MisfitError(str(problem)) from None
    if prod(out) > NEURONS_LIMIT:
        raise MisfitError(f"what leaves has shape {out}, more than {NEURONS_LIMIT:,} neurons")
    if bias is not None:
        notes.spend(prod(out), f"node {name!r}, bias")
    return Linear(maps, None if bias is None else _bias(node, np.asarray(bias, np.float64), out), out)


def _bias(node: Node, bias: Array, out: Shape) -> Array:
    """The bias at the shape of what leaves: one per neuron, per channel, per last axis, or one number."""
    given = bias.shape
    if node.type.startswith("Conv") and given == out[:1]:
        bias = bias.reshape(-1, *(1,) * (len(out) - 1))
    elif given not in ((), out, out[-1:]):
        raise MisfitError(f"its bias has shape {given}, what leaves has {out}")
    return np.ascontiguousarray(np.broadcast_to(bias, out))


def _dense(name: str, node: Node, shape: Shape, notes: Notes) -> tuple[Map, ...]:
    weight = node.array("weight").astype(np.float64)
    if weight.ndim < 2 or not shape or shape[-1] != weight.shape[-1]:
        raise MisfitError(f"a weight of shape {weight.shape} cannot take {shape}")
    lead = shape[:-1]
    if weight.ndim == 2:
        if lead:
            notes.repaired(f"node {name!r}: its weight {weight.shape} is applied to the last axis of {shape}")
        return (Dense(weight),)
    if weight.shape[:-2] != lead:
        raise MisfitError(f"a weight of shape {weight.shape} cannot take {shape}")
    blocks = weight.reshape(prod(lead), *weight.shape[-2:])
    if (blocks == blocks[0]).all():
        return (Dense(blocks[0]),)
    from scipy import sparse

    return (Sparse(sparse.csr_array(sparse.block_diag(list(blocks))), shape, (*lead, weight.shape[-2])),)


def _steps(node: Node, field: str, dims: int) -> tuple[int, ...]:
    values = node.array(field)
    if values.size not in (1, dims) or (values != np.floor(values)).any() or np.abs(values).max() > 2**31:
        raise MisfitError(f"{field} = {number(values)} is not {dims} whole numbers")
    return tuple(int(v) for v in np.broadcast_to(values.ravel(), dims))


def _conv(name: str, node: Node, shape: Shape, notes: Notes) -> Conv:
    dims = 2 if node.type == "Conv2d" else 1
    weight = node.array("weight").astype(np.float64)
    if weight.ndim != dims + 2 or len(shape) != dims + 1:
        raise MisfitError(f"a {node.type} with weight {weight.shape} cannot take {shape}")
    kernel = weight.shape[2:]
    stride, dilation = _steps(node, "stride", dims), _steps(node, "dilation", dims)
    (groups,) = _steps(node, "groups", 1)
    if min(stride) < 1 or min(dilation) < 1 or groups < 1:
        raise MisfitError(f"stride {stride}, dilation {dilation} or groups {groups} is below 1")
    padding: tuple[tuple[int, int], ...]
    word = node.fields["padding"]
    if isinstance(word, str):
        total = [d * (k - 1) if word == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
        padding = tuple((t // 2, t - t // 2) for t in total)
        if word == "same" and any(s != 1 for s in stride):
            raise MisfitError(f"padding 'same' needs stride 1, not {stride}")
    else:
        padding = tuple((p, p) for p in _steps(node, "padding", dims))
        if any(p[0] < 0 for p in padding):
            raise MisfitError(f"padding {node.array('padding').tolist()} is negative")
    if "input_shape" not in node.fields:
        notes.repaired(f"node {name!r}: without an input_shape, taken from what arrives: {shape[1:]}")
    elif _steps(node, "input_shape", dims) != shape[1:]:
        raise MisfitError(f"its input_shape is {_steps(node, 'input_shape', dims)}, what arrives is {shape}")
    if len(set(kernel)) > 1:
        notes.repaired(f"node {name!r}: the shape behind its {kernel} kernel is computed from both sides of it")
    return Conv(weight, stride, padding, dilation, groups)


def _flatten(name: str, node: Node, shape: Shape, notes: Notes) -> Flatten:
    (start,), (end,) = _steps(node, "start_dim", 1), _steps(node, "end_dim", 1)
    declared = node.fields.get("input_type")
    if declared is not None and not isinstance(declared, str) and declared.size == len(shape) + 1:
        notes.repaired(f"node {name!r}: its axes count a batch axis, which NIR does not have")
        start, end = start - (start > 0), end - (end > 0)
    if not shape or not -len(shape) <= start < len(shape) or not -len(shape) <= end < len(shape):
        raise MisfitError(f"axes {start}..{end} are not those of {shape}")
    if start % len(shape) > end % len(shape):
        raise MisfitError(f"axes {start}..{end} of {shape} are none")
    return Flatten(start, end, len(shape))


def fitted_one(value: Array, shape: Shape, field: str) -> Array:
    """`value` at the shape that arrives: leading axes of 1 (a batch) are dropped, then it is broadcast.

    One number stays one: the shape may be large.
    """
    value = value.astype(np.float64)
    if value.size == 1:
        return value.reshape(())
    extra = value.ndim - len(shape)
    if extra > 0 and value.shape[:extra] == (1,) * extra:
        value = value.reshape(value.shape[extra:])
    try:
        return np.ascontiguousarray(np.broadcast_to(value, shape))
    except ValueError:
        raise MisfitError(f"{field} has shape {value.shape}, what arrives has {shape}") from None


def fitted(name: str, node: Node, shape: Shape, notes: Notes) -> dict[str, Array]:
    """All parameters of a neuron, a Scale or a Delay at the shape that arrives; what is one number stays one."""
    notes.spend(prod(shape) * sum(np.asarray(value).size != 1 for value in node.fields.values()), f"node {name!r}")
    shapes = {field: np.asarray(value).shape for field, value in node.fields.items()}
    found = {field: fitted_one(np.asarray(value), shape, field) for field, value in node.fields.items()}
    odd = [f"{field} {was}" for field, was in sorted(shapes.items()) if was != shape]
    if odd:
        notes.repaired(f"node {name!r}: {', '.join(odd)}: broadcast to {shape}")
    return found
