"""What an error budget says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One network between the float network and its integer form, against the float network.

    Attributes:
        parts: what of the integer form it has.
        correct, samples: right decisions; correct is None without labels.
        wilson: 95 % interval of the accuracy, None without labels.
        kept: samples decided as in floating point; None where the network decides nothing.
        cosine: of the rasters of all populations, 1 where every spike is in its place.
        moved: bins (step, sample, neuron) that differ.
        first: (step, sample, population, index of the neuron) of the first spike that moved, None if none did.
    """

    parts: tuple[str, ...]
    samples: int
    correct: int | None
    wilson: tuple[float, float] | None
    kept: int | None
    cosine: float
    moved: int
    first: tuple[int, int, str, tuple[int, ...]] | None

    @property
    def accuracy(self) -> float | None:
        return None if self.correct is None else self.correct / self.samples


@dataclass(frozen=True)
class Budget:
    """The parts of quantising, each alone and each left out; `print` shows a table.

    Attributes:
        floating, whole: the float network, and its integer form as an engine runs it.
        alone: by part, the float network with this part of the integer form; without: with all other parts.
        discretisation: the float network with exact decays, exp(-dt/tau), where it stands for continuous time.
        notes: what does not apply to this network.
    """

    floating: Entry
    whole: Entry
    alone: Mapping[str, Entry]
    without: Mapping[str, Entry]
    discretisation: Entry | None = None
    notes: tuple[str, ...] = ()

    @property
    def interaction(self) -> dict[str, float]:
        """What the parts do together beyond the sum of what each does alone: bins moved, cosine lost, decisions lost,
        and accuracy lost, the latter two as shares of the samples and only where they are known."""
        found = {
            "moved": float(self.whole.moved - sum(e.moved for e in self.alone.values())),
            "cosine": (1 - self.whole.cosine) - sum(1 - e.cosine for e in self.alone.values()),
        }
        samples = self.floating.samples
        if self.whole.kept is not None:
            lost = [samples - (e.kept or 0) for e in self.alone.values()]
            found["decisions"] = (samples - self.whole.kept - sum(lost)) / samples
        if self.whole.correct is not None and self.floating.correct is not None:
            lost = [self.floating.correct - (e.correct or 0) for e in self.alone.values()]
            found["accuracy"] = (self.floating.correct - self.whole.correct - sum(lost)) / samples
        return found

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        return {
            "floating": _plain(self.floating),
            "whole": _plain(self.whole),
            "alone": {part: _plain(e) for part, e in self.alone.items()},
            "without": {part: _plain(e) for part, e in self.without.items()},
            "discretisation": None if self.discretisation is None else _plain(self.discretisation),
            "interaction": self.interaction,
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2)

    def plot(self, path: str | Path) -> None:
        """Writes a PNG: per part, what it costs alone and what leaving it out gains.

        Raises:
            SnnDeployError SD802: the file cannot be written there.
        """
        from snndeploy.conform.budget.picture import draw

        draw(self, path)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("", "accuracy", "95 %", "kept", "cosine", "bins moved", "first")]
        rows.append(("float", *_cells(self.floating)))
        if self.discretisation is not None:
            rows.append(("exact decays", *_cells(self.discretisation)))
        rows += [(f"only {part}", *_cells(e)) for part, e in self.alone.items()]
        rows += [(f"all but {part}", *_cells(e)) for part, e in self.without.items()]
        rows.append(("integers", *_cells(self.whole)))
        beyond = self.interaction
        shares = [f"{beyond[k]:+.2%}" if k in beyond else "-" for k in ("accuracy", "decisions")]
        rows.append(
            ("interaction", shares[0], "", shares[1], f"{beyond['cosine']:+.4f}", f"{beyond['moved']:+,.0f}", "")
        )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            cells = [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:-1], widths[1:-1], strict=True)),
                row[-1],
            ]
            lines.append("  ".join(cells).rstrip())
        said = f"{self.floating.samples:,} samples; interaction: what is lost beyond the sum of the parts alone"
        return "\n".join([*lines, said, *self.notes])


def _plain(entry: Entry) -> dict[str, Any]:
    first = entry.first
    place = None
    if first is not None:
        place = {"step": first[0], "sample": first[1], "population": first[2], "index": list(first[3])}
    return {**asdict(entry), "accuracy": entry.accuracy, "parts": list(entry.parts), "first": place}


def _cells(entry: Entry) -> tuple[str, ...]:
    accuracy = "-" if entry.accuracy is None else f"{entry.accuracy:.2%}"
    interval = "-" if entry.wilson is None else f"{entry.wilson[0]:.1%}..{entry.wilson[1]:.1%}"
    kept = "-" if entry.kept is None else f"{entry.kept / entry.samples:.2%}"
    first = "-"
    if entry.first is not None:
        step, sample, name, index = entry.first
        first = f"step {step}, {name}{list(index)}, sample {sample}"
    return accuracy, interval, kept, f"{entry.cosine:.4f}", f"{entry.moved:,}", first
