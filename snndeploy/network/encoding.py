"""What an encoding is: how the numbers that a caller has become events, and what the network makes of these events.

A chip takes events. Real numbers, and on some chips counts, have to become events outside it, and the network's
weights have to be changed for them. An encoding is both halves::

    events[t] = encode(x[t])            data: before the network, the same on every engine
    x'[t] = sum_k factor_k·events_k[t]  network: each projection of the input becomes one per plane k of events,
                                        its weights times factor_k

Events are whole numbers, of both signs where values are. x' is what the network computes with, x' - x the error of the
encoding. A network carries its encodings, so that a file says how its input has to be made. Each kind is one file of
`network/encodings`, chosen by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from snndeploy.errors import SnnDeployError, error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Scale, Shape

if TYPE_CHECKING:
    from snndeploy.network.network import Input, Network

Beyond = Literal["refuse", "clip"]
# relative distance below which a value lies on a grid: float32 data, and products of the grid's step, are as far off
ON_GRID = 1e-6


@dataclass(frozen=True)
class Plane:
    """Events of one input of the network: the end of its name, and what one event is worth in the caller's units."""

    suffix: str
    factor: float


@dataclass(frozen=True)
class Chip:
    """What of a target an encoding depends on. most: largest number that an event carries; 1: no more than that."""

    name: str
    most: int


@dataclass(frozen=True, eq=False)
class Case:
    """What an encoding is chosen for: an input, `samples: (time, batch, *shape)` of it, its network, and the chip."""

    given: Input
    samples: Array
    network: Network
    chip: Chip

    @property
    def signed(self) -> bool:
        return bool(self.samples.size and self.samples.min() < 0)

    @property
    def apart(self) -> bool:
        """Whether events of both signs need an axon each."""
        return self.chip.most < 2

    @property
    def kind(self) -> Literal["real", "counts"]:
        return "counts" if self.given.kind == "counts" else "real"


