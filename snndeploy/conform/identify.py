"""`identify`: which reading of a network another simulator computed, found from what it recorded of one population.

A file says what a neuron is in continuous time, not how a step is done. Every reading of the network, that is every
combination of decays, gains, reset, order, comparator, constants and latency, is run on the recorded inputs of the
population; the one that reproduces the recording is the simulator's. Spikes are compared bin by bin, membranes up to
one factor (simulators have units of their own).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.evidence import Evidence, delayed
from snndeploy.conform.diagnosis.predict import Variant, predict
from snndeploy.conform.identify_registers import Whole, whole
from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.rule import Receptor, Reset, ResetTime, Rule

# ties are differences here
EPS = float(np.finfo(np.float64).eps)
LATE = (0, 1, 2, 3)
WHEN: dict[ResetTime, str] = {
    "now": "in the same step",
    "next": "in the next step",
    "residual": "in the next step, the residual given back",
}


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to compute the population in steps.

    Attributes:
        decays, reset, order, comparator, constants: what was chosen, in words. late: steps by which it was recorded
            late.
        differing: spikes that are not as recorded, of `bins`.
        scale: the factor between the recorded membrane and the one of this reading; None where none was recorded.
        v_error: largest difference of membranes / largest recorded membrane, where no spike was.
    """

    decays: str
    reset: str
    order: str
    comparator: str
    constants: str
    late: int
    differing: int
    bins: int
    scale: float | None
    v_error: float | None
    rule: Rule

    @property
    def text(self) -> str:
        late = f"recorded {self.late} steps late" if self.late else "recorded in its own step"
        parts = (self.decays, self.reset, self.order, self.comparator, self.constants, late)
        return "; ".join(part for part in parts if part)

    def as_dict(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "rule"}
        return found | {"text": self.text}


@dataclass(frozen=True, eq=False)
class Identified:
    """What `identify` found. `print` shows it.

    Attributes:
        best: the reading with the fewest differing spikes, then the smallest error of the membrane.
        same: other readings that do as well on this recording; with more spikes they may part.
        tried: how many there were.
        network: the network in that reading.
        registers: the integers that the recorded membranes are, where they are whole numbers.
    """

    population: str
    best: Reading
    same: tuple[Reading, ...]
    tried: int
    network: Network
    registers: Whole | None = None

    @property
    def found(self) -> bool:
        """A reading reproduces every spike."""
        return self.best.differing == 0

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        return {
            "population": self.population,
            "found": self.found,
            "best": self.best.as_dict(),
            "same": [each.as_dict() for each in self.same],
            "tried": self.tried,
            "registers": None if self.registers is None else self.registers.text,
        }

    def __str__(self) -> str:
        best = self.best
        lines = [f"{self.population!r}: {best.differing:,} of {best.bins:,} bins differ: {best.text}"]
        if best.v_error is not None:
            lines.append(f"membranes: {best.v_error:.2g} of the largest, {best.scale:.6g} times those of the network")
        if self.registers is not None:
            lines.append(self.registers.text)
        lines += [f"as good: {each.text}" for each in self.same]
        return "\n".join([*lines, f"{self.tried} readings were tried"])


def identify(
    network: Network,
    inputs: Mapping[str, Array],
    spikes: Array,
    v: Array | None = None,
    population: str | None = None,
    others: Mapping[str, Array] | None = None,
    looped: Array | None = None,
) -> Identified:
    """Which reading of a float network gives what was recorded of one population.

    Args:
        inputs: (time, batch, *shape) by name. spikes, v: of the population, (time, batch, *shape).
        population: its name; None: the only one that is fed by inputs and itself alone.
        others: spikes of other populations that feed it, by name.
        looped: the part of the constant that comes with the population's loop onto itself, which some simulators leave
            out in step 0; broadcasts to the shape.

    Raises:
        SnnDeployError SD723: the population cannot be read in several ways, or its sources were not recorded.
    """
    name = population_named(network, population)
    each = network.population[name]
    rule = each.rule
    if not isinstance(rule, Rule) or not rule.spiking:
        raise error("SD723", f"population {name!r}", "only spiking populations of the float form are identified")
    emitted = {**inputs, **(others or {}), name: spikes}
    absent = sorted({p.source for p in network.into(name)} - emitted.keys())
    if absent:
        what = f"{', '.join(absent)}, which feed it, were not recorded"
        raise error("SD723", f"population {name!r}", what, "give their spikes: others={name: spikes}")
    stack = _stacked(network, name, emitted, spikes)
    found: list[Reading] = []
    for comparator in (">", ">="):
        for group in _groups(rule, comparator, looped):
            found += _judged(group, stack, v)
        if any(reading.differing == 0 for reading in found):
            break
    found.sort(key=lambda one: (one.differing, _size(one.v_error), one.late))
    best = found[0]
    same = tuple(
        reading
        for reading in found[1:]
        if reading.differing == best.differing and _size(reading.v_error) <= 1.5 * _size(best.v_error) + 1e-9
    )
    chosen = replace(each, rule=best.rule)
    made = network.with_(populations=tuple(chosen if p is each else p for p in network.populations), source=None)
    integers = None
    if v is not None and best.scale is not None:
        integers = whole(network, name, emitted, np.asarray(spikes), np.asarray(v), (best.rule, best.scale, best.late))
    return Identified(name, best, same[:12], len(found), made, integers)


