"""The network of a contract: populations and projections that can be run, in the order that the contract says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .maps import Map, build
from .neurons import Neurons, Registers, int32
from .reading import NUMBERS, Fields, array
from .refusal import AGAIN, refuse, shown

Array = Any
Shape = tuple[int, ...]
FORMAT = "snndeploy contract 1"
KINDS = ("binary", "counts", "signed", "constant", "bias")
# multiplications of all samples and steps that are done for one bundle: an hour or so
WORK = 10**13


@dataclass(frozen=True)
class Input:
    name: str
    shape: Shape
    kind: str
    onset: int
    population: str


@dataclass(frozen=True)
class Projection:
    """maps: from the shape of the source to that of the target. delay: steps. exponent: shift of the sum."""

    source: str
    target: str
    maps: tuple[Map, ...]
    delay: int
    exponent: int

    def deliver(self, emitted: Array) -> Array:
        for each in self.maps:
            emitted = each.apply(emitted)
        return int32(emitted << self.exponent if self.exponent >= 0 else emitted >> -self.exponent)


class Network:
    """A network in the integer form.

    Raises:
        Refused SD866: the contract is not one, or contradicts itself.
    """

    def __init__(self, contract: Any, members: dict[str, bytes]):
        held = Fields(contract, "contract.json")
        held.word("format", (FORMAT,))
        held.word("form", ("integer",))

        def load(name: str) -> Array:
            return array(members, name)

        self.inputs = {each.word("name"): _input(each) for each in held.objects("inputs")}
        self.populations: dict[str, tuple[Shape, Registers]] = {}
        self.scales: dict[str, tuple[Array, Array]] = {}
        for each in held.objects("populations"):
            name, shape = each.word("name"), _shape(each)
            self.populations[name] = (shape, Registers(Fields(each.get("registers", dict), each.where), shape, load))
            self.scales[name] = (_real(each, "scale", shape, load), _real(each, "offset", shape, load))
        self.shapes = {n: i.shape for n, i in self.inputs.items()} | {n: p[0] for n, p in self.populations.items()}
        if len(self.shapes) != len(held.get("inputs", list)) + len(held.get("populations", list)):
            raise held.wrong("populations", "a name is used twice")
        self.projections = [self._projection(each, load) for each in held.objects("projections")]
        self.order = [name for name in held.get("order", list) if isinstance(name, str)]
        self._check_order(held)
        self.decision = self._decision(held)

    def _projection(self, held: Fields, load: Callable[[str], Array]) -> Projection:
        source, target = held.word("source", tuple(self.shapes)), held.word("target", tuple(self.populations))
        if source in self.populations and self.populations[source][1].vth is None:
            raise held.wrong("source", "it has no threshold, and so no spikes")
        maps, shape = [], self.shapes[source]
        for each in held.objects("maps"):
            maps.append(build(each, shape, load))
            shape = maps[-1].shape_out
        if shape != self.shapes[target]:
            raise held.wrong("maps", f"{shape} arrives at {self.shapes[target]}")
        return Projection(source, target, tuple(maps), held.whole("delay"), held.whole("exponent", -8, 7))

    def _check_order(self, held: Fields) -> None:
        if sorted(self.order) != sorted(self.populations) or len(self.order) != len(held.get("order", list)):
            raise held.wrong("order", "it does not name every population once")
        rank = {name: i for i, name in enumerate(self.order)}
        for p in self.projections:
            if p.delay == 0 and p.source in rank and rank[p.source] >= rank[p.target]:
                raise held.wrong("order", f"{shown(p.target)} comes before {shown(p.source)}, which feeds it at once")
        for each in self.inputs.values():
            if each.kind == "bias" and self.shapes.get(each.population) != each.shape:
                raise held.wrong("inputs", f"the bias {shown(each.name)} fits no population")

    def _decision(self, held: Fields) -> tuple[str, str] | None:
        if held.held.get("decision") is None:
            return None
        told = Fields(held.get("decision", dict), f"{held.where}, decision")
        name = told.word("population", tuple(self.populations))
        rule = told.word("rule", ("spike-count", "last-v", "max-v"))
        if rule == "spike-count" and self.populations[name][1].vth is None:
            raise told.wrong("rule", "a population without threshold has no spikes to count")
        return name, rule

    def check_work(self, steps: int, batch: int) -> None:
        """Raises Refused SD864: it takes more than a bundle may."""
        widest = [prod(each.shape_out) for p in self.projections for each in p.maps]
        if batch * max([*widest, *(prod(s) for s in self.shapes.values())]) > NUMBERS:
            raise refuse("SD864", "golden input", f"{batch:,} samples at once take too much memory", AGAIN)
        products = sum(each.work for p in self.projections for each in p.maps)
        work = steps * batch * (products + 32 * sum(prod(s) for s in self.shapes.values()))
        if work > WORK:
            raise refuse("SD864", "golden input", f"running it takes {work:,} operations, more than {WORK:,}", AGAIN)

    def run(self, inputs: dict[str, Array], steps: int, batch: int, seen: Callable[[int, str, Neurons], None]) -> None:
        """Runs it; `seen(step, population, state)` is called behind every update.

        Args:
            inputs: int64 (steps, batch, *shape) by name; of biases (batch, *shape), state units.
        """
        biases: dict[str, Array] = {}
        for each in self.inputs.values():
            if each.kind == "bias":
                biases[each.population] = inputs[each.name]
        states = {n: Neurons(r, shape, batch, biases.get(n)) for n, (shape, r) in self.populations.items()}
        reach = max((p.delay for p in self.projections), default=0)
        emitted: dict[str, dict[int, Array]] = {name: {} for name in self.shapes}
        into: dict[str, list[Projection]] = {name: [] for name in self.populations}
        for p in self.projections:
            into[p.target].append(p)
        for t in range(steps):
            for each in self.inputs.values():
                if each.kind != "bias":
                    emitted[each.name][t] = inputs[each.name][t].astype(np.int64)
            for name in self.order:
                arrived = np.zeros((batch, *self.shapes[name]), np.int64)
                for p in into[name]:
                    if p.delay <= t and p.source in emitted and t - p.delay in emitted[p.source]:
                        arrived = arrived + p.deliver(emitted[p.source][t - p.delay])
                emitted[name][t] = states[name].step(t, arrived)
                seen(t, name, states[name])
            for history in emitted.values():
                history.pop(t - reach, None)


def _shape(held: Fields) -> Shape:
    shape = held.wholes("shape", 1)
    if prod(shape) > NUMBERS:
        raise held.wrong("shape", f"{prod(shape):,} neurons are more than {NUMBERS:,}")
    return shape


def _input(held: Fields) -> Input:
    kind = held.word("kind", KINDS)
    return Input(held.word("name"), _shape(held), kind, held.whole("onset"), held.word("population"))


def _real(held: Fields, name: str, shape: Shape, load: Callable[[str], Array]) -> Array:
    given = held.get(name, (float, str))
    found = load(given) if isinstance(given, str) else np.array(given)
    try:
        fits = np.broadcast_shapes(found.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits or found.dtype != np.float64 or not np.isfinite(found).all():
        raise held.wrong(name, f"it is no float64 that broadcasts to {shape}")
    return found
