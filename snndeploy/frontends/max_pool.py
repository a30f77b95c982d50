"""Max-pool of spikes: the or of a window, which is exact.

A population without memory sums each window and fires above half a spike: v = sum, s = v > value / 2. What is pooled
may be spikes of several neurons beside each other (concatenated, sliced, reshaped, padded, scaled), as long as each
number is one spike's and all spikes of a window are worth the same. Over values that are not, a maximum is not linear,
and is refused.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.frontends import neurons
from snndeploy.frontends.entering import entering
from snndeploy.frontends.neurons import Family, Seen
from snndeploy.frontends.value import Affine, Path, Steps, Sum, Unknown, at_step, item_shape, make, through
from snndeploy.frontends.windows import fixed, windows
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Map, Shape, chain_matrix, chain_shape
from snndeploy.network.rule import Reset, Rule

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

POOLS: tuple[type, ...] = (nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
TWO_WAYS = "move it behind the neuron, where it is exact; or use average pooling, which is linear, and fine-tune"


class NotSpikesError(ValueError):
    """Why a value is not made of single spikes."""


class Pooling(Family):
    """What a call of a max-pool shows of its population: its spikes, and a membrane that a spike sets to 0."""

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        del module, before
        return Seen(output, None, torch.zeros_like(output))


WATCHED: dict[type, Family] = dict.fromkeys(POOLS, Pooling())


def call_pool(
    tracer: Tracer, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], shows: bool = True
) -> Any:
    """A population that ors the spikes of each window; each value that is pooled gets one of its own.

    shows: `module` at `path` can be watched while it runs.
    """
    x, meaning = entering(tracer, path, next(iter((*args, *kwargs.values())), None), type(module).__name__)
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        result = type(module).forward(module, x)
    items = meaning.items if isinstance(meaning, Steps) else (meaning,)
    if any(isinstance(each, Unknown) or refused(tracer, each) for each in items):
        return tracer.unknown(result)
    if isinstance(meaning, Steps) and (meaning.axis >= 0 or meaning.total):
        what = f"{type(module).__name__} {path!r} gets all steps in one tensor of {tuple(x.shape)}"
        fix = "call it inside the loop over time, or merge time and batch first: x.flatten(0, 1)"
        tracer.refuse("SD302", what, fix)
        return tracer.unknown(result)
    shape = item_shape(x, meaning)
    found: list[Any] = []
    try:
        each = fixed(module, tracer.named(path), shape)
        for item in items:
            if not isinstance(item, Sum):
                raise NotSpikesError(f"{item.name!r}, a state of {item.neuron!r}")  # type: ignore[union-attr]
            silent = item.silent and not item.paths and item.constant is None
            found.append(item if silent else _pooled(tracer, path, each, item, shape))
        alone = shows and isinstance(meaning, Sum) and all(p.step is not None for p in found[0].paths)
        seen = {p.source if alone else "" for total in found for p in total.paths}
        tracer.pooled.setdefault(path, set()).update(seen)
    except NotSpikesError as problem:
        what = f"{type(module).__name__} takes the maximum of values that are not single spikes: {problem}"
        tracer.refuse("SD302", what, TWO_WAYS, where=tracer.named(path))
        return tracer.unknown(result)
    except SnnDeployError as problem:
        for finding in problem.findings:
            tracer.note(finding)
        return tracer.unknown(result)
    whole = replace(meaning, items=tuple(found)) if isinstance(meaning, Steps) else found[0]
    return make(tracer, torch.zeros_like(result), whole, aliased=True)


def _pooled(tracer: Tracer, path: str, module: Any, item: Sum, shape: Shape) -> Sum:
    """What the population of one step emits; a frame that is held is pooled in every step."""
    maps = windows(module, shape)
    out = chain_shape(maps, shape)
    rule = gate(_worth(tracer, item, shape), module, out)
    now = max((p.step for p in item.paths if p.step is not None), default=None)
    name = ""
    for step in range(tracer.steps) if now is None else (now,):
        name = _name(tracer, path, item, step)
        tracer.cells[name], tracer.shapes[name] = neurons.Cell(rule), out
        tracer.arrivals += [{} for _ in range(step + 1 - len(tracer.arrivals))]
        if name not in tracer.arrivals[step]:
            tracer.arrivals[step][name] = through(at_step(item, step), Affine(maps), shape, path)
            tracer.calls[name] = tracer.calls.get(name, 0) + 1
    return Sum((Path(name, now),))


def _name(tracer: Tracer, path: str, item: Sum, step: int) -> str:
    """The population of this pool and these sources: one for each time that the pool is called with them in a step."""
    sources = "+".join(f"{p.source}{'' if p.step in (None, step) else p.step - step}" for p in item.paths)
    known = tracer.pools.setdefault((path, sources), [])
    for name, before in known:
        if step not in before or before[step] is item or _same(before[step], item):
            before[step] = item
            return name
    taken = {name for names in tracer.pools.values() for name, _ in names} | {*tracer.cells}
    name = path if path not in taken else f"{path}.{sources}"
    while name in taken:
        name += "'"
    known.append((name, {step: item}))
    return name


def _same(a: Sum, b: Sum) -> bool:
    return [(p.source, p.step, p.maps) for p in a.paths] == [(p.source, p.step, p.maps) for p in b.paths]


def _worth(tracer: Tracer, item: Sum, shape: Shape) -> Array:
    """What a spike is worth at each place of `shape`, 0 where none can be.

    Raises:
        NotSpikesError: a place holds something else than one spike.
    """
    total = np.zeros(prod(shape))
    for p in item.paths:
        value, before = _emitted(tracer, p.source)
        matrix = None if any(_adds(each) for each in p.maps) else _matrix(p.maps, before)
        if matrix is None or np.diff(matrix.indptr).max(initial=0) > 1:
            raise NotSpikesError(f"they are weighted sums of what {p.source!r} emits")
        worth = np.asarray(matrix @ np.broadcast_to(value, before).ravel())
        if np.any((total != 0) & (worth != 0)):
            names = " and ".join(dict.fromkeys(repr(each.source) for each in item.paths))
            raise NotSpikesError(f"they are sums of what {names} emit, which can be two spikes at once")
        total += worth
    if item.constant is not None and np.any(item.constant):
        raise NotSpikesError("a constant is added to them")
    if total.min(initial=0) < 0:
        raise NotSpikesError("some are below 0")
    return total.reshape(shape)


def _adds(each: Map) -> bool:
    """True for weights of which a sum has several."""
    rows = each.weight.reshape(len(each.weight), -1) if isinstance(each, (Conv, Dense)) else np.zeros((1, 1))
    return bool(np.count_nonzero(rows, axis=1).max(initial=0) > 1)


@lru_cache(maxsize=64)
def _matrix(maps: tuple[Map, ...], shape: Shape) -> Any:
    return chain_matrix(maps, shape)


def _emitted(tracer: Tracer, source: str) -> tuple[Array, Shape]:
    """What one spike of a source is worth, and the source's shape."""
    if source in tracer.inputs:
        given = tracer.inputs[source]
        if given.kind != "binary":
            raise NotSpikesError(f"the input {source!r} holds {'counts' if given.kind == 'counts' else 'real numbers'}")
        return np.asarray(1.0), given.shape
    rule = tracer.cells[source].rule
    if not rule.spiking:
        raise NotSpikesError(f"{source!r} has no threshold")
    return np.asarray(rule.value), tracer.shapes[source]


def gate(worth: Array, module: Any, out: Shape) -> Rule:
    """The rule of the windows' or, for spikes that are worth `worth` each.

    Raises:
        NotSpikesError: spikes of one window are not worth the same.
    """
    filled = worth > 0
    if np.all(worth[filled] == worth[filled][:1]):
        one: Any = worth[filled][0] if filled.any() else 1.0
    else:
        high = _maximum(module, worth)
        low = -_maximum(module, np.where(filled, -worth, -np.inf))
        if np.any(filled) and np.any((high != low) & np.isfinite(low)):
            raise NotSpikesError("spikes of one window are not worth the same")
        one = np.where(high > 0, high, 1.0).reshape(out)
    return Rule(beta=0.0, threshold=0.5 * one, reset=Reset("to", 0.0, "now"), value=one)


def _maximum(module: Any, values: Array) -> Array:
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        pooled: Array = type(module).forward(module, torch.from_numpy(values)[None])[0].numpy()
    return pooled


def refused(tracer: Tracer, meaning: Any) -> bool:
    """True for what comes from a neuron whose settings were refused."""
    sources = [p.source for p in meaning.paths] if isinstance(meaning, Sum) else []
    return any(name in tracer.cells and tracer.cells[name].rule is None for name in sources)
