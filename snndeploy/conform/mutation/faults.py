"""Faults, each planted in one layer of one network.

A fault is another network, or other operations of one layer's neurons. The trace of the faulty network is then shown as
if the network itself had given it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.result import Kind
from snndeploy.conform.mutation.subjects import subjects
from snndeploy.network.arrays import Array
from snndeploy.network.maps import values_of, with_values
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Refractory, Reset, Rule


@dataclass(frozen=True, eq=False)
class Fault:
    """One fault.

    Attributes:
        name: what was planted. subject: the network, see `subjects`. layer: where.
        kind: the cause that has to be named.
        network: what runs in its place.
        arithmetic: other operations of the layer's neurons, see `diagnosis.predict.Variant`.
        feed: what the faulty run is fed with in place of the input.
        shift: steps by which all that was recorded of the layer is late.
    """

    name: str
    subject: str
    layer: str
    kind: Kind
    network: Network
    arithmetic: tuple[tuple[str, Any], ...] = ()
    feed: Callable[[Array], Array] | None = field(default=None)
    shift: int = 0

    def __str__(self) -> str:
        return f"{self.subject}: {self.layer}: {self.name}"


def faults() -> Iterator[Fault]:
    """The table."""
    for subject, (network, _) in subjects().items():
        for each in network.populations:
            rng = np.random.default_rng(len(each.name) + len(subject))
            for plant in (weights, decays, levels, resets, delays, wirings, operations, inputs, steps):
                for name, kind, made, more in plant(network, each.name, rng):
                    yield Fault(name, subject, each.name, kind, made, **more)


Planted = Iterator[tuple[str, Kind, Network, dict[str, Any]]]


def _rule(network: Network, name: str, **changes: Any) -> Network:
    given: Any = network.population[name].rule
    made = replace(network.population[name], rule=replace(given, **changes))
    return network.with_(populations=tuple(made if p.name == name else p for p in network.populations))


def _projections(network: Network, change: Callable[[Projection], Projection | None]) -> Network:
    made = [change(p) for p in network.projections]
    return network.with_(projections=tuple(p for p in made if p is not None))


def _weighted(network: Network, p: Projection, change: Callable[[Array], Array]) -> Network:
    maps = tuple(with_values(m, change(values_of(m).copy())) if m.weighted else m for m in p.maps)
    return _projections(network, lambda q: replace(q, maps=maps) if q is p else q)


def _all(network: Network, name: str, what: str, apart: float) -> Network:
    return _rule(network, name, **{what: np.asarray(getattr(network.population[name].rule, what)) + apart})


def _one(network: Network, name: str, what: str, index: tuple[int, ...], apart: float) -> Network:
    each = network.population[name]
    return _rule(network, name, **{what: _moved(getattr(each.rule, what), each.shape, index, apart)})


def _moved(value: Any, shape: tuple[int, ...], index: tuple[int, ...], apart: float) -> Array:
    full = np.array(np.broadcast_to(np.asarray(value), shape))
    full[index] += apart
    return full


def weights(network: Network, name: str, rng: np.random.Generator) -> Planted:
    """One weight: its last bit (or 1e-6 of it), its sign, none of it."""
    for p in network.into(name):
        shape = next(values_of(m).shape for m in p.maps if m.weighted)
        for i in range(5):
            index = tuple(int(rng.integers(n)) for n in shape)

            def moved(
                w: Array, index: tuple[int, ...] = index, i: int = i, step: int = p.format.step if p.format else 0
            ) -> Array:
                if i < 3:
                    w[index] += (step if w[index] < 100 else -step) if step else 1e-6 * (i + 1)
                else:
                    w[index] = -w[index] if i == 3 else 0
                return w

            step = "one step" if p.format else f"{1e-6 * (i + 1):+g}"
            what = (step, step, step, "sign", "zero")[i]
            yield f"weight {list(index)} of {p.name}: {what}", "weight", _weighted(network, p, moved), {}


def decays(network: Network, name: str, rng: np.random.Generator) -> Planted:
    each = network.population[name]
    rule, shape = each.rule, each.shape
    index = tuple(int(rng.integers(n)) for n in shape)
    if isinstance(rule, Registers):
        for step in (1, -1, 5):
            if np.all(np.asarray(rule.du) < 4090):
                yield f"du of one neuron {step:+d}", "decay", _one(network, name, "du", index, step), {}
            yield f"dv of one neuron {step:+d}", "decay", _one(network, name, "dv", index, step), {}
        yield "dv of all neurons +3", "decay", _all(network, name, "dv", 3), {}
        return
    for apart in (1e-6, -1e-3, 0.02):
        yield f"beta of one neuron {apart:+g}", "decay", _one(network, name, "beta", index, apart), {}
        (r, *rest) = rule.receptors
        if np.any(r.alpha):
            made = replace(r, alpha=_moved(r.alpha, shape, index, apart))
            yield f"alpha of one neuron {apart:+g}", "decay", _rule(network, name, receptors=(made, *rest)), {}
    yield "beta of all neurons +0.001", "decay", _all(network, name, "beta", 0.001), {}


def levels(network: Network, name: str, rng: np.random.Generator) -> Planted:
    """Thresholds, biases, gains, first states."""
    each = network.population[name]
    rule = each.rule
    index = tuple(int(rng.integers(n)) for n in each.shape)
    integer = isinstance(rule, Registers)
    threshold, bias = ("vth", "bias_mant") if integer else ("threshold", "bias")
    if getattr(rule, threshold) is not None:
        for apart in (1, -1, 16, -16) if integer else (0.02, -0.02, 0.1):
            text = f"{threshold} of all neurons {apart:+g}"
            yield text, "threshold", _all(network, name, threshold, apart), {}
        apart = -12 if integer else -0.05
        yield f"{threshold} of one neuron {apart:g}", "threshold", _one(network, name, threshold, index, apart), {}
    if np.any(getattr(rule, bias)):
        yield "bias dropped", "bias", _rule(network, name, **{bias: 0}), {}
        yield "bias one step late", "bias", _rule(network, name, bias_onset=1), {}
        apart = 1 if integer else 1e-5
        yield f"bias of one neuron {apart:+g}", "bias", _one(network, name, bias, index, apart), {}
        if integer:
            yield "exponent of the bias +1", "bias", _all(network, name, "bias_exp", 1), {}
    if isinstance(rule, Registers):
        yield "v begins at 640", "initial state", _rule(network, name, initial_v=640), {}
        return
    (r, *rest) = rule.receptors
    if np.any(r.constant):
        yield "constant dropped", "bias", _rule(network, name, receptors=(replace(r, constant=0.0), *rest)), {}
        yield "constant one step late", "bias", _rule(network, name, receptors=(replace(r, onset=1), *rest)), {}
    if np.any(r.alpha):
        made = (replace(r, gain=r.gain * 1.01), *rest)
        yield "gain of all neurons times 1.01", "gain", _rule(network, name, receptors=made), {}
    yield "v begins at 0.05", "initial state", _rule(network, name, initial=0.05), {}


def resets(network: Network, name: str, rng: np.random.Generator) -> Planted:
    del rng
    rule = network.population[name].rule
    if not rule.spiking:
        return
    theta: Any = np.asarray(rule.vth) << 6 if isinstance(rule, Registers) else rule.threshold
    own = rule.reset
    yield "no reset", "reset", _rule(network, name, reset=Reset("none")), {}
    for kind, value in (("to", 0), ("by", theta)):
        for when in ("now", "next", "residual"):
            if (kind, when) != (own.kind, own.when):
                text = f"reset {'to 0' if kind == 'to' else 'by the threshold'}, {when}"
                made: Any = Reset(kind, np.asarray(value) * (1 if kind == "by" else 0) if kind == "by" else 0, when)  # type: ignore[arg-type]
                yield text, "reset", _rule(network, name, reset=made), {}
    if rule.refractory is not None:
        yield "no refractory period", "refractory", _rule(network, name, refractory=None), {}
        longer = replace(rule.refractory, steps=rule.refractory.steps + 1)
        yield "a refractory period one step longer", "refractory", _rule(network, name, refractory=longer), {}
    else:
        yield "a refractory period of 1", "refractory", _rule(network, name, refractory=Refractory(1)), {}


def delays(network: Network, name: str, rng: np.random.Generator) -> Planted:
    del rng
    for steps in (1, 2):
        yield f"recorded {steps} steps late", "latency", network, {"shift": steps}
    for p in network.into(name):
        for steps in (1, -1, 2):
            if p.delay + steps >= (1 if p.source == name else 0):
                made = _projections(network, lambda q, p=p, s=steps: replace(q, delay=q.delay + s) if q is p else q)  # type: ignore[misc]
                yield f"{p.name} {steps:+d} steps", "latency", made, {}


def wirings(network: Network, name: str, rng: np.random.Generator) -> Planted:
    del rng
    for p in network.into(name):
        if len(network.into(name)) > 1:
            yield f"{p.name} missing", "wiring", _projections(network, lambda q, p=p: None if q is p else q), {}  # type: ignore[misc]
        w = next(values_of(m) for m in p.maps if m.weighted)
        if w.shape[-1] == w.shape[-2]:
            yield f"{p.name} transposed", "wiring", _weighted(network, p, lambda w: np.swapaxes(w, -1, -2).copy()), {}
        if w.ndim > 2:
            yield (
                f"{p.name} turned by half a turn",
                "wiring",
                _weighted(network, p, lambda w: np.flip(w, (-1, -2)).copy()),
                {},
            )
        yield f"{p.name}, outputs reversed", "wiring", _weighted(network, p, lambda w: np.flip(w, 0).copy()), {}
        yield f"{p.name}, all weights negative", "weight", _weighted(network, p, lambda w: np.maximum(-w, -256)), {}
        if p.format is not None:
            form = replace(p.format, exponent=p.format.exponent - 1)
            made = _projections(network, lambda q, p=p, f=form: replace(q, format=f) if q is p else q)  # type: ignore[misc]
            yield f"{p.name}, exponent -1", "weight", made, {}
        else:
            yield f"{p.name}, weights times 1.001", "weight", _weighted(network, p, lambda w: w * 1.001), {}


def operations(network: Network, name: str, rng: np.random.Generator) -> Planted:
    """Comparators, rounding modes and the ends of registers."""
    del rng
    from snndeploy.conform.diagnosis.rules import ARITHMETIC

    rule = network.population[name].rule
    if isinstance(rule, Registers):
        for kind, _, text, method, function in ARITHMETIC:
            yield text, kind, network, {"arithmetic": ((method, function),)}  # type: ignore[misc]
    if isinstance(rule, Rule):
        other = "synchronous" if rule.synapse == "sequential" else "sequential"
        yield f"{other} synapses", "order", _rule(network, name, synapse=other), {}
    if rule.spiking:
        yield "p >= threshold", "comparator", network, {"arithmetic": (("fires", np.greater_equal),)}


def inputs(network: Network, name: str, rng: np.random.Generator) -> Planted:
    """What the first layer is fed with."""
    del rng
    sources = {p.source for p in network.into(name)}
    if not sources & set(network.input):
        return
    (source,) = network.input

    def swapped(x: Array) -> Array:
        made = x.copy()
        made[:, :, [0, 1]] = x[:, :, [1, 0]]
        return made

    if len(network.shapes[source]) == 1:
        yield "inputs 0 and 1 swapped", "input", network, {"feed": swapped}
        yield "inputs reversed", "input", network, {"feed": lambda x: x[:, :, ::-1].copy()}
    else:
        yield "input mirrored", "input", network, {"feed": lambda x: x[..., ::-1].copy()}
        yield "input transposed", "input", network, {"feed": lambda x: np.swapaxes(x, -1, -2).copy()}


def steps(network: Network, name: str, rng: np.random.Generator) -> Planted:
    """Another time step in every layer; reported once, at the first layer."""
    del rng
    rules = [each.rule for each in network.populations]
    fading = [r for r in rules if isinstance(r, Rule) and np.any((np.asarray(r.beta) < 1) | (r.receptors[0].alpha > 0))]
    # in one layer alone, another time step is other decays
    if name != network.populations[0].name or len(fading) < 2:
        return
    for k in (2.0, 0.5, 1.1):
        populations = []
        for each in network.populations:
            rule = each.rule
            assert isinstance(rule, Rule)
            receptors = tuple(
                replace(r, alpha=np.where(r.alpha != 0, 1 - k * (1 - r.alpha), 0)) for r in rule.receptors
            )
            populations.append(replace(each, rule=replace(rule, beta=1 - k * (1 - rule.beta), receptors=receptors)))
        yield f"dt times {k:g}", "dt", network.with_(populations=tuple(populations)), {}
