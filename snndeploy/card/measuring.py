"""One network on many samples: its decisions, and how often each neuron spikes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.card.samples import Split, first_of
from snndeploy.conform.statistics import mcnemar, wilson
from snndeploy.encoding import events
from snndeploy.engines import run
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

# neuron-steps that are run at a time
CHUNK = 2**26
Progress = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Measured:
    """Attributes:
    engine, dtype: who computed it, in which arithmetic.
    decisions, labels: int64 (samples,).
    margins: spikes by which the class won over the next one, int64 (samples,); None: it is not spikes that decide.
    spikes: of each neuron over all samples and steps, int64 (neurons,), by population.
    """

    engine: str
    dtype: str
    steps: int
    decisions: Array
    labels: Array
    margins: Array | None
    spikes: Mapping[str, Array]
    seconds: float

    @property
    def samples(self) -> int:
        return len(self.decisions)

    def rates(self) -> dict[str, float]:
        """Spikes per step and neuron."""
        bins = self.steps * self.samples
        return {name: float(each.mean()) / bins for name, each in self.spikes.items()}

    def silent(self) -> dict[str, int]:
        """Neurons that never spike."""
        return {name: int(np.sum(each == 0)) for name, each in self.spikes.items()}

    def about(self) -> dict[str, Any]:
        """Accuracy with its interval, rates and silent neurons, for JSON."""
        right = int((self.decisions == self.labels).sum())
        return {
            "engine": self.engine,
            "arithmetic": self.dtype,
            "samples": self.samples,
            "right": right,
            "accuracy": right / self.samples,
            "interval": list(wilson(right, self.samples)),
            "rates": self.rates(),
            "spikes_per_sample": sum(int(each.sum()) for each in self.spikes.values()) / self.samples,
            "silent": self.silent(),
        }


def measured(network: Network, samples: Split, told: Progress, engine: str = "torch") -> Measured:
    """Runs all samples, some at a time. `told`: called with (samples done, samples in all)."""
    begun, count = time.perf_counter(), len(samples)
    steps = len(first_of(samples.first(1)))
    size = max(1, CHUNK // (steps * sum(int(np.prod(shape)) for shape in network.shapes.values())))
    scored: list[Array] = []
    right: list[Array] = []
    spikes: dict[str, Array] = {}
    for start in range(0, count, size):
        told(start, count)
        some, labels = samples.block(start, start + size)
        trace = run(network, events(network, some) if network.encodings else some, engine)
        scored.append(trace.scores())
        right.append(labels)
        for name, each in trace.spikes.items():
            now = each.sum(axis=(0, 1), dtype=np.int64).reshape(-1)
            spikes[name] = spikes[name] + now if name in spikes else now
    seconds = time.perf_counter() - begun
    scores = np.concatenate(scored)
    best = np.sort(scores, axis=1)[:, -2:]
    counted = np.issubdtype(scores.dtype, np.integer) and scores.shape[1] > 1
    margins = best[:, 1] - best[:, 0] if counted else None
    classes = scores.argmax(axis=1), np.concatenate(right)
    return Measured(trace.engine, trace.dtype, steps, *classes, margins, spikes, seconds)


def kept(wanted: Measured, got: Measured) -> dict[str, Any]:
    """What the second network keeps of the first one's decisions: a share, and which samples changed."""
    same = wanted.decisions == got.decisions
    a, b = wanted.decisions == wanted.labels, got.decisions == wanted.labels
    return {
        "kept": float(same.mean()),
        "kept_interval": list(wilson(int(same.sum()), len(same))),
        "changed": int((~same).sum()),
        "lost": int((a & ~b).sum()),
        "won": int((~a & b).sum()),
        "wrong_both_ways": int((~same & ~a & ~b).sum()),
        "mcnemar": mcnemar(a, b),
        "margin": _margin(wanted.margins, ~same),
    }


def _margin(margins: Array | None, changed: Array) -> dict[str, Any] | None:
    """The most spikes that a changed decision had been won by, and the share of all that were won by no more."""
    if margins is None or not changed.any():
        return None
    most = int(margins[changed].max())
    return {"most": most, "share": float(np.mean(margins <= most))}
