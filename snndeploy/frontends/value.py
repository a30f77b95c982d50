"""What a tensor stands for while a module is traced.

A traced module runs for real, on tensors that carry a meaning beside their (irrelevant) numbers: a sum of paths
from inputs and populations plus a constant, the state of a neuron, or nothing known after something was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from snndeploy.frontends.joining import joined_maps
from snndeploy.network.arrays import Array
from snndeploy.network.magnitudes import magnitudes
from snndeploy.network.maps import Map, Shape, chain_apply

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


@dataclass(frozen=True, eq=False)
class Path:
    """What `source` emitted in step `step` of the trace, sent through a chain of maps.

    `step`: None for an input that is held, until a neuron of some step takes it.
    `layers`: module paths of the weighted layers on the way, for names.
    """

    source: str
    step: int | None
    maps: tuple[Map, ...] = ()
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Sum:
    """The sum of all paths, plus a constant float64 array that broadcasts to the value's shape.

    `silent`: zeros that stand for what was emitted before the first step are part of it.
    `size`: the magnitudes of all terms that the constant is the sum of, where layers computed it; None: its own.
    """

    paths: tuple[Path, ...] = ()
    constant: Array | None = None
    silent: bool = False
    size: Array | None = None

    @property
    def magnitude(self) -> Array:
        """`size`, or of the constant alone."""
        own = np.abs(np.zeros(()) if self.constant is None else self.constant)
        return own if self.size is None else self.size

    @property
    def bare(self) -> str | None:
        """The source, if this is exactly what it emitted."""
        lone = len(self.paths) == 1 and not self.paths[0].maps and self.constant is None
        return self.paths[0].source if lone else None


@dataclass(frozen=True)
class State:
    """A state variable of a neuron, as it was at the end of step `step`."""

    neuron: str
    name: str
    step: int


@dataclass(frozen=True)
class Unknown:
    """Behind something that was refused; nothing that happens to it is worth another finding."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The values of several steps in one tensor.

    Attributes:
        items: what each step holds, in the order of the tensor.
        axis: the tensor's axis of time (the batch is the first of the others); MERGED: time and batch are axis 0,
            the samples of a step together; BATCH_MERGED: the same, the steps of a sample together.
        total: the steps were added up along the axis that is no longer there; such a value can only be returned.
    """

    items: tuple[Sum | State, ...]
    axis: int = 0
    total: bool = False


MERGED = -1
BATCH_MERGED = -2
Meaning = Sum | State | Steps | Unknown


@dataclass(frozen=True, eq=False)
class Affine:
    """What a layer does to a value: a chain of maps, then a constant, of terms of that size (None: its own)."""

    maps: tuple[Map, ...] = ()
    constant: Array | None = None
    size: Array | None = None


class Value(torch.Tensor):
    """A tensor with a meaning. Every torch operation on it is decided by the tracer."""

    meaning: Meaning
    tracer: Tracer
    # somebody else may hold the same memory, so += would change more than this
    aliased: bool
    # the argument of forward that this came in as, from the step before
    fed: str = ""
    # the same, where an axis of one element that was just added is that of time
    lone: tuple[Steps, ...]

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        leaves = torch.utils._pytree.tree_leaves((args, kwargs or {}))
        tracer = next((leaf.tracer for leaf in leaves if isinstance(leaf, Value) and hasattr(leaf, "tracer")), None)
        if tracer is None:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        return tracer.operation(func, tuple(args), dict(kwargs or {}))


def make(tracer: Tracer, plain: torch.Tensor, meaning: Meaning, aliased: bool = False) -> Value:
    """`plain` as a value that means `meaning`."""
    with torch._C.DisableTorchFunctionSubclass():
        value: Value = torch.Tensor._make_subclass(Value, plain.detach().clone())
    value.meaning, value.tracer, value.aliased, value.lone = meaning, tracer, aliased, ()
    return value


def plain(tree: Any) -> Any:
    """The same structure with every value as an ordinary tensor."""
    return torch.utils._pytree.tree_map(
        lambda leaf: leaf.as_subclass(torch.Tensor) if isinstance(leaf, Value) else leaf, tree
    )


def item_shape(value: torch.Tensor, meaning: Meaning) -> Shape:
    """The shape of one step of one sample."""
    shape = tuple(plain(value).shape)
    if isinstance(meaning, Steps) and meaning.axis >= 0 and not meaning.total:
        shape = shape[: meaning.axis] + shape[meaning.axis + 1 :]
    return shape[1:]


def each_step(compute: Callable[..., Sum], *meanings: Any) -> Sum | Steps:
    """`compute` of sums, step by step where some of them are steps (of one length and along one axis)."""
    several = [m for m in meanings if isinstance(m, Steps)]
    if not several:
        return compute(*meanings)
    count = len(several[0].items)
    items = tuple(compute(*(m.items[t] if isinstance(m, Steps) else m for m in meanings)) for t in range(count))
    return Steps(items, several[0].axis)


def at_step(total: Sum, step: int) -> Sum:
    """The sum as it arrives in `step`: a held input has that step's value."""
    return replace(total, paths=tuple(replace(p, step=step) if p.step is None else p for p in total.paths))


def merge(a: Sum, b: Sum) -> Sum:
    """a + b."""
    constants = [c for c in (a.constant, b.constant) if c is not None]
    constant = np.asarray(sum(constants)) if constants else None
    size = a.magnitude + b.magnitude if constants else None
    return Sum(a.paths + b.paths, constant, a.silent or b.silent, size)


def _append(maps: tuple[Map, ...], more: tuple[Map, ...]) -> tuple[Map, ...]:
    """`maps` and `more`, joined where that is exact."""
    for each in more:
        joined = joined_maps(maps[-1], each) if maps else None
        maps = (*maps, each) if joined is None else (*maps[:-1], *joined)
    return maps


def through(value: Sum, affine: Affine, shape: Shape, layer: str = "") -> Sum:
    """What a layer makes of a value of `shape`: constants are computed here, in float64."""
    layers = (layer,) if layer and any(each.weighted for each in affine.maps) else ()
    paths = tuple(replace(p, maps=_append(p.maps, affine.maps), layers=p.layers + layers) for p in value.paths)
    constant, size = value.constant, value.magnitude
    if constant is not None and affine.maps:
        constant = chain_apply(affine.maps, np.broadcast_to(constant, shape))
        size = chain_apply(tuple(map(magnitudes, affine.maps)), np.broadcast_to(size, shape))
    parts = [c for c in (constant, affine.constant) if c is not None]
    if affine.constant is not None:
        size = size + (np.abs(affine.constant) if affine.size is None else affine.size)
    return Sum(paths, np.asarray(sum(parts)) if parts else None, value.silent, size if parts else None)
