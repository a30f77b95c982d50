"""`compare`: what is identical in two traces, what is a proven tie, and where they first differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from snndeploy.conform.align import View, align, check, common, constant_lag, lags
from snndeploy.conform.margin import margin_at
from snndeploy.conform.replay import Bin, Proof, replay, unprovable
from snndeploy.conform.result import Comparison, First, Lag, Row
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.network.timing import update_order

Differing = dict[str, dict[str, Array]]
Proofs = dict[str, dict[str, Proof]]


def compare(a: Trace, b: Trace, lag: int | Literal["find"] = "find") -> Comparison:
    """Compares two traces of the same input, bin by bin.

    Integer traces are identical if spikes, u and v are (what both recorded). Float traces are identical if all
    spikes are; where they are not, and every population was recorded, both are replayed against the definition
    (`replay`): they agree if each is a valid execution in its own arithmetic. Membranes of populations that emit v
    must be within the rounding bound. Between the forms there are no ties, only differences.

    The definition is the network of the trace that the reference computed, else that of `a`.

    Args:
        lag: steps by which b is late (< 0: a is). "find": what the engines say of traces in their own time, else 0;
            if they differ and a constant lag makes them equal, it is reported, and they stay different.

    Raises:
        SnnDeployError SD701, SD702, SD703, SD704: the traces cannot be compared.
    """
    return part(a, b, lag, whole=True)[0]


def part(
    a: Trace, b: Trace, lag: int | Literal["find"] = "find", whole: bool = False
) -> tuple[Comparison, dict[int, bool]]:
    """(comparison, all lags that fit) of some samples; `merge.merge` joins those of a data set.

    whole: there are no other samples, so that no lag is looked for where both agree.
    """
    check(a, b)
    x, y, found_lag = align(a, b, lag)
    names = [name for group in update_order(a.network) for name in group if name in common(a, b)]
    forms = {a.network.form, b.network.form}
    differing = _differences(x, y, names, ("spikes", "u", "v") if forms == {"integer"} else ("spikes",))
    notes = _leftover(a, b, names)
    proofs: Proofs = {}
    unproven = not any(differing.values())
    if forms == {"float"}:
        network = b.network if b.engine == "reference" != a.engine else a.network
        proofs, problems = _prove(network, x, y, differing, names)
        notes += problems
        unproven = bool(problems)
    if unproven:
        emitting = [name for name in names if name not in x.spikes]
        differing |= _differences(x, y, emitting, ("v",))
    equal = not any(mask.any() for masks in differing.values() for mask in masks.values())
    faults = any(proof.faults for each in proofs.values() for proof in each.values())
    tied = any(proof.ties for each in proofs.values() for proof in each.values())
    agrees = not faults and (equal or tied)
    search = lag == "find" and not (a.raw or b.raw or (whole and agrees))
    fitting = lags(x, y, tuple(names)) if search else {}
    if not agrees and fitting:
        found_lag = constant_lag([fitting])
        notes += lag_note(found_lag)
    first = _first(x, y, differing, names, proofs)
    fault = _fault(x, y, names, proofs)
    table = tuple(_row(x, y, name, differing, proofs) for name in names)
    who = [f"{t.engine} ({t.network.form})" if len(forms) == 2 else t.engine for t in (a, b)]
    identical = equal and not faults
    found = Comparison(who[0], who[1], identical, agrees, first or fault, fault, found_lag, table, tuple(notes))
    return found, fitting


def lag_note(lag: Lag) -> list[str]:
    return [f"with a lag of {lag} steps all spikes are equal"] if isinstance(lag, int) and lag else []


def state_equal(a: Trace, b: Trace) -> bool:
    """True if both recorded the same populations, and all spikes, u and v are equal, bit for bit."""
    for what in ("spikes", "u", "v"):
        one, two = getattr(a, what), getattr(b, what)
        if set(one) != set(two) or not all(np.array_equal(one[name], two[name]) for name in one):
            return False
    return True


def _differences(a: View, b: View, names: list[str], kinds: tuple[str, ...]) -> Differing:
    """Where what differs: by population and kind of recording, (steps, batch, *shape)."""
    found: Differing = {name: {} for name in names}
    for name in names:
        for what in kinds:
            one, two = a.get(what), b.get(what)
            if name in one and name in two:
                found[name][what] = one[name] != two[name]
    return found


def _leftover(a: Trace, b: Trace, names: list[str]) -> list[str]:
    notes = []
    for mark, trace in (("a", a), ("b", b)):
        rest = sorted(({*trace.spikes, *trace.v}) - set(names))
        if rest:
            notes.append(f"only {mark} recorded {', '.join(rest)}: not compared")
    return notes


def _samples(masks: dict[str, Array], batch: int) -> Array:
    """Samples in which something differs, bool (batch,)."""
    found: Array = np.zeros(batch, bool)
    for mask in masks.values():
        found = found | mask.reshape(mask.shape[0], batch, -1).any(axis=(0, 2))
    return found


def _prove(network: Network, a: View, b: View, differing: Differing, names: list[str]) -> tuple[Proofs, list[str]]:
    """Replays of both traces: all populations where spikes differ, and those that emit v where v was recorded."""
    moved: Array = np.zeros(a.batch, bool)
    for masks in differing.values():
        moved = moved | _samples(masks, a.batch)
    emitting = [name for name in names if not network.population[name].rule.spiking]
    emitters = [name for name in emitting if not np.array_equal(a.v[name], b.v[name])]
    if not moved.any() and not emitters:
        return {}, []
    proofs: Proofs = {}
    problems: list[str] = []
    for mark, view in (("a", a), ("b", b)):
        why = unprovable(network, view)
        if why:
            problems.append(f"ties cannot be proven, so every difference counts: {why}")
            continue
        proofs[mark] = {}
        for each in network.populations:
            emits = not each.rule.spiking
            if emits and each.name not in emitters:
                continue
            samples = np.arange(a.batch) if emits else np.flatnonzero(moved)
            if samples.size:
                proofs[mark][each.name] = replay(network, view, each, samples)
    return ({} if problems else proofs), problems


def _value(view: View, name: str, at: tuple[int, ...]) -> float | None:
    """The stored membrane of one bin in float units."""
    if name not in view.v:
        return None
    rule = view.trace.network.population[name].rule
    v = float(view.v[name][at])
    if not isinstance(rule, Registers):
        return v
    shape = view.trace.network.shapes[name]
    scale, offset = (float(np.broadcast_to(y, shape)[at[2:]]) for y in (rule.scale, rule.offset))
    return v / scale + offset


def _described(a: View, b: View, name: str, what: str, at: tuple[int, ...], found: Bin | None) -> First:
    """A bin, with everything that is known of it."""
    step, batch, index = at[0], at[1], at[2:]
    if what == "u":
        index = index[len(index) - len(a.trace.network.shapes[name]) :]
    place = (step, batch, *index)
    spikes = [bool(v.spikes[name][place]) if name in v.spikes else None for v in (a, b)]
    margin = margin_at(a, name, place) if found is None else found.margin
    return First(
        step,
        name,
        index,
        batch,
        what,  # type: ignore[arg-type]
        spikes[0],
        spikes[1],
        _value(a, name, place),
        _value(b, name, place),
        margin,
        None if found is None else found.bound,
    )


def _first(a: View, b: View, differing: Differing, names: list[str], proofs: Proofs) -> First | None:
    """The first difference: by step, then in the order of update, then by sample and neuron."""
    best: tuple[int, int, int, str] | None = None
    for rank, name in enumerate(names):
        for kind, (what, mask) in enumerate(differing[name].items()):
            steps = np.flatnonzero(mask.reshape(mask.shape[0], -1).any(axis=1))
            if steps.size and (best is None or (int(steps[0]), rank, kind) < best[:3]):
                best = (int(steps[0]), rank, kind, what)
    if best is None:
        return None
    step, name, what = best[0], names[best[1]], best[3]
    at = (step, *(int(i) for i in np.argwhere(differing[name][what][step])[0]))
    for mark, each in proofs.items():
        for tie in each[name].ties if name in each else []:
            if (tie.step, tie.batch, *tie.index) == at:
                first = _described(a, b, name, what, at, tie)
                return replace(first, tie=True, trace="a" if mark == "a" else "b")
    fault = _fault(a, b, names, proofs)
    if fault is not None and (fault.step, fault.population, fault.batch, *fault.index) == (step, name, *at[1:]):
        return fault
    return _described(a, b, name, what, at, None)


def _fault(a: View, b: View, names: list[str], proofs: Proofs) -> First | None:
    """The first bin beyond the bound, in the same order."""
    best: tuple[int, int, str, Bin] | None = None
    for mark, each in proofs.items():
        for rank, name in enumerate(names):
            bad = each[name].first if name in each else None
            if bad is not None and (best is None or (bad.step, rank) < best[:2]):
                best = (bad.step, rank, mark, bad)
    if best is None:
        return None
    _, rank, mark, bad = best
    name = names[rank]
    what = "spikes" if a.trace.network.population[name].rule.spiking else "v"
    found = _described(a, b, name, what, (bad.step, bad.batch, *bad.index), bad)
    return replace(found, trace="a" if mark == "a" else "b", margin=bad.margin if what == "spikes" else None)


def _row(a: View, b: View, name: str, differing: Differing, proofs: Proofs) -> Row:
    """One line of the table."""
    counts = [int(v.spikes[name].sum()) if name in v.spikes else 0 for v in (a, b)]
    bins = int(np.prod([a.steps, a.batch, *a.trace.network.shapes[name]]))
    masks, rank = differing[name], len(a.trace.network.shapes[name])
    any_differs: Array = np.zeros((a.steps, a.batch, *a.trace.network.shapes[name]), bool)
    for mask in masks.values():
        # u of several receptors has one more axis
        any_differs = any_differs | (mask.any(axis=2) if mask.ndim > rank + 2 else mask)
    dv = None
    if name in a.v and name in b.v:
        one, two = (_membrane(v, name) for v in (a, b))
        dv = float(np.abs(one - two).max())
    found = [each[name] for each in proofs.values() if name in each]
    bounds = [float(np.median(proof.bounds)) for proof in found if proof.bounds]
    return Row(
        name,
        bins,
        counts[0],
        counts[1],
        int(np.count_nonzero(any_differs)),
        sum(len(proof.ties) for proof in found),
        sum(proof.faults for proof in found),
        dv,
        max(bounds, default=None),
    )


def _membrane(view: View, name: str) -> Array:
    rule = view.trace.network.population[name].rule
    v = np.asarray(view.v[name], np.float64)
    return v / np.asarray(rule.scale) + np.asarray(rule.offset) if isinstance(rule, Registers) else v
