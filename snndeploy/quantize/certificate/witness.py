"""Inputs that make a register overflow: constructed where inputs feed the population, else searched; always run.

An input that acts on the population itself is set in every step to whatever drives the neuron the right way, weighted
by what the neuron's filters have left of it at the end; nothing can drive it further. Where other populations are in
between, rasters that are constant over time are tried, and the best of them changed at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from snndeploy.engines import Trace, run
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Network
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.quantize.certificate.arrivals import exponent
from snndeploy.quantize.certificate.observe import raw
from snndeploy.quantize.certificate.result import Bound, Register, Witness

Inputs = dict[str, Array]
# of a raster that is built, of one that is searched, and of the neuron-steps of one run
STEPS_MAX, STEPS_TRIED, SIZE_MAX = 2**13, 64, 2**23
ROUNDS, TRIED = 6, 24
RECORDED = ("spikes", "u", "v")


def leaves(trace: Trace, name: str, register: Register) -> Array:
    """(time, batch, *shape): the magnitude that the register would have had to hold."""
    made = raw(trace, name)
    return np.abs({"u": made.u, "v": made.sum}[register])


def first(trace: Trace, bound: Bound, source: Literal["construction", "search", "calibration"]) -> Witness | None:
    """The first bin, by step, in which a neuron that is not proven leaves its register."""
    size = leaves(trace, bound.population, bound.register)
    over = (size > bound.limit) & (bound.status > 0)
    if not over.any():
        return None
    step, sample, *index = (int(i) for i in np.argwhere(over)[0])
    keep = max(step + 1, 1)
    inputs = {each.name: trace.inputs[each.name][:keep, [sample]] for each in trace.network.given}
    at = (step, sample, *index)
    signed = int(_signed(trace, bound)[at])
    return Witness(
        bound.population, bound.register, tuple(index), step, sample if source == "calibration" else 0, signed,
        bound.limit, inputs, source,
    )  # fmt: skip


def _signed(trace: Trace, bound: Bound) -> Array:
    made = raw(trace, bound.population)
    return {"u": made.u, "v": made.sum}[bound.register]


def find(network: Network, bound: Bound, largest: Mapping[str, int], steps: int | None) -> Witness | None:
    """A witness against one register of one population, for its worst neuron first; None if none was found."""
    index = bound.worst
    sign = 1 if int(bound.high[index]) >= -int(bound.low[index]) else -1
    for trace, source in _tries(network, bound, index, sign, largest, steps):
        found = first(trace, bound, source)
        if found is not None:
            return found
    return None


def _tries(
    network: Network, bound: Bound, index: tuple[int, ...], sign: int, largest: Mapping[str, int], steps: int | None
) -> Iterator[tuple[Trace, Literal["construction", "search"]]]:
    sources = {p.source for p in network.into(bound.population)}
    if sources & {each.name for each in network.given}:
        yield run(network, driven(network, bound, index, sign, largest, steps), record=RECORDED), "construction"
    if not sources <= set(network.input):
        yield from ((trace, "search") for trace in _searched(network, bound, index, sign, largest, steps))


def driven(
    network: Network, bound: Bound, index: tuple[int, ...], sign: int, largest: Mapping[str, int], steps: int | None
) -> Inputs:
    """Each input in each step at its most if that moves the register the right way in the last step, else silent."""
    each = network.population[bound.population]
    rule = each.rule
    assert isinstance(rule, Registers)
    inputs = network.given
    flat = int(np.ravel_multi_index(index, each.shape)) if each.shape else 0
    rows = [
        (p, chain_matrix(p.maps, network.shapes[p.source])[[flat]].toarray()[0] * 2.0 ** exponent(p))
        for p in network.into(bound.population)
        if p.source in {given.name for given in inputs}
    ]
    total = sum(int(np.prod(shape)) for shape in network.shapes.values())
    length = min(steps or STEPS_MAX, max(2, SIZE_MAX // total))
    drive = sum(float(np.maximum(sign * row, 0).sum()) * largest.get(p.source, 1) for p, row in rows)
    left = _kernel(rule, each.shape, index, bound.register, length)
    # no longer than it takes in the best case, with a margin for truncation
    enough = int(np.searchsorted(np.cumsum(left) * drive * 2**STATE_SHIFT, 1.02 * bound.limit)) + 2
    length = min(length, enough + max((p.delay for p, _ in rows), default=0))
    effect = {given.name: np.zeros((length, int(np.prod(given.shape)))) for given in inputs}
    for p, row in rows:
        when = length - 1 - np.arange(length) - p.delay
        effect[p.source] += np.where(when >= 0, left[np.clip(when, 0, None)], 0.0)[:, None] * row
    made: Inputs = {}
    for given in inputs:
        most = largest.get(given.name, 1)
        other = -most if given.kind == "signed" else 0
        worst = np.where(sign * effect[given.name] > 0, most, np.where(effect[given.name] == 0, 0, other))
        made[given.name] = worst.astype(np.int64).reshape(length, 1, *given.shape)
    return made


def _kernel(rule: Registers, shape: tuple[int, ...], index: tuple[int, ...], register: Register, length: int) -> Array:
    """(length,): what one arrival has left in the register n steps later, without truncation."""
    du, dv = (int(np.broadcast_to(np.asarray(d), shape)[index]) for d in (rule.du, rule.dv))
    alpha, beta = (DECAY_UNITY - 1 - du) / DECAY_UNITY, (DECAY_UNITY - dv) / DECAY_UNITY
    found, u, v = np.zeros(length), 1.0, 0.0
    for n in range(length):
        v = beta * v + u
        found[n] = u if register == "u" else v
        u *= alpha
    return found


def _searched(
    network: Network, bound: Bound, index: tuple[int, ...], sign: int, largest: Mapping[str, int], steps: int | None
) -> Iterator[Trace]:
    """Runs of rasters, a batch each, the best one changed from run to run; ends where that gets nowhere."""
    rng = np.random.default_rng(0)
    size = sum(int(np.prod(shape)) for shape in network.shapes.values())
    batch = max(1, min(TRIED, SIZE_MAX // (STEPS_TRIED * size)))
    length = min(steps or STEPS_TRIED, max(2, min(STEPS_TRIED, SIZE_MAX // size)))
    best: Inputs | None = None
    most = -np.inf
    for turn in range(ROUNDS):
        frames = _frames(network, bound, index, sign, batch, rng) if best is None else _changed(best, batch, rng)
        rasters = {
            name: np.broadcast_to(frame[None] * largest.get(name, 1), (length, *frame.shape)).astype(np.int64)
            for name, frame in frames.items()
        }
        trace = run(network, rasters, record=RECORDED)
        yield trace
        at: Any = (slice(None), slice(None), *index)
        reached = (sign * _signed(trace, bound)[at]).max(axis=0)
        if reached.max() > most:
            most, chosen = reached.max(), int(reached.argmax())
            best = {name: frame[chosen] for name, frame in frames.items()}
        elif turn and turn >= ROUNDS // 2:
            return


def _frames(
    network: Network, bound: Bound, index: tuple[int, ...], sign: int, batch: int, rng: np.random.Generator
) -> Inputs:
    """(batch, *shape) of 0 and 1: everything on, what the signs of the paths say, and random ones."""
    effect = _paths(network, bound.population, index, sign)
    frames: Inputs = {}
    for given in network.given:
        drawn = rng.random((batch, *given.shape)) < rng.random((batch, *(1,) * len(given.shape)))
        drawn[0] = True
        if batch > 1:
            drawn[1] = effect[given.name] > 0
        frames[given.name] = drawn
    return frames


def _paths(network: Network, name: str, index: tuple[int, ...], sign: int) -> dict[str, Array]:
    """By input, (*shape): the sum over paths to the neuron of the products of their weights, as if all were linear."""
    gain: dict[str, Any] = {n: np.zeros(int(np.prod(s))) for n, s in network.shapes.items()}
    gain[name][int(np.ravel_multi_index(index, network.shapes[name])) if index else 0] = float(sign)
    layer = {name}
    for _ in network.populations:
        sources: set[str] = set()
        fresh: dict[str, Any] = {}
        for target in layer:
            for p in network.into(target):
                if p.source == p.target:
                    continue
                back = chain_matrix(p.maps, network.shapes[p.source]).T @ gain[target] * 2.0 ** exponent(p)
                scale = float(np.abs(back).max(initial=0.0))
                fresh[p.source] = fresh.get(p.source, 0.0) + (back / scale if scale else back)
                sources.add(p.source)
        for n, value in fresh.items():
            gain[n] = gain[n] + value
        layer = sources & set(network.population)
    return {given.name: gain[given.name].reshape(given.shape) for given in network.given}


def _changed(best: Inputs, batch: int, rng: np.random.Generator) -> Inputs:
    """The best frame with a share of its inputs flipped, from a few to a third."""
    found: Inputs = {}
    for name, frame in best.items():
        share = rng.uniform(0.002, 0.3, (batch, *(1,) * frame.ndim))
        found[name] = frame[None] ^ (rng.random((batch, *frame.shape)) < share)
    return found
