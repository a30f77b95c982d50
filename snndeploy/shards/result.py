"""What a run over a data set found, all shards together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snndeploy.network.arrays import Array


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One engine on one data set.

    Attributes:
        engine, dtype: who computed it, in which arithmetic; as `Trace` has them.
        spikes: how many, by population, over all samples and steps.
        decisions: int64 (samples,), class of each sample in order; None where the network decides nothing.
        labels: int64 (samples,); None where there are none.
        latency, notes, converted: as `Trace` has them.
        shards: how many there were; resumed: how many of them an earlier run had finished.
        output: the file that was written.
    """

    engine: str
    dtype: str
    steps: int
    samples: int
    spikes: Mapping[str, int]
    decisions: Array | None = None
    labels: Array | None = None
    latency: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    converted: bool = False
    shards: int = 1
    resumed: int = 0
    output: Path | None = None

    @property
    def right(self) -> int | None:
        """How many samples are decided as their labels say."""
        if self.decisions is None or self.labels is None:
            return None
        return int((self.decisions == self.labels).sum())

    @property
    def accuracy(self) -> float | None:
        return None if self.right is None else self.right / self.samples

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of the accuracy."""
        from snndeploy.conform.statistics import wilson

        return None if self.right is None else wilson(self.right, self.samples)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        found: dict[str, Any] = {
            "engine": self.engine,
            "arithmetic": self.dtype,
            "steps": self.steps,
            "samples": self.samples,
            "latency": dict(self.latency),
            "spikes": dict(self.spikes),
            "notes": list(self.notes),
            "shards": self.shards,
            "resumed": self.resumed,
        }
        if self.decisions is not None:
            found["decisions"] = self.decisions.tolist()
        if self.right is not None:
            found |= {"right": self.right, "accuracy": self.accuracy, "interval": self.interval}
        return found

    def __str__(self) -> str:
        head = f"{self.engine}: {self.samples:,} samples of {self.steps:,} steps"
        lines = [head, *(f"{name}: {count:,} spikes" for name, count in self.spikes.items())]
        if self.interval is not None:
            low, high = self.interval
            lines.append(
                f"accuracy: {self.accuracy:.2%} ({self.right:,} of {self.samples:,}; 95 %: {low:.1%} to {high:.1%})"
            )
        return "\n".join([*lines, *self.notes])
