"""Nodes written for another shape than the one that arrives, where only one can be meant.

nir takes the height of a kernel for its width. Behind a convolution whose kernel is not square its checks let only
parameters of the wrong shape pass, so files have them. Parameters that are the same along the axes in question mean the
same at the true shape; others are refused. And a Flatten may count a batch axis, as torch's does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snndeploy.frontends.nir.graph import NEURONS, Field, Node
from snndeploy.frontends.nir.linear import Linear
from snndeploy.frontends.nir.nested import Notes
from snndeploy.network.maps import Conv, Flatten, Shape, chain_shape

HELD = NEURONS | {"Scale", "Delay"}


def believed(node: Node, linear: Linear | None, shape: Shape) -> Shape:
    """What nir takes for the shape behind a node, when it takes `shape` for what arrives."""
    if linear is None or not linear.maps:
        return shape
    first = linear.maps[0]
    if isinstance(first, Conv) and not isinstance(node.fields["padding"], str):
        height = first.weight.shape[2]
        weight = np.zeros((*first.weight.shape[:2], *(height,) * len(first.kernel)))
        first = replace(first, weight=weight)
    try:
        return chain_shape((first, *linear.maps[1:]), shape)
    except ValueError:
        return linear.out


def corrected(name: str, node: Node, wrong: Shape, shape: Shape, notes: Notes) -> Node:
    """The node, written for a shape that nir computed wrongly, for the shape that arrives; as it was if it differs."""
    if len(wrong) != len(shape):
        return node
    fields: dict[str, Field] = {}
    for field, value in node.fields.items():
        if isinstance(value, str):
            new: Field | None = None
        elif node.type in HELD:
            new = _cut(value, wrong, shape)
        elif field == "shape" and tuple(value.ravel()) == wrong:
            new = np.asarray(shape, np.int64)
        elif field == "input_shape" and tuple(value.ravel()) == wrong[1:]:
            new = np.asarray(shape[1:], np.int64)
        else:
            new = None
        fields[field] = value if new is None else new
    if all(fields[field] is node.fields[field] for field in fields):
        return node
    notes.repaired(f"node {name!r}: it is written for {wrong}, which nir took for the shape in front; it is {shape}")
    return Node(node.type, fields)


def unbatched(name: str, node: Node, shape: Shape, consumers: Sequence[Node], notes: Notes) -> Node:
    """A Flatten whose axes count a batch axis, if what follows takes only what it then makes; else as it was."""
    weights = [each.array("weight") for each in consumers if each.type in ("Affine", "Linear")]
    wanted = {weight.shape[-1] for weight in weights if weight.ndim}
    start, end = (int(node.array(each).ravel()[0]) for each in ("start_dim", "end_dim"))
    inner = (start - (start > 0), end - (end > 0))
    if len(wanted) != 1 or start <= 0:
        return node
    made = [_last(shape, *each) for each in ((start, end), inner)]
    if made[0] in wanted or made[1] not in wanted:
        return node
    notes.repaired(f"node {name!r}: its axes count a batch axis, as what follows takes {made[1]} numbers")
    axes = {"start_dim": np.asarray(inner[0]), "end_dim": np.asarray(inner[1])}
    return Node(node.type, {**{f: v for f, v in node.fields.items() if f != "input_type"}, **axes})


def _last(shape: Shape, start: int, end: int) -> int | None:
    """The size of the last axis behind a Flatten."""
    try:
        return Flatten(start, end, len(shape)).shape_out(shape)[-1]
    except (ValueError, IndexError):
        return None


def _cut(value: np.ndarray, wrong: Shape, shape: Shape) -> np.ndarray | None:
    """Parameters at the true shape, if they do not change along the axes that differ."""
    if value.shape != wrong:
        return None
    for axis, (have, want) in enumerate(zip(wrong, shape, strict=True)):
        if have != want:
            one = np.take(value, [0], axis)
            if (value != one).any():
                return None
            value = np.repeat(one, want, axis)
    return value