def _size(value: float | None) -> float:
    return 0.0 if value is None else float(f"{value:.3g}")


def population_named(network: Network, given: str | None) -> str:
    if given is not None:
        if given not in network.population:
            have = ", ".join(network.population)
            raise error("SD723", f"population {given!r}", "there is none of this name", f"choose from {have}")
        return given
    fed = [
        p.name
        for p in network.populations
        if all(q.source in network.input or q.source == p.name for q in network.into(p.name))
    ]
    if len(fed) != 1:
        what = f"{len(fed)} populations are fed by inputs alone"
        raise error("SD723", "network", what, f"name one of {', '.join(network.population)}")
    return fed[0]


@dataclass(frozen=True, eq=False)
class _Group:
    """Readings that differ in numbers alone, and so are run at once."""

    said: dict[str, str]
    reset: Reset
    order: Any
    receptors: Callable[[tuple[Receptor, ...]], tuple[Receptor, ...]]
    arithmetic: tuple[tuple[str, Any], ...]

    def of(self, rule: Rule) -> Rule:
        return replace(rule, reset=self.reset, synapse=self.order, receptors=self.receptors(rule.receptors))


def _groups(rule: Rule, comparator: str, looped: Array | None) -> Iterator[_Group]:
    """All resets, orders and constants."""
    arithmetic: tuple[tuple[str, Any], ...] = () if comparator == ">" else (("fires", np.greater_equal),)
    theta = np.asarray(rule.threshold)
    own = np.asarray(rule.reset.value) if rule.reset.kind == "to" else 0 * theta
    resets: list[tuple[str, Reset]] = []
    for when in WHEN:
        to = "0" if not own.any() else f"{own.min():g}"
        resets.append((f"reset to {to} {WHEN[when]}", Reset("to", own, when)))
        resets.append((f"the threshold is subtracted {WHEN[when]}", Reset("by", theta, when)))
    resets.append(("no reset", Reset("none")))
    filtered = any(np.any(r.alpha) for r in rule.receptors)
    orders = {"sequential": "the membrane takes the current of this step"} if filtered else {"sequential": ""}
    if filtered:
        orders["synchronous"] = "the membrane takes the current of the step before"
    for (reset, made), (order, how), (constants, receptors) in product(
        resets, orders.items(), _constants(rule, looped)
    ):
        said = {"reset": reset, "order": how, "comparator": f"p {comparator} θ", "constants": constants}
        yield _Group(said, made, order, receptors, arithmetic)


def _decays(rule: Rule) -> list[tuple[str, Rule]]:
    """Forward Euler steps, as the network has them, or the decays of continuous time."""
    lost = 1 - np.asarray(rule.beta)
    beta = np.where(lost < 1, np.exp(-lost), 0.0)
    alphas = [np.where(np.asarray(r.alpha) > 0, np.exp(np.asarray(r.alpha) - 1), 0.0) for r in rule.receptors]
    exact = tuple(replace(r, alpha=alpha) for r, alpha in zip(rule.receptors, alphas, strict=True))
    share = np.where(lost > 0, (1 - beta) / np.where(lost > 0, lost, 1), 1.0)
    held = tuple(replace(r, gain=r.gain * share) for r in exact)
    return [
        ("forward Euler, β = 1 - dt/τ", rule),
        ("β = exp(-dt/τ), input added whole", replace(rule, beta=beta, receptors=exact)),
        ("β = exp(-dt/τ), input held over the step", replace(rule, beta=beta, receptors=held, bias=rule.bias * share)),
        ("backward Euler, β = 1 / (1 + dt/τ)", replace(rule, beta=1 / (1 + lost))),
    ]


def _constants(rule: Rule, looped: Array | None) -> list[tuple[str, Any]]:
    """Constants from step 0 on, from step 1 on, or the loop's part from step 1 on."""

    def late(receptors: tuple[Receptor, ...]) -> tuple[Receptor, ...]:
        return tuple(replace(r, onset=1) for r in receptors)

    def split(receptors: tuple[Receptor, ...]) -> tuple[Receptor, ...]:
        first, *rest = receptors
        assert looped is not None
        # two currents of one kind: what adds up is the same
        other = replace(first, constant=np.asarray(looped), onset=1, initial=0.0)
        return (replace(first, constant=np.asarray(first.constant) - looped), *rest, other)

    if not any(np.any(r.constant) for r in rule.receptors):
        return [("", lambda receptors: receptors)]
    found: list[tuple[str, Any]] = [("constants from step 0 on", lambda receptors: receptors)]
    if looped is not None and np.any(looped):
        found.append(("the loop's constant from step 1 on", split))
    return [*found, ("constants from step 1 on", late)]


