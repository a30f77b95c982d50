"""What a comparison found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Lag = int | Mapping[str, int]


@dataclass(frozen=True)
class First:
    """One bin, the first of its kind: by step, then in the order in which the network updates its populations.

    Attributes:
        what: which recording differs.
        index: of the neuron in the population's shape.
        v_a, v_b: stored membranes at the end of the step, float units; None where they were not recorded.
        margin: p - θ of the definition in this bin, driven by what `a` recorded as input, in float units; None where
            that was not recorded, or the population has no threshold.
        bound: by how much the arithmetic of the two engines may move this margin; None where nothing was proven.
        tie: |margin| <= bound, so that both decisions are right in their own arithmetic.
        trace: the trace that departs from the definition, where that is known.
    """

    step: int
    population: str
    index: tuple[int, ...]
    batch: int
    what: Literal["spikes", "u", "v"] = "spikes"
    spike_a: bool | None = None
    spike_b: bool | None = None
    v_a: float | None = None
    v_b: float | None = None
    margin: float | None = None
    bound: float | None = None
    tie: bool = False
    trace: Literal["", "a", "b"] = ""

    def __str__(self) -> str:
        place = f"step {self.step}, {self.population}{list(self.index)}, sample {self.batch}"
        text = f"{place}: {self.what}"
        if self.spike_a is not None and self.spike_b is not None:
            text += f", spike {int(self.spike_a)} | {int(self.spike_b)}"
        if self.v_a is not None or self.v_b is not None:
            text += f", v {_number(self.v_a)} | {_number(self.v_b)}"
        if self.margin is not None:
            text += f", p - θ = {self.margin:.3g}"
        if self.bound is not None:
            text += f" (rounding bound {self.bound:.3g}: {'a tie' if self.tie else 'not a tie'})"
        return text


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.9g}"


@dataclass(frozen=True)
class Row:
    """One population of the table.

    Attributes:
        bins: how many (step, sample, neuron) were compared.
        spikes_a, spikes_b: spikes in them.
        differing: bins in which any compared recording differs.
        ties: bins in which a decision differs from the definition's on the same inputs, within the rounding bound.
        faults: such bins beyond the bound.
        max_dv: max |v_a - v_b|, float units; None where v was not recorded in both.
        bound: median over bins of rounding bound / |θ| (rounding bound where θ is 0), of the coarser trace; None where
            nothing had to be proven.
    """

    population: str
    bins: int
    spikes_a: int
    spikes_b: int
    differing: int
    ties: int = 0
    faults: int = 0
    max_dv: float | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Two traces compared; `print` shows it as a table.

    Attributes:
        a, b: who computed them.
        identical: every compared bin is equal: spikes; u and v too where both are integer.
        agrees: identical, or identical but for proven ties.
        first: the first difference, tie or not; None if there is none.
        fault: the first bin that is proven to be wrong; None if there is none, or nothing could be proven.
        lag: steps by which b is late against a; per population where both are in their engines' own time.
        table: a row per population, in the order of update.
        notes: what a reader should know.
    """

    a: str
    b: str
    identical: bool
    agrees: bool
    first: First | None
    fault: First | None
    lag: Lag
    table: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def ties(self) -> int:
        return sum(row.ties for row in self.table)

    @property
    def verdict(self) -> str:
        """ "identical", "identical but for N proven ties" or "different"."""
        if self.identical:
            return "identical"
        if not self.agrees:
            return "different"
        return f"identical but for {self.ties} proven tie{'s' if self.ties != 1 else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        lag = self.lag if isinstance(self.lag, int) else dict(self.lag)
        return {
            "a": self.a,
            "b": self.b,
            "verdict": self.verdict,
            "identical": self.identical,
            "agrees": self.agrees,
            "ties": self.ties,
            "lag": lag,
            "first": None if self.first is None else _plain(self.first),
            "fault": None if self.fault is None else _plain(self.fault),
            "table": [asdict(row) for row in self.table],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        head = ("population", "bins", "spikes a", "spikes b", "differing", "ties", "max |Δv|", "bound/θ")
        rows: list[tuple[str, ...]] = [head]
        for r in self.table:
            counts = (f"{n:,}" for n in (r.bins, r.spikes_a, r.spikes_b, r.differing, r.ties))
            rest = ("-" if x is None else f"{x:.2g}" for x in (r.max_dv, r.bound))
            rows.append((r.population, *counts, *rest))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"{self.verdict}: a = {self.a}, b = {self.b}"]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            lines.append("  ".join(cells))
        if self.lag != 0:
            lines.append(f"lag of b: {self.lag if isinstance(self.lag, int) else dict(self.lag)}")
        if self.first is not None:
            lines.append(f"first difference: {self.first}")
        if self.fault is not None and self.fault != self.first:
            lines.append(f"first that is wrong, in {self.fault.trace}: {self.fault}")
        return "\n".join([*lines, *self.notes])


def _plain(first: First) -> dict[str, Any]:
    return asdict(first) | {"index": list(first.index)}
