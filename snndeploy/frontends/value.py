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

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Map, Scale, Shape, chain_apply

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


@dataclass(frozen=True, eq=False)
class Path:
    """What `source` emitted in step `step` of the trace, sent through a chain of maps.

    `layers`: module paths of the weighted layers on the way, for names.
    """

    source: str
    step: int
    maps: tuple[Map, ...] = ()
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Sum:
    """The sum of all paths, plus a constant float64 array that broadcasts to the value's shape."""

    paths: tuple[Path, ...] = ()
    constant: Array | None = None

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


Meaning = Sum | State | Unknown


@dataclass(frozen=True, eq=False)
class Affine:
    """What a layer does to a value: a chain of maps, then a constant."""

    maps: tuple[Map, ...] = ()
    constant: Array | None = None


class Value(torch.Tensor):
    """A tensor with a meaning. Every torch operation on it is decided by the tracer."""

    meaning: Meaning
    tracer: Tracer
    # somebody else may hold the same memory, so += would change more than this
    aliased: bool

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
    value.meaning, value.tracer, value.aliased = meaning, tracer, aliased
    return value


def plain(tree: Any) -> Any:
    """The same structure with every value as an ordinary tensor."""
    return torch.utils._pytree.tree_map(
        lambda leaf: leaf.as_subclass(torch.Tensor) if isinstance(leaf, Value) else leaf, tree
    )


def merge(a: Sum, b: Sum) -> Sum:
    """a + b."""
    constants = [c for c in (a.constant, b.constant) if c is not None]
    return Sum(a.paths + b.paths, np.asarray(sum(constants)) if constants else None)


def _append(maps: tuple[Map, ...], more: tuple[Map, ...]) -> tuple[Map, ...]:
    """`maps` and `more`, a scale of whole channels folded into the weights right before it (in float64)."""
    for each in more:
        before = maps[-1] if maps else None
        if isinstance(each, Scale) and isinstance(before, (Dense, Conv)):
            axes = 1 if isinstance(before, Dense) else before.weight.ndim - 1
            factor = each.factor.reshape((1,) * (axes - each.factor.ndim) + each.factor.shape)
            if factor.ndim == axes and all(n == 1 for n in factor.shape[1:]):
                channels = np.broadcast_to(factor.reshape(-1), before.weight.shape[:1])
                weight = before.weight * channels.reshape(-1, *(1,) * (before.weight.ndim - 1))
                maps = (*maps[:-1], replace(before, weight=weight))
                continue
        maps = (*maps, each)
    return maps


def through(value: Sum, affine: Affine, shape: Shape, layer: str = "") -> Sum:
    """What a layer makes of a value of `shape`: constants are computed here, in float64."""
    layers = (layer,) if layer and any(each.weighted for each in affine.maps) else ()
    paths = tuple(replace(p, maps=_append(p.maps, affine.maps), layers=p.layers + layers) for p in value.paths)
    constant = value.constant
    if constant is not None and affine.maps:
        constant = chain_apply(affine.maps, np.broadcast_to(constant, shape))
    parts = [c for c in (constant, affine.constant) if c is not None]
    return Sum(paths, np.asarray(sum(parts)) if parts else None)