@dataclass(frozen=True, eq=False)
class Encoding:
    """How what a caller gives for `input` becomes the events of the network.

    Attributes:
        input: the name by which the caller gives it; shape: of one step of one sample; kind: what it is.
        signed: values, and so events, have both signs. pair: an event of -n is one of n on an axon of its own, with
            weights of the other sign: for chips whose events carry no number.
        beyond: what becomes of a value that the events do not hold.
    """

    input: str
    shape: Shape
    kind: Literal["real", "counts"]
    signed: bool = field(default=False, kw_only=True)
    pair: bool = field(default=False, kw_only=True)
    beyond: Beyond = field(default="refuse", kw_only=True)

    name: ClassVar[str]
    summary: ClassVar[str]

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Encoding:
        """The encoding of one input, its numbers chosen on samples.

        Raises:
            SnnDeployError SD611: a setting is unknown or out of its range, or the input cannot be encoded so.
        """
        raise NotImplementedError

    @property
    def parts(self) -> tuple[Plane, ...]:
        """What the events of one value are worth; signs apart only where they need axons of their own."""
        raise NotImplementedError

    @property
    def largest(self) -> int:
        """The largest event."""
        return 1

    @property
    def said(self) -> str:
        """Its settings in a few words."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """What is wrong with its settings; they may come from a file."""
        return []

    def encode(self, x: Array) -> tuple[Array, ...]:
        """Events, int64 (time, batch, *shape), per part, of `x: (time, batch, *shape)`."""
        raise NotImplementedError

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The inputs that the network has instead; see the module."""
        if not self.pair:
            return self.parts
        return tuple(Plane(p.suffix + end, sign * p.factor) for p in self.parts for end, sign in (("+", 1), ("-", -1)))

    @property
    def given(self) -> tuple[Input, ...]:
        """What the caller supplies."""
        from snndeploy.network.network import Input

        return (Input(self.input, self.shape, self.kind),)

    @property
    def made(self) -> tuple[Input, ...]:
        """The inputs of the network that it feeds."""
        from snndeploy.network.network import Input

        number: Literal["binary", "counts"] = "binary" if self.largest == 1 else "counts"
        kind: Literal["binary", "counts", "signed"] = "signed" if self.signed and not self.pair else number
        return tuple(Input(self.input + each.suffix, self.shape, kind) for each in self.planes)

    def events(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The network's inputs by name, from the caller's.

        Raises:
            SnnDeployError SD612: a value is beyond what the events hold.
        """
        x = given[self.input]
        if not self.signed and x.size and x.min() < 0:
            if self.beyond == "refuse":
                fix = f"calibrate on data with both signs, or clip: {self.name}:beyond=clip"
                raise error("SD612", f"input {self.input!r}", f"{float(x.min()):.6g} is negative", fix)
            x = np.maximum(x, 0)
        found = self.encode(x)
        if self.pair:
            found = tuple(np.maximum(sign * each, 0) for each in found for sign in (1, -1))
        return dict(zip((each.name for each in self.made), found, strict=True))

    def decode(self, events: Mapping[str, Array]) -> Array:
        """x', what the network computes with, float64."""
        parts = zip(self.made, self.planes, strict=True)
        return np.asarray(sum(plane.factor * events[each.name].astype(np.float64) for each, plane in parts))

    def applied(self, network: Network) -> Network:
        """The float network that takes the events: as many projections per projection of the input as planes.

        Raises:
            SnnDeployError SD611: the network cannot be changed so.
        """
        inputs = tuple(new for each in network.inputs for new in (self.made if each.name == self.input else (each,)))
        projections = []
        for p in network.projections:
            if p.source != self.input:
                projections.append(p)
                continue
            for each in self.planes:
                maps = p.maps if each.factor == 1 else (Scale(np.asarray(each.factor)), *p.maps)
                projections.append(replace(p, name=p.name + each.suffix, source=p.source + each.suffix, maps=maps))
        return network.with_(
            inputs=inputs, projections=tuple(projections), encodings=(*network.encodings, self), source=None
        )

    def refuse(self, what: str, fix: str) -> SnnDeployError:
        """The error that it cannot be, to be raised."""
        return refusal(self.name, self.input, what, fix)


def refusal(name: str, given: str, what: str, fix: str) -> SnnDeployError:
    """See `Encoding.refuse`."""
    return error("SD611", f"input {given!r}, encoding {name!r}", what, fix)


def grid_step(samples: Array, most: int) -> float:
    """The distance between neighbours of a grid around 0 that holds all samples in `most` steps to the largest.

    The coarsest grid on which every value lies, if there is one; else the largest value over `most`.
    """
    values = np.unique(np.abs(np.asarray(samples, np.float64)))
    top = float(values.max(initial=0.0))
    if top == 0:
        return 1.0
    # counting by the smallest value or by the smallest difference finds the grids that data come in
    least = float(min(values[values > 0].min(), np.diff(values).min(initial=np.inf)))
    for number in sorted({int(np.rint(top / least * k)) for k in range(1, 9)} | set(range(1, 256))):
        if 0 < number <= most:
            places = values * (number / top)
            if np.all(np.abs(places - np.rint(places)) <= ON_GRID * number):
                return nice(top / number)
    return top / most


def nice(step: float) -> float:
    """1/n for whole n, or a whole number, where the step is that up to rounding."""
    for whole in (float(np.rint(1 / step)), float(np.rint(step))):
        if whole and abs(step * (whole if step < 1 else 1 / whole) - 1) < ON_GRID:
            return 1 / whole if step < 1 else whole
    return step


def on_grid(x: Array, step: float, most: int, where: Encoding) -> Array:
    """round(x / step), int64.

    Raises:
        SnnDeployError SD612: a value is beyond `most` steps, and is not to be clipped.
    """
    places = np.rint(np.asarray(x, np.float64) / step)
    if where.beyond == "refuse" and places.size and np.abs(places).max() > most:
        what = f"{float(np.abs(x).max()):.6g} is beyond {step * most:.6g}, the largest that its events hold"
        fix = f"calibrate on data of the whole range, or clip: {where.name}:beyond=clip"
        raise error("SD612", f"input {where.input!r}", what, fix)
    return np.clip(places, -most, most).astype(np.int64)


def checked(name: str, given: str, known: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """`known` defaults overridden by `settings`, of the same types.

    Raises:
        SnnDeployError SD611: there is no such setting, or its value is of another type or word.
    """
    made = dict(known)
    for key, value in settings.items():
        default = known.get(key)
        if key not in known:
            raise refusal(name, given, f"it has no setting {key!r}", f"its settings: {', '.join(known) or 'none'}")
        if isinstance(default, tuple):
            if value not in default:
                raise refusal(name, given, f"{key} = {value!r}", f"choose from {', '.join(map(str, default))}")
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            raise refusal(name, given, f"{key} = {value!r} is not a number", f"{name}:{key}={default or 1:g}")
        made[key] = value
    return {key: value[0] if isinstance(value, tuple) else value for key, value in made.items()}


def steps_problems(step: float, most: int) -> list[str]:
    """What is wrong with a grid of `most` steps."""
    found = [] if 0 < step < float("inf") else [f"a step of {step!r}"]
    return found + ([] if 0 < most < 2**53 else [f"events of up to {most!r}"])
