"""The network: inputs, populations, projections. Discrete, explicit, complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from snndeploy.network.arrays import Array
from snndeploy.network.encoding import Encoding
from snndeploy.network.maps import Map, Shape, chain_shape
from snndeploy.network.registers import Format, Registers
from snndeploy.network.rule import Rule

Form = Literal["float", "integer"]
InputKind = Literal["binary", "counts", "signed", "real", "bias", "constant"]
# kinds of whole numbers other than 0 and 1
COUNTED = ("counts", "signed")
# of all inputs, or by name
InputKinds = InputKind | Mapping[str, InputKind]


@dataclass(frozen=True, eq=False)
class Input:
    """Where events come in. Its array is `(time, batch, *shape)`.

    Attributes:
        kind: "binary" 0 or 1; "counts" whole numbers >= 0; "signed" whole numbers; "real" anything finite;
            "constant" an axon that is always on: the engines supply 1 from step `onset` on, the caller nothing;
            "bias" what is added to the bias of each neuron of `population` in this sample, membrane units, the same in
            every step. It has no projections.
    """

    name: str
    shape: Shape
    kind: InputKind = "binary"
    onset: int = 0
    population: str = ""


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons with one rule. `rule` is a `Rule` in the float form and `Registers` in the integer form."""

    name: str
    shape: Shape
    rule: Rule | Registers


@dataclass(frozen=True, eq=False)
class Projection:
    """A chain of linear maps from `source` to `target`, `delay` steps late.

    A spike of step t arrives in step t + delay. `format` says how the integers are stored (integer form only).
    """

    source: str
    target: str
    maps: tuple[Map, ...]
    delay: int = 0
    receptor: int = 0
    format: Format | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", f"{self.source}->{self.target}")


@dataclass(frozen=True, eq=False)
class Decision:
    """How a batch of samples becomes class numbers: the argmax over the flattened neurons of one population.

    rule: "spike-count" (sum over time), "last-v" (last step), "max-v" (maximum over time). The lowest index wins a
    tie.
    """

    population: str
    rule: Literal["spike-count", "last-v", "max-v"] = "spike-count"


@dataclass(frozen=True)
class Source:
    """The framework module that a network was captured from; only the engines of that framework use it.

    Attributes:
        framework: "snntorch" or "norse".
        module: the captured torch module, unchanged.
        paths: population name -> path of the neuron module inside `module`.
        stepping: how the module is called from one step to the next (`frontends.stepping.Stepping`).
        constants: population name -> sums of magnitudes, float64: what the module adds up where the network has one
            constant per receptor. Its rounding is as large, however small the constant.
    """

    framework: str
    module: Any
    paths: Mapping[str, str]
    stepping: Any = None
    constants: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Network:
    """What a spiking network means. Check one with `spec.findings`; print one to read it.

    Attributes:
        dt: seconds per step.
        inputs, populations, projections: in any order; order and names never change a spike.
        outputs: names of populations.
        decision: None where the network decides nothing.
        provenance: versions and settings of where it came from, strings only, for the reader.
        source: the captured module, if there is one in this process; never written to a file.
        encodings: how what a caller has becomes the events of `inputs`; see `network.encoding`. Verbs and commands
            take what the encodings take, `engines.run` takes the events.
    """

    dt: float
    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    outputs: tuple[str, ...]
    decision: Decision | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = field(default=None, compare=False, repr=False)
    encodings: tuple[Encoding, ...] = ()

    @cached_property
    def form(self) -> Form:
        return "integer" if any(isinstance(p.rule, Registers) for p in self.populations) else "float"

    @cached_property
    def population(self) -> Mapping[str, Population]:
        """Populations by name."""
        return {each.name: each for each in self.populations}

    @cached_property
    def input(self) -> Mapping[str, Input]:
        """Inputs by name."""
        return {each.name: each for each in self.inputs}

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of every input and population by name."""
        inputs = {each.name: each.shape for each in self.inputs}
        return inputs | {each.name: each.shape for each in self.populations}

    @cached_property
    def given(self) -> tuple[Input, ...]:
        """The inputs that a caller has to supply: all but the constant ones."""
        return tuple(each for each in self.inputs if each.kind != "constant")

    @cached_property
    def _into(self) -> Mapping[str, tuple[Projection, ...]]:
        found: dict[str, list[Projection]] = {}
        for each in self.projections:
            found.setdefault(each.target, []).append(each)
        return {target: tuple(each) for target, each in found.items()}

    def into(self, target: str) -> tuple[Projection, ...]:
        """Projections that feed `target`."""
        return self._into.get(target, ())

    def shape_after(self, projection: Projection) -> Shape:
        """The shape that arrives at the target."""
        return chain_shape(projection.maps, self.shapes[projection.source])

    def with_(self, **changes: Any) -> Network:
        """A copy with some fields replaced."""
        return replace(self, **changes)

    def __str__(self) -> str:
        from snndeploy.network.table import render

        return render(self)
