"""What a verdict in tiers holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from snndeploy.conform.diagnosis.result import Diagnosis
from snndeploy.conform.result import Comparison
from snndeploy.conform.tiers.definition import DEFINITIONS, Tier, at_least

States = Literal["identical", "differ", "not recorded"]


@dataclass(frozen=True)
class Tolerances:
    """What the weaker tiers allow, and the scales of the distances.

    Attributes:
        jitter: steps; the largest k of the tier "jitter", and the window of early and late spikes.
        rate: share of the spikes by which the counts of a population may differ in the tier "rate".
        lag: steps; how far a constant lag is searched.
        tau: steps; the time constant of the van Rossum distance.
        near: steps; the window of the coincidence factor.
        cost: per step; what moving a spike costs in the Victor-Purpura distance (adding or removing one costs 1).
    """

    jitter: int = 3
    rate: float = 0.05
    lag: int = 16
    tau: float = 10.0
    cost: float = 0.1
    near: int = 1


@dataclass(frozen=True)
class Layer:
    """One population of a verdict. A train is one neuron in one sample.

    Attributes:
        tier: the strongest that this population alone satisfies.
        lag: steps by which b is late (< 0: a is); None where no constant lag fits, or it is not unique (silence).
        predicted: the lag that the network's form predicts if b takes `Verdict.cost` steps per projection; None where
            there is no constant lag.
        jitter: the least k of the tier "jitter"; None where some train has other numbers of spikes.
        rate: sum of |n_a - n_b| over trains / sum of max(n_a, n_b); 0 where both are silent.
        spikes_a, spikes_b: spikes in all bins.
        matched, early, late: spikes of a with a partner in b in the same step; up to `Tolerances.jitter` steps before
            it (b is early), or after it (b is late). missing: spikes of a without one; extra: of b.
        states: of u and v.
        van_rossum, victor_purpura, coincidence: means over the trains with a spike; see `distances`. 0, 0, 1 where all
            spikes are equal; coincidence is None where all trains are too dense for it.
    """

    population: str
    tier: Tier
    lag: int | None
    predicted: int | None
    jitter: int | None
    rate: float
    spikes_a: int
    spikes_b: int
    matched: int = 0
    early: int = 0
    late: int = 0
    missing: int = 0
    extra: int = 0
    states: States = "not recorded"
    van_rossum: float = 0.0
    victor_purpura: float = 0.0
    coincidence: float | None = 1.0


@dataclass(frozen=True)
class Decided:
    """The decisions of both runs.

    Attributes:
        samples, same: how many there are, and how many are decided alike; interval: 95 % (Wilson) of that share.
        right_a, right_b: decided as labelled; None without labels. interval_a, interval_b: 95 % (Wilson) of the share.
        only_a, only_b: samples that only a, only b has right.
        p: exact two-sided p-value (McNemar) that both are equally often right.
    """

    samples: int
    same: int
    interval: tuple[float, float]
    right_a: int | None = None
    right_b: int | None = None
    interval_a: tuple[float, float] | None = None
    interval_b: tuple[float, float] | None = None
    only_a: int | None = None
    only_b: int | None = None
    p: float | None = None

    def __str__(self) -> str:
        text = f"decisions: {self.same:,} of {self.samples:,} alike"
        if self.right_a is None or self.right_b is None or self.p is None:
            return text
        shares = f"right: {self.right_a / self.samples:.2%} and {self.right_b / self.samples:.2%}"
        return f"{text}; {shares}, McNemar p = {self.p:.3g}"


@dataclass(frozen=True)
class Verdict:
    """Two runs of one network on one input, in tiers. `print` shows a row per population.

    Attributes:
        a, b: who computed them.
        tier: the strongest that all populations satisfy ("decision" looks at decisions alone).
        layers: one per population that both recorded, in the order of update.
        cost: steps per projection that the lags of all layers show; None where there is no lag, or no such number.
        decided: None where the network decides nothing, or its decision was not recorded.
        comparison: the same two runs bin by bin, with ties, the first difference and the first fault.
        diagnosis: why they differ; None where they do not, or nobody asked.
        tolerances: what "jitter" and "rate" were measured with.
    """

    a: str
    b: str
    tier: Tier
    layers: tuple[Layer, ...]
    cost: int | None
    decided: Decided | None
    comparison: Comparison
    diagnosis: Diagnosis | None = None
    tolerances: Tolerances = Tolerances()
    notes: tuple[str, ...] = ()

    @property
    def jitter(self) -> int | None:
        """The least k of the tier "jitter"; None where some train has other numbers of spikes."""
        found = [each.jitter for each in self.layers]
        known = [k for k in found if k is not None]
        return max(known, default=0) if len(known) == len(found) else None

    def holds(self, required: Tier) -> bool:
        """Is the verdict as strong as `required`, or stronger?"""
        return at_least(self.tier, required)

    @property
    def said(self) -> str:
        """The tier, with its number."""
        if self.tier == "ties":
            return self.comparison.verdict
        if self.tier == "lag":
            lags = sorted({each.lag for each in self.layers if each.lag is not None})
            return f"identical up to a lag of {', '.join(map(str, lags))} steps"
        return f"jitter of at most {self.jitter} steps" if self.tier == "jitter" else self.tier

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "tier": self.tier,
            "said": self.said,
            "definition": DEFINITIONS[self.tier],
            "jitter": self.jitter,
            "cost": self.cost,
            "layers": [asdict(each) for each in self.layers],
            "decided": None if self.decided is None else asdict(self.decided),
            "comparison": self.comparison.as_dict(),
            "diagnosis": None if self.diagnosis is None else self.diagnosis.as_dict(),
            "tolerances": asdict(self.tolerances),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        head = ("population", "tier", "spikes a", "spikes b", "early", "late", "missing", "extra", "rate", "lag", "Γ")
        rows: list[tuple[str, ...]] = [head]
        for r in self.layers:
            counts = (f"{n:,}" for n in (r.spikes_a, r.spikes_b, r.early, r.late, r.missing, r.extra))
            lag = "-" if r.lag is None else str(r.lag)
            gamma = "-" if r.coincidence is None else f"{r.coincidence:.3f}"
            rows.append((r.population, r.tier, *counts, f"{r.rate:.2g}", lag, gamma))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"{self.said}: a = {self.a}, b = {self.b}"]
        for row in rows:
            lines.append(
                "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            )
        if self.decided is not None:
            lines.append(str(self.decided))
        if self.diagnosis is not None:
            lines.append(str(self.diagnosis))
        return "\n".join([*lines, *self.notes])
