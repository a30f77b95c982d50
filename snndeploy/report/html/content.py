"""What a report holds: numbers and names, nothing of how they look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snndeploy.conform.budget import Budget
from snndeploy.conform.result import Comparison
from snndeploy.conform.verification import Verification
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement import Placement


@dataclass(frozen=True, eq=False)
class Raster:
    """The spikes of one population of one sample in two runs, sorted by step.

    Attributes:
        step, row: unsigned (spikes,); row is the neuron in row-major order. kind: uint8, `conform.tiers.trains`.
        counts: spikes by kind, 0..5.
    """

    step: Array
    row: Array
    kind: Array
    counts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """One population of a pair; samples in the order of `Pair.samples`."""

    name: str
    shape: tuple[int, ...]
    neurons: int
    samples: tuple[Raster, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """The membrane of one neuron in two runs around a step, float units.

    Attributes:
        start: step of the first value. a, b: float64 (steps,). spikes_a, spikes_b: bool (steps,).
        threshold_a, threshold_b: None where there is none, or it moves.
        step: of the first difference; None where the two runs agree.
    """

    population: str
    index: tuple[int, ...]
    sample: int
    start: int
    a: Array
    b: Array
    spikes_a: Array
    spikes_b: Array
    threshold_a: float | None
    threshold_b: float | None
    step: int | None


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs side by side, on the samples that are shown.

    Attributes:
        a, b: who they are. window: steps by which a spike counts as early or late.
        first: sample (its place in `samples`) and layer (its place in `layers`) of the first difference.
        held_back: spikes of other samples, which the page does not hold.
    """

    title: str
    a: str
    b: str
    steps: int
    window: int
    samples: tuple[int, ...]
    layers: tuple[Layer, ...]
    comparison: Comparison
    curves: tuple[Curve, ...]
    first: tuple[int, int] = (0, 0)
    held_back: int = 0
    diagnosis: str = ""


@dataclass(frozen=True)
class Accuracy:
    """Right decisions of one engine, with the 95 % interval (Wilson)."""

    form: str
    engine: str
    right: int
    samples: int
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Content:
    """Everything on the page.

    Attributes:
        networks: by form, the float one first.
        verifications: of each network, in the same order.
        mesh: the cores on their mesh with the traffic between them, an SVG document.
        versions: of packages. hashes: what of what.
        notes: what a reader should know.
    """

    title: str
    networks: tuple[Network, ...]
    verifications: tuple[Verification, ...]
    pairs: tuple[Pair, ...]
    accuracies: tuple[Accuracy, ...] = ()
    budget: Budget | None = None
    placement: Placement | None = None
    mesh: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return all(each.agrees for each in self.verifications)
