"""Two traces as what a page can draw: spikes with their kinds, and membranes around the first difference."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snndeploy.conform.compare import compare
from snndeploy.conform.tiers.trains import MISSING, match
from snndeploy.engines import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.registers import STATE_SHIFT, Registers
from snndeploy.network.rule import Rule
from snndeploy.network.timing import update_order
from snndeploy.report.html.content import Curve, Layer, Pair, Raster

# spikes that a page holds of one pair
MOST = 1_000_000
BEFORE, BEHIND = 24, 16


def pair(title: str, a: Trace, b: Trace, window: int, diagnosis: str = "", most: int = MOST) -> Pair:
    """Two runs of the same samples, time in network time. Of many samples, as many as `most` spikes allow."""
    names = [n for group in update_order(a.network) for n in group if n in a.spikes and n in b.spikes]
    found = compare(a, b)
    counts = sum(a.spikes[n].reshape(a.steps, a.batch, -1).sum(axis=(0, 2), dtype=np.int64) for n in names)
    total = np.asarray(counts if names else np.zeros(a.batch, np.int64))
    keep = max(1, int(np.searchsorted(np.cumsum(total), most, side="right")))
    samples = list(range(min(keep, a.batch)))
    if found.first is not None and found.first.batch not in samples:
        samples[-1] = found.first.batch
    layers = tuple(_layer(a, b, name, samples, window) for name in names)
    first = (0, 0)
    if found.first is not None:
        rank = names.index(found.first.population) if found.first.population in names else 0
        first = (samples.index(found.first.batch), rank)
    return Pair(
        title,
        _named(a),
        _named(b),
        a.steps,
        window,
        tuple(samples),
        layers,
        found,
        _curves(a, b, names, samples),
        first,
        int(total.sum() - total[samples].sum()),
        diagnosis,
    )


def _named(trace: Trace) -> str:
    return f"{trace.engine}, {trace.network.form} form"


def _layer(a: Trace, b: Trace, name: str, samples: list[int], window: int) -> Layer:
    shape = a.network.shapes[name]
    rasters = []
    for i in samples:
        one, two = (t.spikes[name][:, i].reshape(t.steps, -1) for t in (a, b))
        rasters.append(raster(one, two, window))
    return Layer(name, shape, prod(shape), tuple(rasters))


def raster(a: Array, b: Array, window: int) -> Raster:
    """bool (steps, neurons) of two runs. Where spikes belong together but differ in step, that of b is shown."""
    found = match(a, b, window)
    kinds = np.where(found.b > 0, found.b, np.where(found.a == MISSING, found.a, 0)).astype(np.uint8)
    step, row = np.nonzero(kinds)
    kind = kinds[step, row]
    counts = tuple(int(n) for n in np.bincount(kind, minlength=6))
    return Raster(_narrow(step), _narrow(row), kind, counts)


def _narrow(values: Array) -> Array:
    return values.astype(np.uint16 if values.max(initial=0) < 2**16 else np.uint32)


def _curves(a: Trace, b: Trace, names: list[str], samples: list[int]) -> tuple[Curve, ...]:
    """Of the neuron that differs first in each population; where none does, of the busiest neuron of the last one."""
    found = []
    for name in names:
        if name not in a.v or name not in b.v:
            continue
        shape = a.network.shapes[name]
        one, two = (t.spikes[name].reshape(t.steps, t.batch, -1)[:, samples] for t in (a, b))
        differs = one != two
        if differs.any():
            step, place, neuron = (int(n) for n in np.argwhere(differs)[0])
            index = tuple(int(n) for n in np.unravel_index(neuron, shape))
            found.append(_curve(a, b, name, index, samples[place], step))
    if not found:
        last = next((n for n in reversed(names) if n in a.v and n in b.v), None)
        if last is not None:
            shape = a.network.shapes[last]
            busiest = int(a.spikes[last][:, 0].reshape(a.steps, -1).sum(axis=0).argmax())
            index = tuple(int(n) for n in np.unravel_index(busiest, shape))
            found.append(_curve(a, b, last, index, samples[0], None))
    return tuple(found)


def _curve(a: Trace, b: Trace, name: str, index: tuple[int, ...], sample: int, step: int | None) -> Curve:
    start = 0 if step is None else max(0, step - BEFORE)
    stop = min(a.steps, (BEFORE + BEHIND) if step is None else step + BEHIND)
    at: Any = (slice(start, stop), sample, *index)
    (va, vb), (sa, sb) = (t.membrane(name)[at] for t in (a, b)), (t.spikes[name][at] for t in (a, b))
    levels = [_threshold(t, name, index) for t in (a, b)]
    return Curve(name, index, sample, start, va, vb, sa, sb, levels[0], levels[1], step)


def _threshold(trace: Trace, name: str, index: tuple[int, ...]) -> float | None:
    """In float units; None where it moves."""
    rule, shape = trace.network.population[name].rule, trace.network.shapes[name]
    if rule.adaptation is not None:
        return None
    if isinstance(rule, Registers):
        level = (np.asarray(rule.vth) << STATE_SHIFT) / np.asarray(rule.scale) + np.asarray(rule.offset)
    else:
        assert isinstance(rule, Rule)
        level = np.asarray(rule.threshold)
    return float(np.broadcast_to(level, shape)[index])
