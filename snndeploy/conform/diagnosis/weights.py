"""Hypotheses about what arrives: weights, wiring, inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.evidence import delayed
from snndeploy.conform.diagnosis.hypothesis import Case, Hypothesis
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Reshape, Sparse, chain_apply, values_of, with_values
from snndeploy.network.network import Projection
from snndeploy.network.registers import STATE_SHIFT, Registers

# neurons, synapses and pairs that are tried
NEURONS, TAPS, PAIRS = 6, 256, 48


@dataclass(frozen=True, eq=False)
class Missing:
    """What arrived at a receptor and was not expected.

    Attributes:
        apart: float64 (time, batch, *shape), in units of the sum of weights. free: where it is known.
    """

    apart: Array
    free: Array
    bad: Array


def missing(case: Case, receptor: int) -> Missing | None:
    """From the recorded current; from the membrane where the current was not recorded and has no memory."""
    e, base, rule = case.e, case.base, case.rule
    if e.u is not None:
        apart = (e.u[:, :, receptor] - base.u[:, :, receptor]).astype(np.float64)
        bad, free = base.bad_u[:, :, receptor], np.ones(apart.shape, bool)
        if e.integer:
            # the register may have wrapped in one of them
            apart = (apart + 2**23) % 2**24 - 2**23
    elif e.v is not None and not e.filtered:
        if not isinstance(rule, Registers) and (len(rule.receptors) > 1 or rule.synapse == "synchronous"):
            return None
        gain = 1.0 if isinstance(rule, Registers) else case.full(rule.receptors[0].gain)
        apart = (e.v - base.v).astype(np.float64) / np.where(np.asarray(gain) != 0, gain, 1)
        bad, free = base.bad_v, case.plain
    else:
        return None
    return Missing(apart, free, bad) if (bad & free).any() else None


def weights(case: Case) -> Iterator[Hypothesis]:
    """One weight, all weights by a factor, in every projection of a receptor that differs."""
    for p in case.e.projections:
        lacking = missing(case, p.receptor)
        if lacking is None:
            continue
        for at, each in enumerate(p.maps):
            if each.weighted:
                yield from _single(case, p, at, each, lacking)


def _unit(p: Projection) -> float:
    """What one unit of the sum of weights is in the current."""
    return 1.0 if p.format is None else 2.0 ** (p.format.exponent + STATE_SHIFT)


def _with_map(case: Case, p: Projection, at: int, made: Map) -> Any:
    maps = (*p.maps[:at], made, *p.maps[at + 1 :])
    own = tuple(replace(q, maps=maps) if q is p else q for q in case.e.projections)
    return replace(case.whole, projections=own)


def _single(case: Case, p: Projection, at: int, each: Map, lacking: Missing) -> Iterator[Hypothesis]:
    """The one weight whose source spiked exactly where something is missing, in proportion."""
    rows = delayed(case.e.sources[p.source], p.delay).astype(np.float64)
    arrives = chain_apply(p.maps[:at], rows)
    simple = all(isinstance(m, Flatten | Reshape) for m in p.maps[at + 1 :])
    if isinstance(each, Dense | Sparse) and simple:
        found = _in_matrix(each, arrives, lacking, _unit(p))
    else:
        found = _in_kernel(p, at, each, arrives, lacking)
    values = values_of(each)
    for index, delta in found:
        whole = case.e.integer
        moved = [int(np.round(delta))] if whole else [delta]
        if p.format is not None:
            # a shift to the right hides the last bits of a sum
            step = p.format.step
            moved += [int(np.round(delta / step)) * step, int(np.sign(delta)) * step]
        for amount in dict.fromkeys(moved):
            if not amount:
                continue
            made = values.copy()
            made[index] = values[index] + amount
            text = f"weight {list(index)} of {p.name!r} is {made[index]:.9g}, not {values[index]:.9g}"
            variant = _with_map(case, p, at, with_values(each, made))
            yield Hypothesis(
                "weight",
                text,
                variant,
                2,
                projection=p.name,
                index=index,
                expected=float(values[index]),
                found=float(made[index]),
            )


def _in_matrix(each: Map, arrives: Array, lacking: Missing, unit: float) -> list[tuple[tuple[int, ...], float]]:
    """(index, change) of the best weight of the first neuron that differs."""
    flat = lacking.apart.reshape(-1, int(np.prod(lacking.apart.shape[2:], dtype=np.int64)))
    bad, free = lacking.bad.reshape(flat.shape), lacking.free.reshape(flat.shape)
    wrong = np.flatnonzero((bad & free).any(axis=0))
    x = arrives.reshape(flat.shape[0], -1)
    if isinstance(each, Dense) and x.shape[1] != each.weight.shape[1]:
        return []
    found: list[tuple[tuple[int, ...], float]] = []
    for neuron in wrong[:1] if wrong.shape[0] == 1 else []:
        use = free[:, neuron]
        r, s = flat[use, neuron] / unit, x[use]
        dots, sizes = r @ s, (s * s).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(sizes > 0, dots**2 / sizes, -1.0)
        for j in np.argsort(-gain, kind="stable")[:3]:
            if gain[j] <= 0:
                continue
            delta = float(dots[j] / sizes[j])
            # a bin with this source alone tells the number without rounding of the others
            alone = np.flatnonzero(s[:, j] != 0)
            best = alone[np.argmin(np.abs(r[alone] - np.median(r[alone])))]
            delta = delta if np.abs(r - delta * s[:, j]).max() > 1e-6 * abs(delta) else float(r[best] / s[best, j])
            if isinstance(each, Sparse):
                start, stop = each.weight.indptr[neuron : neuron + 2]
                at = np.flatnonzero(each.weight.indices[start:stop] == j)
                if at.size:
                    found.append(((int(start + at[0]),), delta))
            else:
                found.append(((int(neuron), int(j)), delta))
    return found


def _in_kernel(
    p: Projection, at: int, each: Map, arrives: Array, lacking: Missing
) -> list[tuple[tuple[int, ...], float]]:
    """(index, change) of the best weight of a kernel, or of a matrix behind which other maps follow."""
    values = values_of(each)
    channels = list(range(values.shape[0]))
    if isinstance(each, Conv):
        wrong = (lacking.bad & lacking.free).any(axis=(0, 1))
        if wrong.ndim == 3 and wrong.shape[0] == values.shape[0]:
            channels = [int(c) for c in np.flatnonzero(wrong.reshape(wrong.shape[0], -1).any(axis=1))]
            if len(channels) > 1:
                return []
    taps = [(c, *rest) for c in channels for rest in np.ndindex(*values.shape[1:])][:TAPS]
    r = np.where(lacking.free, lacking.apart, 0) / _unit(p)
    best: list[tuple[float, tuple[int, ...], float]] = []
    for index in taps:
        one = np.zeros(values.shape, values.dtype)
        one[index] = 1
        s = chain_apply((with_values(each, one), *p.maps[at + 1 :]), arrives)
        s = np.where(lacking.free, s, 0)
        size = float((s * s).sum())
        if size:
            dot = float((r * s).sum())
            best.append((dot * dot / size, index, dot / size))
    return [(index, delta) for _, index, delta in sorted(best, key=lambda x: -x[0])[:2]]


def wiring(case: Case) -> Iterator[Hypothesis]:
    """Projections that are missing, kernels and matrices that lie another way, factors, exponents."""
    own = case.e.projections
    for p in own:
        gone = tuple(q for q in own if q is not p)
        yield Hypothesis(
            "wiring", f"projection {p.name!r} is missing", replace(case.whole, projections=gone), 2, projection=p.name
        )
        for k in range(len(case.receptors())):
            if k != p.receptor:
                moved = tuple(replace(q, receptor=k) if q is p else q for q in own)
                text = f"projection {p.name!r} feeds receptor {k}, not {p.receptor}"
                yield Hypothesis("wiring", text, replace(case.whole, projections=moved), 2, projection=p.name)
        if p.format is not None:
            for step in (-1, 1):
                form = replace(p.format, exponent=p.format.exponent + step)
                moved = tuple(replace(q, format=form) if q is p else q for q in own)
                text = f"the weight exponent of {p.name!r} is {form.exponent}, not {p.format.exponent}"
                yield Hypothesis("weight", text, replace(case.whole, projections=moved), 2, projection=p.name)
        for at, each in enumerate(p.maps):
            if each.weighted and not isinstance(each, Sparse):
                for text, made in turned(each):
                    said = f"the weights of {p.name!r} are {text}"
                    yield Hypothesis(
                        "wiring", said, _with_map(case, p, at, with_values(each, made)), 2, projection=p.name
                    )
            if each.weighted:
                values = values_of(each)
                for text, made in (("negative", -values), ("magnitudes", np.abs(values))):
                    said = f"the weights of {p.name!r} are {text}"
                    yield Hypothesis(
                        "weight", said, _with_map(case, p, at, with_values(each, made)), 3, projection=p.name
                    )
        yield from _scaled(case, p)


def turned(each: Any) -> Iterator[tuple[str, Array]]:
    """The same weights, transposed, mirrored or with axes in another order."""
    w = np.asarray(each.weight)
    last = tuple(range(w.ndim - 2, w.ndim))
    if w.ndim >= 2 and w.shape[-1] == w.shape[-2]:
        yield "transposed", np.swapaxes(w, -1, -2).copy()
    if w.ndim > 2:
        yield "turned by half a turn (convolution for correlation)", np.flip(w, last).copy()
        for axis, name in ((w.ndim - 1, "left to right"), (w.ndim - 2, "top to bottom")):
            yield f"mirrored {name}", np.flip(w, axis).copy()
        if w.shape[0] == w.shape[1] > 1:
            yield "transposed in their channels", np.swapaxes(w, 0, 1).copy()
        if w.shape[1] > 1:
            yield "in reverse order of input channels", np.flip(w, 1).copy()
    if w.shape[0] > 1:
        yield "in reverse order of output", np.flip(w, 0).copy()
    if w.ndim == 2 and w.shape[1] > 1:
        yield "in reverse order of input", np.flip(w, 1).copy()


def _scaled(case: Case, p: Projection) -> Iterator[Hypothesis]:
    """All weights of a projection by one factor."""
    lacking = missing(case, p.receptor)
    if lacking is None or case.e.integer:
        return
    arrived = chain_apply(p.maps, delayed(case.e.sources[p.source], p.delay).astype(np.float64))
    use = lacking.free & (arrived != 0)
    if not use.any():
        return
    size = np.where(use, np.abs(arrived), 0)
    at = np.unravel_index(size.argmax(), size.shape)
    factor = 1 + float(lacking.apart[at] / arrived[at])
    for i, each in enumerate(p.maps):
        if each.weighted:
            variant = _with_map(case, p, i, with_values(each, values_of(each) * factor))
            text = f"all weights of {p.name!r} are {factor:.9g} times as large"
            yield Hypothesis("weight", text, variant, 3, projection=p.name, expected=1.0, found=factor)
            return


def inputs(case: Case) -> Iterator[Hypothesis]:
    """Sources whose neurons come in another order, or whose events are clipped."""
    e = case.e
    for p in e.projections:
        rows = e.sources[p.source]
        kind: Any = "input" if p.source in e.network.input else "wiring"
        for text, made in _orders(rows):
            variant = replace(case.whole, sources=((p.source, made),))
            rank = 1 if kind == "input" else 3
            yield Hypothesis(kind, f"the neurons of {p.source!r} come {text}", variant, rank, projection=p.name)
        if rows.dtype.kind != "b" and ((rows != 0) & (rows != 1)).any():
            variant = replace(case.whole, sources=((p.source, (rows != 0).astype(rows.dtype)),))
            yield Hypothesis("input", f"events of {p.source!r} count once a step", variant, 3, projection=p.name)
        yield from _swapped(case, p, kind)


def _orders(rows: Array) -> Iterator[tuple[str, Array]]:
    for axis in range(2, rows.ndim):
        if rows.shape[axis] > 1:
            yield f"in reverse order along axis {axis - 2}", np.flip(rows, axis)
    if rows.ndim >= 4 and rows.shape[-1] == rows.shape[-2]:
        yield "transposed", np.swapaxes(rows, -1, -2)


def _swapped(case: Case, p: Projection, kind: Any) -> Iterator[Hypothesis]:
    """Two neurons of a source in each other's place: what is missing is (w_b - w_a)·(s_a - s_b) in every neuron."""
    lacking = missing(case, p.receptor)
    if lacking is None or len(p.maps) != 1 or not isinstance(p.maps[0], Dense):
        return
    rows = case.e.sources[p.source]
    if rows.ndim != 3:
        return
    w = np.asarray(p.maps[0].weight, np.float64)
    s = delayed(rows, p.delay).astype(np.float64).reshape(-1, rows.shape[2])
    r = np.where(lacking.free, lacking.apart, 0).reshape(len(s), -1) / _unit(p)
    neuron = int(np.abs(r).sum(axis=0).argmax())
    first, second = np.triu_indices(s.shape[1], 1)
    if len(first) > 20_000:
        return
    use = lacking.free.reshape(len(s), -1)[:, neuron]
    guess = (s[use][:, first] - s[use][:, second]) * (w[neuron, second] - w[neuron, first])
    off = np.abs(guess - r[use, neuron][:, None]).sum(axis=0)
    for i in np.argsort(off, kind="stable")[:3]:
        a, b = int(first[i]), int(second[i])
        made = rows.copy()
        made[:, :, [a, b]] = rows[:, :, [b, a]]
        text = f"neurons {a} and {b} of {p.source!r} are swapped"
        yield Hypothesis(kind, text, replace(case.whole, sources=((p.source, made),)), 2, projection=p.name)
