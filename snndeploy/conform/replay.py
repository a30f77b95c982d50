"""Forced replay: every population of a trace, alone, on the inputs that the trace itself recorded.

The float64 definition is driven with the recorded emissions of a population's sources, and makes the decisions that
the trace recorded. In each bin the definition's own decision is compared with the recorded one:

* equal: nothing to say;
* different, and |p - θ| is within the rounding bound of the trace's arithmetic: a **proven tie**. The recorded
  decision is adopted, reset and all, and the replay goes on;
* different, and |p - θ| is larger: a **fault**. No execution of the network in this arithmetic decides so.

Since every population is driven by what was recorded, a tie never excuses what follows from it: a trace without
faults is, bin by bin, a valid execution of the network in its own arithmetic. A reset that is still pending is known
from the recorded spike; where it is not (the stored membrane differs from p), and the stored membrane is within its
bound of θ, the branch that agrees with the recorded spike is taken. Populations that emit v must stay within the bound.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from snndeploy.conform.align import View
from snndeploy.conform.rounding import TYPES, Drive, Rounding, arrive, fan_in
from snndeploy.engines.reference.float_rule import FloatState
from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample
from snndeploy.network.network import Network, Population
from snndeploy.network.rule import Rule

# numbers that the drives of one population may hold at a time
CHUNK_NUMBERS = 2**22


@dataclass(frozen=True)
class Bin:
    """One bin in which a trace departs from the definition."""

    step: int
    batch: int
    index: tuple[int, ...]
    margin: float
    bound: float


@dataclass
class Proof:
    """What the replay of one population found."""

    ties: list[Bin] = field(default_factory=list)
    faults: int = 0
    first: Bin | None = None
    bounds: list[float] = field(default_factory=list)


class Forced(FloatState):
    """The definition, with decisions and pending resets that are given."""

    answer: Array
    believed: Array
    own: Array

    def pends(self) -> Array:
        return self.believed

    def fires(self, p: Array, theta: Array) -> Array:
        self.own = p > theta
        return self.answer


@dataclass(frozen=True, eq=False)
class Attempt:
    """One step with one belief about the pending resets. rank: 2 as recorded, 1 a tie, 0 a fault."""

    state: Forced
    error: Rounding
    margin: Array
    bound: Array
    rank: Array


def emitted(network: Network, view: View, name: str) -> Array | None:
    """What a source emitted, float64 (steps, batch, *shape); None if it was not recorded."""
    if name in network.input:
        each = network.input[name]
        if name in view.inputs:
            return np.asarray(view.inputs[name], np.float64)
        if each.kind != "constant":
            return None
        on = (np.arange(view.steps) >= each.onset).astype(np.float64).reshape(-1, 1, *(1,) * len(each.shape))
        return np.broadcast_to(on, (view.steps, view.batch, *each.shape))
    rule = network.population[name].rule
    if rule.spiking:
        return np.asarray(rule.value) * view.spikes[name] if name in view.spikes and isinstance(rule, Rule) else None
    return np.asarray(view.v[name], np.float64) if name in view.v else None


def unprovable(network: Network, view: View) -> str:
    """Why a view cannot be replayed, or ""."""
    if view.trace.dtype not in TYPES:
        return f"arithmetic {view.trace.dtype!r} has no rounding bound"
    if per_sample(network):
        return "each sample has a bias of its own, and so a network of its own"
    if dict(network.shapes) != dict(view.trace.network.shapes):
        return f"{view.trace.engine} ran a network of other populations or shapes"
    for each in network.populations:
        if each.rule.spiking and each.name not in view.spikes:
            return f"the spikes of {each.name!r} were not recorded by {view.trace.engine}"
    for p in network.projections:
        if emitted(network, view, p.source) is None:
            return f"v of {p.source!r}, which feeds {p.target!r}, was not recorded by {view.trace.engine}"
    return ""


def _drives(network: Network, sources: dict[str, Array], name: str, start: int, stop: int) -> list[Drive]:
    """What arrives at each receptor of a population in steps `start`...`stop - 1`."""
    each = network.population[name]
    assert isinstance(each.rule, Rule)
    rank = len(each.shape)
    batch = next(iter(sources.values())).shape[1]
    nothing = np.zeros((stop - start, batch, *each.shape))
    found = [Drive(nothing, nothing, np.zeros((stop - start, batch, *(1,) * rank))) for _ in each.rule.receptors]
    for p in network.into(name):
        rows = sources[p.source][max(0, start - p.delay) : max(0, stop - p.delay)]
        late = np.zeros((stop - start - rows.shape[0], *rows.shape[1:]))
        more, had = arrive(p.maps, np.concatenate([late, rows]), rank), found[p.receptor]
        found[p.receptor] = Drive(
            had.value + more.value,
            had.magnitude + more.magnitude,
            had.roundings + more.roundings,
            min(had.quantum, more.quantum),
        )
    return found


def _constants(network: Network, view: View, population: Population) -> Drive | None:
    """What a module adds up to a constant in layers that follow each other; None where it has the constant itself."""
    source, rule = view.trace.network.source, population.rule
    assert isinstance(rule, Rule)
    if source is None or not view.trace.engine.startswith(source.framework) or population.name not in source.constants:
        return None
    size = np.broadcast_to(source.constants[population.name], population.shape)
    own = np.max([np.broadcast_to(np.abs(r.constant), population.shape) for r in rule.receptors], axis=0)
    larger = np.where(size > own * (1 + 1e-9), size, 0.0)
    terms = max((sum(fan_in(each) + 2 for each in p.maps) for p in network.into(population.name)), default=0)
    return Drive(own, larger, np.asarray(float(terms))) if larger.any() else None


def _attempt(t: int, state: Forced, error: Rounding, drive: list[Drive], pending: Array) -> Attempt:
    before, state, error = state, copy.copy(state), copy.copy(error)
    state.believed = pending
    state.step(t, [each.value for each in drive])
    bound = error.advance(t, before, state, drive, pending)
    margin = state.p - state.theta
    frozen = before.waiting > 0
    as_recorded = (state.own & ~frozen) == state.answer
    # a bound of 0: nothing was rounded, so that the decision is the definition's or wrong
    tie = ~frozen & (np.abs(margin) <= bound) & (bound > 0)
    return Attempt(state, error, margin, bound, np.where(as_recorded, 2, np.where(tie, 1, 0)))


def _merge(one: Attempt, two: Attempt, unsure: Array) -> Attempt:
    """The better branch per bin; where both are possible, the bounds cover both."""
    other = unsure & (two.rank > one.rank)
    both = unsure & (one.rank > 0) & (two.rank > 0)
    state, error = copy.copy(one.state), copy.copy(one.error)
    for name in ("v", "p", "theta", "adapted", "waiting", "believed", "own"):
        setattr(state, name, np.where(other, getattr(two.state, name), getattr(one.state, name)))
    state.u = [np.where(other, y, x) for x, y in zip(one.state.u, two.state.u, strict=True)]
    for name in ("v", "adapted", "theta"):
        worse = np.maximum(getattr(one.error, name), getattr(two.error, name))
        apart = np.abs(getattr(one.state, name) - getattr(two.state, name))
        merged = np.where(other, getattr(two.error, name), getattr(one.error, name))
        setattr(error, name, np.where(both, worse + apart, merged))
    error.u = [
        np.where(both, np.maximum(e, f) + np.abs(x - y), np.where(other, f, e))
        for e, f, x, y in zip(one.error.u, two.error.u, one.state.u, two.state.u, strict=True)
    ]
    # taking the branch that rounding alone makes possible is a tie, whatever its margin
    rank = np.where(other, np.minimum(two.rank, 1), one.rank)
    margin, bound = (np.where(other, y, x) for x, y in ((one.margin, two.margin), (one.bound, two.bound)))
    return Attempt(state, error, margin, bound, rank)


def _step(t: int, state: Forced, error: Rounding, drive: list[Drive], frozen: Array) -> Attempt:
    """One step; `frozen`: where the step before was refractory."""
    reset = state.rule.reset
    stored = np.asarray(state.v > state.theta)
    if t == 0:
        known: Array = np.zeros_like(stored)
    else:
        known = (state.v == state.p) & ~frozen & ((reset.when == "next") | (state.s == state.believed))
    pending = np.where(known, state.s, stored)
    reach = error.v + error.theta
    late = reset.kind != "none" and reset.when in ("next", "residual") and state.rule.spiking
    unsure = ~known & (np.abs(state.v - state.theta) <= reach) & (reach > 0) & late
    one = _attempt(t, state, error, drive, pending)
    return _merge(one, _attempt(t, state, error, drive, pending ^ unsure), unsure) if unsure.any() else one


def steps(network: Network, view: View, population: Population, samples: Array) -> Iterator[Attempt]:
    """The replay of one population in some samples of the batch, step by step."""
    name, rule = population.name, population.rule
    assert isinstance(rule, Rule)
    sources = {}
    for p in network.into(name):
        rows = emitted(network, view, p.source)
        assert rows is not None
        sources[p.source] = rows[:, samples]
    shape = (samples.size, *population.shape)
    spikes = view.spikes[name][:, samples] if rule.spiking else np.zeros((view.steps, *shape), bool)
    made = _constants(network, view, population)
    state, error = Forced(rule, shape), Rounding(rule, shape, view.trace.dtype, view.trace.converted, made)
    frozen: Array = np.zeros(shape, bool)
    widest = max(int(np.prod(rows.shape[1:])) for rows in [*sources.values(), spikes])
    chunk = max(1, CHUNK_NUMBERS // widest)
    for start in range(0, view.steps, chunk):
        stop = min(view.steps, start + chunk)
        drives = _drives(network, sources, name, start, stop)
        for t in range(start, stop):
            i = t - start
            drive = [Drive(d.value[i], d.magnitude[i], d.roundings[i], d.quantum) for d in drives]
            state.answer = spikes[t]
            was = state.waiting > 0
            done = _step(t, state, error, drive, frozen)
            state, error, frozen = done.state, done.error, was
            yield done


def replay(network: Network, view: View, population: Population, samples: Array) -> Proof:
    """Replays one population in some samples of the batch.

    Args:
        samples: int64 indices into the batch.
    """
    proof = Proof()
    for t, done in enumerate(steps(network, view, population, samples)):
        margin, rank = done.margin, done.rank
        if population.rule.spiking:
            theta = np.abs(done.state.theta)
            proof.bounds.append(float(np.median(done.bound / np.where(theta > 0, theta, 1))))
        else:
            margin = view.v[population.name][t, samples] - done.state.v
            rank = np.where(np.abs(margin) <= done.bound, 2, 0)
        note(proof, t, samples, margin, done.bound, rank)
    return proof


def note(proof: Proof, t: int, samples: Array, margin: Array, bound: Array, rank: Array) -> None:
    """Writes the ties and faults of one step down."""
    if (rank == 2).all():
        return
    for at in np.argwhere(rank == 1):
        proof.ties.append(_bin(t, samples, margin, bound, tuple(at)))
    wrong = np.argwhere(rank == 0)
    proof.faults += len(wrong)
    if len(wrong) and proof.first is None:
        proof.first = _bin(t, samples, margin, bound, tuple(wrong[0]))


def _bin(t: int, samples: Array, margin: Array, bound: Array, at: tuple[int, ...]) -> Bin:
    index = tuple(int(i) for i in at[1:])
    return Bin(t, int(samples[at[0]]), index, float(margin[at]), float(bound[at]))
