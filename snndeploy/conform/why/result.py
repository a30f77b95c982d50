"""What `why` found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

from snndeploy.conform.diagnosis.result import Contribution

# terms of the rule that rounding makes, integers only
ROUNDINGS = (
    "truncated decay of u",
    "truncated decay of v",
    "bits that a weight exponent drops",
    "u wraps",
    "v saturates",
)
SHOWN = 12


@dataclass(frozen=True)
class Why:
    """The membrane of one neuron in one step, as a sum. `print` shows the largest terms.

    Attributes:
        spike: what was recorded; None of a population that emits v.
        p, theta: candidate and threshold (state units of integers); theta is None without threshold.
        terms: everything that makes p, largest first: one term per event that arrived (through the filters of u and v),
            and one per kind of term of the rule itself: bias, constant, first states, resets, floors, roundings.
        because: the same of the source neurons whose spikes contributed most.
        own: the decision of the definition on these inputs, where it is not the recorded one: a tie, or a fault.
    """

    population: str
    index: tuple[int, ...]
    step: int
    sample: int
    spike: bool | None
    p: float
    theta: float | None
    terms: tuple[Contribution, ...]
    because: tuple[Why, ...] = ()
    own: bool | None = None

    @property
    def margin(self) -> float | None:
        return None if self.theta is None else self.p - self.theta

    @property
    def total(self) -> float:
        """The sum of all terms, which is p."""
        return fsum(each.amount for each in self.terms)

    @property
    def rounding(self) -> float:
        """What roundings contributed, all together; 0 of floats."""
        return fsum(each.amount for each in self.terms if each.text in ROUNDINGS)

    @property
    def sources(self) -> dict[tuple[str, tuple[int, ...]], float]:
        """By source neuron, all its events together; largest first."""
        sums: dict[tuple[str, tuple[int, ...]], list[float]] = {}
        for each in self.terms:
            if each.source:
                sums.setdefault((each.source, each.index), []).append(each.amount)
        found = {name: fsum(amounts) for name, amounts in sums.items()}
        return dict(sorted(found.items(), key=lambda one: -abs(one[1])))

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        return {
            "population": self.population,
            "index": list(self.index),
            "step": self.step,
            "sample": self.sample,
            "spike": self.spike,
            "p": self.p,
            "theta": self.theta,
            "margin": self.margin,
            "rounding": self.rounding,
            "own": self.own,
            "terms": [asdict(each) for each in self.terms],
            "sources": [{"source": s, "index": list(i), "amount": a} for (s, i), a in self.sources.items()],
            "because": [each.as_dict() for each in self.because],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, indent: str) -> list[str]:
        did = "emits" if self.spike is None else "spikes" if self.spike else "does not spike"
        level = "" if self.theta is None else f", θ = {self.theta:.6g}, p - θ = {self.margin:.6g}"
        lines = [
            f"{self.population}{list(self.index)} {did} in step {self.step}, sample {self.sample}: "
            f"p = {self.p:.6g}{level}"
        ]
        if self.own is not None:
            lines.append("  the definition decides otherwise on these inputs: a tie, or a fault (see diagnose)")
        lines += [f"  {each}" for each in self.terms[:SHOWN]]
        rest = self.terms[SHOWN:]
        if rest:
            lines.append(f"  {fsum(each.amount for each in rest):+.6g}  {len(rest)} more terms")
        if self.rounding:
            lines.append(f"  of this, roundings: {self.rounding:+.6g}")
        lines = [indent + line for line in lines]
        for each in self.because:
            lines += each._lines(indent + "    ")
        return lines
