"""What a diagnosis holds: where two runs part, which layer is guilty, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from snndeploy.conform.result import First

Kind = Literal[
    "tie",
    "weight",
    "decay",
    "threshold",
    "bias",
    "gain",
    "state",
    "initial state",
    "overflow",
    "reset",
    "refractory",
    "comparator",
    "order",
    "latency",
    "input",
    "wiring",
    "dt",
    "unknown",
]


@dataclass(frozen=True)
class Contribution:
    """What one source, or one term of the rule, gave to the membrane of a neuron in one step.

    Attributes:
        source: an input or a population; "" for a term of the rule itself (bias, v before, reset).
        index: of the source neuron in its shape; () for a term.
        step: in which it was emitted; 0 of a term, which stands for all its steps.
        amount: to p, units of the membrane of the trace that is explained.
        text: what it is, "spike", "bias", "decayed v", ...
    """

    source: str
    index: tuple[int, ...]
    step: int
    amount: float
    text: str = "spike"

    def __str__(self) -> str:
        where = f" of {self.source}{list(self.index)} in step {self.step}" if self.source else ""
        return f"{self.amount:+.6g}  {self.text}{where}"


@dataclass(frozen=True)
class Cause:
    """Why a layer differs: the change of its rule that explains what was recorded.

    Attributes:
        kind: its class.
        text: what was changed, in words.
        rounding: it is the difference between a number and the number that a register holds for it.
        projection: the one whose maps are changed; "" otherwise.
        index: of the number that is changed, in its own array; None where it is not one number.
        expected, found: that number by the definition, and as it must have been.
        explained, bins: bins of the layer that the change reproduces, and all of them.
        also: other changes that reproduce as many.
    """

    kind: Kind
    text: str
    rounding: bool = False
    projection: str = ""
    index: tuple[int, ...] | None = None
    expected: float | None = None
    found: float | None = None
    explained: int = 0
    bins: int = 0
    also: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"rounding of {self.kind}" if self.rounding else self.kind

    @property
    def complete(self) -> bool:
        """Every bin is explained."""
        return self.explained == self.bins

    def __str__(self) -> str:
        return f"{self.title}: {self.text} (explains {self.explained:,} of {self.bins:,} bins)"


@dataclass(frozen=True)
class Check:
    """One layer of the other run, replayed by the definition on the inputs that this run recorded.

    Attributes:
        differing: bins in which it departs from the definition by more than rounding; ties: within it.
        first: step of the first one; None where there is none.
        known: False where its inputs were not recorded, so that nothing can be said.
    """

    population: str
    bins: int
    differing: int
    ties: int = 0
    first: int | None = None
    known: bool = True


@dataclass(frozen=True)
class Diagnosis:
    """Why two runs differ. `print` shows it.

    Attributes:
        first: the first bin that differs.
        u_a, u_b: currents in that bin, units of each run; None where they were not recorded.
        guilty: the layer that departs from the definition on its own recorded inputs; None where none does (then the
            inputs differ, or all differences are ties).
        local: the first difference lies in the guilty layer; otherwise it came from there.
        trace: the run that departs from the definition.
        layers: the check of every layer.
        contributions: the largest terms of p in that bin, by the definition.
        cause: of the guilty layer. more: of other layers that are guilty as well, by name.
    """

    first: First | None
    cause: Cause
    guilty: str | None = None
    local: bool = True
    trace: Literal["", "a", "b"] = "b"
    u_a: float | None = None
    u_b: float | None = None
    layers: tuple[Check, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    more: tuple[tuple[str, Cause], ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        found = asdict(self)
        found["cause"] |= {"title": self.cause.title, "complete": self.cause.complete}
        found["more"] = [{"population": name, **asdict(cause), "title": cause.title} for name, cause in self.more]
        return found

    def __str__(self) -> str:
        lines = [] if self.first is None else [f"first difference: {self.first}"]
        if self.guilty is not None:
            way = "it differs by itself" if self.local else "the first difference came from there"
            lines.append(f"guilty: {self.guilty!r} of {self.trace or '?'}; {way}")
        lines.append(f"cause: {self.cause}")
        lines += [f"and {name!r}: {cause}" for name, cause in self.more]
        lines += [f"  {each}" for each in self.contributions]
        return "\n".join([*lines, *self.notes])