@dataclass(frozen=True, eq=False)
class _Stack:
    """The evidence once per decay and lateness, along the batch."""

    evidence: Evidence
    decays: tuple[tuple[str, Rule], ...]
    batch: int


def _stacked(network: Network, name: str, emitted: Mapping[str, Array], spikes: Array) -> _Stack:
    rule = network.population[name].rule
    assert isinstance(rule, Rule)
    decays = tuple(_decays(rule))
    fired = np.asarray(spikes) != 0

    def laid(rows: Array, moves: bool) -> Array:
        each = [delayed(rows, -late) if moves else rows for late in LATE]
        return np.concatenate(each * len(decays), axis=1)

    into = network.into(name)
    sources = {p.source: laid(np.asarray(emitted[p.source]), p.source in network.population) for p in into}
    evidence = Evidence(network, network.population[name], into, sources, laid(fired, True), None, None, EPS)
    return _Stack(evidence, decays, fired.shape[1])


def _joined(rules: Sequence[Rule], copies: int) -> Rule:
    """Rules of one kind as one, whose numbers differ along the batch."""

    def stack(values: list[Any], shape: tuple[int, ...]) -> Array:
        return np.concatenate([np.broadcast_to(y, (copies, *shape)) for y in values])

    first = rules[0]
    shape = np.broadcast_shapes(*(np.shape(y) for r in rules for y in (r.beta, r.bias)), (1,))
    receptors = []
    for k, r in enumerate(first.receptors):
        own = [each.receptors[k] for each in rules]
        size = np.broadcast_shapes(*(np.shape(y) for each in own for y in (each.alpha, each.gain)), (1,))
        alpha, gain = (stack([getattr(each, name) for each in own], size) for name in ("alpha", "gain"))
        receptors.append(replace(r, alpha=alpha, gain=gain))
    beta, bias = (stack([getattr(r, name) for r in rules], shape) for name in ("beta", "bias"))
    return replace(first, receptors=tuple(receptors), beta=beta, bias=bias)


def _judged(group: _Group, stack: _Stack, v: Array | None) -> Iterator[Reading]:
    e = stack.evidence
    assert e.spikes is not None
    rank = len(e.shape)
    rules = [group.of(faded) for _, faded in stack.decays]
    copies = stack.batch * len(LATE)
    whole = _joined(rules, copies)
    made = predict(e, Variant(_ranked(whole, rank), e.projections, group.arithmetic))
    wrong = (made.bad_s | made.ties).reshape(e.steps, len(rules), len(LATE), stack.batch, *e.shape)
    own = made.v.reshape(wrong.shape)
    quiet = ~e.spikes.reshape(wrong.shape)
    for (i, (decays, _)), (j, late) in product(enumerate(stack.decays), enumerate(LATE)):
        shown = slice(0, e.steps - late)
        differing = int(np.count_nonzero(wrong[shown, i, j]))
        scale = v_error = None
        if v is not None:
            recorded = np.asarray(v, np.float64)[late:]
            # some record a marker in the step of a spike
            free = quiet[shown, i, j]
            scale, v_error = _fitted(own[shown, i, j][free], recorded[free], float(np.abs(recorded).max(initial=0)))
        yield Reading(
            decays,
            late=late,
            differing=differing,
            bins=int(wrong[shown, i, j].size),
            scale=scale,
            v_error=v_error,
            rule=rules[i],
            **group.said,
        )


def _ranked(rule: Rule, rank: int) -> Rule:
    """Numbers along the batch, with axes for the shape behind it."""

    def wide(value: Any) -> Array:
        array = np.asarray(value)
        return array.reshape(len(array), *(1,) * (rank + 1 - array.ndim), *array.shape[1:])

    receptors = tuple(replace(r, alpha=wide(r.alpha), gain=wide(r.gain)) for r in rule.receptors)
    return replace(rule, beta=wide(rule.beta), bias=wide(rule.bias), receptors=receptors)


def _fitted(own: Array, recorded: Array, most: float) -> tuple[float, float]:
    """(factor, largest error / largest recorded membrane) of the best factor between two membranes."""
    size = float((own * own).sum())
    scale = float((own * recorded).sum() / size) if size else 0.0
    return scale, float(np.abs(recorded - scale * own).max(initial=0) / most) if most else 0.0
