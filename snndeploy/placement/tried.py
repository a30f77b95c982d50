"""What is tried to make a network fit, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from snndeploy.errors import Finding
from snndeploy.network.network import Network
from snndeploy.placement.plan import Placement
from snndeploy.targets import Target

Make = Callable[[], Network | None]
# weights that move less than this share of their norm are taken for a small change where nothing is run
SMALL = 0.1


@dataclass(frozen=True, eq=False)
class Change:
    """Something to try.

    Attributes:
        kind: "exact": the same integers; "chip": on another chip; "quantised": there, from the float form; "rounded":
            other weights, no training needed to try it; "retrain": it computes something else and has to be trained so.
        make: the network; None where there is nothing to change.
    """

    title: str
    kind: str
    make: Make
    target: Target
    note: str = ""


@dataclass(frozen=True, eq=False)
class Tried:
    """A change that was made.

    Attributes:
        network, plan: None where it does not fit; refused says why.
        weights: |w' - w| / |w| over the projections that changed.
        spikes: bins of the outputs that differ, as a share of the spikes before; kept: share of decisions that stay;
            accuracy: with labels. None where nothing was run.
    """

    title: str
    kind: str
    target: str
    network: Network | None = None
    plan: Placement | None = None
    refused: str = ""
    note: str = ""
    weights: float = 0.0
    spikes: float | None = None
    kept: float | None = None
    accuracy: float | None = None
    seconds: float = 0.0

    @property
    def cost(self) -> tuple[Any, ...]:
        """What sorts the cheapest first: it fits; on one chip; small changes, other chips, others, training; cores."""
        chips, cores = (self.plan.chips, len(self.plan.cores)) if self.plan else (0, 0)
        small = self.kept >= 0.99 if self.kept is not None else self.weights <= SMALL
        step = {"exact": 0, "chip": 2, "quantised": 2, "rounded": 1 if small else 3, "retrain": 4}[self.kind]
        return (self.plan is None, chips, step, -(self.kept or 0), self.weights, cores)

    def less_than(self, other: Tried) -> bool:
        """Fewer chips, or fewer cores on as many; anything is less than what does not fit."""
        if self.plan is None or other.plan is None:
            return self.plan is not None
        return (self.plan.chips, len(self.plan.cores)) < (other.plan.chips, len(other.plan.cores))

    def as_dict(self) -> dict[str, Any]:
        return {
            "change": self.title,
            "exact": self.kind in ("exact", "chip"),
            "training": self.kind == "retrain",
            "target": self.target,
            "fits": self.plan is not None,
            "cores": None if self.plan is None else len(self.plan.cores),
            "chips": None if self.plan is None else self.plan.chips,
            "weights_moved": self.weights,
            "spikes_moved": self.spikes,
            "decisions_kept": self.kept,
            "accuracy": self.accuracy,
            "refused": self.refused,
            "note": self.note,
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True, eq=False)
class Advice:
    """Changes, cheapest first.

    Attributes:
        findings: why it does not fit as it is, or does not fit on one chip.
        as_is: the network itself. samples: that were run; 0: none.
        untried: what there was no time for.
    """

    target: str
    findings: tuple[Finding, ...]
    as_is: Tried
    tried: tuple[Tried, ...]
    untried: tuple[str, ...] = ()
    samples: int = 0
    seconds: float = 0.0

    @property
    def best(self) -> Tried | None:
        """The cheapest change that makes it fit; on one chip, if one does."""
        return next((each for each in self.tried if each.plan is not None), None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "findings": [each.as_dict() for each in self.findings],
            "as_it_is": self.as_is.as_dict(),
            "tried": [each.as_dict() for each in self.tried],
            "untried": list(self.untried),
            "samples": self.samples,
            "seconds": round(self.seconds, 2),
        }

    def __str__(self) -> str:
        from snndeploy.placement.advice_text import text

        return text(self)
