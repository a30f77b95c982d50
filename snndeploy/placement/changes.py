"""Changes to an integer network that may make it fit: each a function from a network to another one.

None of them changes the populations, so that spikes of both can be compared. A *unit* is what one input axon of a
neuron stands for: a column of a dense matrix, an input channel and tap of a convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Sparse, values_of, with_values
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import Format
from snndeploy.network.rule import Reset


def _on_grid(values: Array, form: Format) -> Array:
    """The nearest mantissas of a format, int64."""
    low, high = form.limits
    return np.asarray(np.clip(np.rint(values / form.step) * form.step, low, high), np.int64)


def _weighted(p: Projection) -> int:
    """Number of the map of a projection that has weights. Its format says that there is one."""
    return next(i for i, each in enumerate(p.maps) if each.weighted)


def _with(p: Projection, values: Array, form: Format | None = None) -> Projection:
    at = _weighted(p)
    made: Map = with_values(p.maps[at], values, stored_zeros=False)
    return replace(p, maps=(*p.maps[:at], made, *p.maps[at + 1 :]), format=form or p.format)


def _each(network: Network, change: Callable[[Projection], Projection], names: Iterable[str] | None = None) -> Network:
    """The network with some projections changed."""
    chosen = None if names is None else set(names)
    made = (change(p) if chosen is None or p.name in chosen else p for p in network.projections)
    return network.with_(projections=tuple(made))


def fewer_bits(network: Network, bits: int) -> Network:
    """Weights of at most `bits` bits: each to the nearest of the coarser grid."""

    def change(p: Projection) -> Projection:
        if p.format is None or p.format.bits <= bits:
            return p
        form = replace(p.format, bits=bits)
        return _with(p, _on_grid(values_of(p.maps[_weighted(p)]), form), form)

    return _each(network, change)


def pruned(network: Network, share: float, names: Iterable[str] | None = None) -> Network:
    """In each projection the smallest weights set to zero, a `share` of those that are not."""

    def change(p: Projection) -> Projection:
        values = values_of(p.maps[_weighted(p)])
        size = np.abs(values).ravel()
        order = np.argsort(size, kind="stable")
        gone = order[: np.count_nonzero(size == 0) + int(share * np.count_nonzero(size))]
        kept = values.copy().ravel()
        kept[gone] = 0
        return _with(p, kept.reshape(values.shape))

    return _each(network, change, names)


def units(p: Projection) -> Array:
    """Magnitude of every unit of a projection, in units of the current, float64 (units,)."""
    held = p.maps[_weighted(p)]
    scale = 2.0 ** (0 if p.format is None else p.format.exponent)
    if isinstance(held, Conv):
        return np.asarray(np.abs(held.weight).sum(axis=0, dtype=np.float64)).ravel() * scale
    matrix = held.weight if isinstance(held, Dense | Sparse) else values_of(held)
    return np.asarray(abs(matrix).sum(axis=0), np.float64).ravel() * scale


def fan_in(network: Network, population: str) -> int:
    """The most units that a neuron of it can have: its input axons, if no two of them are equal."""
    found = 0
    for p in network.into(population):
        held = p.maps[_weighted(p)]
        found += held.taps if isinstance(held, Sparse) else int(np.count_nonzero(units(p)))
    return found


def without_weakest_inputs(network: Network, population: str, most: int) -> Network:
    """The units of least magnitude onto a population set to zero for all its neurons, so that `most` are left."""
    feeds = network.into(population)
    sizes = [units(p) for p in feeds]
    whole = np.concatenate(sizes)
    gone = max(0, np.count_nonzero(whole) - most)
    order = np.argsort(np.where(whole > 0, whole, np.inf), kind="stable")[:gone]
    made = {}
    for p, start, size in zip(feeds, np.cumsum([0, *map(len, sizes)]), map(len, sizes), strict=False):
        mine = order[(order >= start) & (order < start + size)] - start
        if len(mine):
            made[p.name] = _without(p, mine)
    return _each(network, lambda p: made[p.name], made)


def _without(p: Projection, gone: Array) -> Projection:
    held = p.maps[_weighted(p)]
    if isinstance(held, Sparse):
        keep = np.ones(held.weight.shape[1], np.int64)
        keep[gone] = 0
        return _with(p, held.weight.data * keep[held.weight.indices])
    values = values_of(held).copy()
    flat = values.reshape(values.shape[0], -1)
    flat[:, gone] = 0
    return _with(p, flat.reshape(values.shape))


def strongest_inputs(network: Network, population: str, most: int) -> Network:
    """Of every row of weights onto a population only the largest are kept, so that a neuron has at most `most` inputs.

    Neurons then differ in the inputs that they hear, and fewer of them share a core than if all had lost the same.
    """
    feeds = [p for p in network.into(population) if not isinstance(p.maps[_weighted(p)], Sparse)]
    flat = [values_of(p.maps[_weighted(p)]).reshape(values_of(p.maps[_weighted(p)]).shape[0], -1) for p in feeds]
    if len({len(each) for each in flat}) != 1:
        return without_weakest_inputs(network, population, most)
    scale = [2.0 ** (0 if p.format is None else p.format.exponent) for p in feeds]
    size = np.concatenate([np.abs(f) * k for f, k in zip(flat, scale, strict=True)], axis=1)
    excess = size.shape[1] - most
    kept = np.ones(size.shape, np.int64)
    if excess > 0:
        np.put_along_axis(kept, np.argsort(size, axis=1, kind="stable")[:, :excess], 0, axis=1)
    ends = np.cumsum([each.shape[1] for each in flat])[:-1]
    made = {
        p.name: _with(p, (f * k).reshape(values_of(p.maps[_weighted(p)]).shape))
        for p, f, k in zip(feeds, flat, np.split(kept, ends, axis=1), strict=True)
    }
    return _each(network, lambda p: made[p.name], made)


def tied_inputs(network: Network, population: str, most: int) -> Network | None:
    """The weakest inputs of its largest projection joined in groups of equal weights, so that they share axons.

    Inputs are columns of a dense matrix or input channels of a convolution. Each group takes the mean of its weights:
    spikes of the group stay events of their own, but weigh the same. None where there is nothing to tie.
    """
    feeds = [p for p in network.into(population) if isinstance(p.maps[_weighted(p)], Dense | Conv)]
    feeds = [p for p in feeds if getattr(p.maps[_weighted(p)], "groups", 1) == 1]
    if not feeds:
        return None
    p = max(feeds, key=lambda each: len(units(each)))
    held = p.maps[_weighted(p)]
    values = values_of(held).astype(np.float64)
    columns = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    each = values[0, 0].size if isinstance(held, Conv) else 1
    others = fan_in(network, population) - int(np.count_nonzero(units(p)))
    left = (most - others) // each
    if left < 1 or p.format is None:
        return None
    group = _groups(columns, left)
    count = np.bincount(group)
    mean = np.zeros((len(count), columns.shape[1]))
    np.add.at(mean, group, columns)
    whole = (mean / count[:, None])[group].reshape(np.moveaxis(values, 1, 0).shape)
    joined = np.where((count[group] > 1).reshape(-1, *(1,) * (whole.ndim - 1)), whole, np.moveaxis(values, 1, 0))
    made = _with(p, _on_grid(np.moveaxis(joined, 0, 1), p.format))
    return _each(network, lambda _: made, [p.name])


def _groups(columns: Array, most: int) -> Array:
    """Number of the group of each column, so that there are `most` groups: the weakest pair up with the nearest."""
    group = np.arange(len(columns))
    size = np.abs(columns).sum(axis=1)
    mean, weight = columns.copy(), np.ones(len(columns))
    alive = np.arange(len(columns))
    while len(alive) > most:
        pairs = min(len(alive) - most, len(alive) // 2)
        weak = alive[np.argsort(size[alive], kind="stable")[: 2 * pairs]]
        taken = np.zeros(len(weak), bool)
        near = mean[weak].astype(np.float32)
        norm = (near * near).sum(axis=1)
        for i in range(len(weak) - 1, -1, -1):
            if taken[i]:
                continue
            taken[i] = True
            far = np.where(taken, np.inf, norm - 2 * (near @ near[i]))
            j = int(far.argmin())
            taken[j] = True
            a, b = weak[i], weak[j]
            mean[a] = (weight[a] * mean[a] + weight[b] * mean[b]) / (weight[a] + weight[b])
            weight[a] += weight[b]
            size[a] += size[b]
            group[group == b] = a
        alive = np.unique(group)
    return np.unique(group, return_inverse=True)[1].ravel()


def pooled_inputs(network: Network, population: str) -> Network | None:
    """Windows of 2×2 of an image summed in front of a dense matrix, whose weights are the means of each window.

    Neurons of a window send to one axon. None where no image comes in flat.
    """

    def pool(p: Projection) -> Projection | None:
        shape = network.shapes[p.source]
        if len(p.maps) != 2 or len(shape) != 3 or min(shape[1:]) < 2:
            return None
        flat, dense = p.maps
        if not isinstance(flat, Flatten) or not isinstance(dense, Dense) or p.format is None:
            return None
        window = Pool((2, 2), (2, 2), (0, 0), "sum", ceil_mode=True)
        inside = window.matrix(shape)
        size = np.asarray(inside.sum(axis=1)).ravel()
        mean = (inside @ dense.weight.T).T / size
        return replace(p, maps=(window, flat, Dense(_on_grid(mean, p.format))))

    made = {p.name: pool(p) for p in network.into(population)}
    kept = {name: p for name, p in made.items() if p is not None}
    return _each(network, lambda p: kept[p.name], kept) if kept else None


def in_two_groups(network: Network, population: str) -> Network | None:
    """Its convolutions in two groups: each half of the channels sees half of those that come in."""

    def halve(p: Projection) -> Projection | None:
        at = _weighted(p)
        conv = p.maps[at]
        if not isinstance(conv, Conv) or conv.groups != 1 or conv.weight.shape[0] % 2 or conv.weight.shape[1] % 2:
            return None
        out, into = (n // 2 for n in conv.weight.shape[:2])
        weight = np.concatenate([conv.weight[:out, :into], conv.weight[out:, into:]])
        return replace(p, maps=(*p.maps[:at], replace(conv, weight=weight, groups=2), *p.maps[at + 1 :]))

    made = {p.name: halve(p) for p in network.into(population)}
    kept = {name: p for name, p in made.items() if p is not None}
    return _each(network, lambda p: kept[p.name], kept) if kept else None


def reset_to_zero(network: Network) -> Network:
    """Every reset to zero, in the step of the spike: what a Loihi 1 does. In either form."""
    made = []
    for each in network.populations:
        plain = each.rule.reset.kind == "none" or not each.rule.spiking
        zero = np.int64(0) if network.form == "integer" else 0.0
        rule: Any = each.rule
        made.append(each if plain else replace(each, rule=replace(rule, reset=Reset("to", zero, "now"))))
    return network.with_(populations=tuple(made), source=None)


def moved(before: Network, after: Network) -> float:
    """How far weights went, as a share of their norm: |w' - w| / |w|, over the projections that changed.

    A convolution counts by its kernel; a pool by what each source neuron then weighs.
    """
    change = norm = 0.0
    for p, q in zip(before.projections, after.projections, strict=True):
        if p is q:
            continue
        a, b = (_flat(each, before) for each in (p, q))
        change, norm = change + float(((a - b) ** 2).sum()), norm + float((a**2).sum())
    return float(np.sqrt(change / norm)) if norm else 0.0


def _flat(p: Projection, network: Network) -> Any:
    """Weights with what groups and pools hide, scaled by the exponent, float64; a sparse matrix stays one."""
    scale = 2.0 ** (0 if p.format is None else p.format.exponent)
    held = p.maps[_weighted(p)]
    if isinstance(held, Sparse):
        return held.weight * scale
    values = values_of(held) * scale
    if isinstance(held, Conv) and held.groups > 1:
        per, into = held.weight.shape[0] // held.groups, held.weight.shape[1]
        whole = np.zeros((held.weight.shape[0], into * held.groups, *held.kernel))
        for g in range(held.groups):
            part = slice(g * per, (g + 1) * per)
            whole[part, g * into : (g + 1) * into] = values[part]
        values = whole
    if isinstance(p.maps[0], Pool) and isinstance(held, Dense):
        values = (p.maps[0].matrix(network.shapes[p.source]).T @ values.T).T
    return np.asarray(values, np.float64)
