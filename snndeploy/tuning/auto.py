"""`auto`: the method that keeps most spikes within a budget of cores, found by a plain search and explained.

First every layout with every kind of scale, rounded by "adaptive"; then the best few again, rounded by "membranes" and
"spike-flip". Each is scored by the cosine of the rasters on samples that it was not chosen by: the calibration is cut
in two halves, each scores what the other has chosen. Of all that come within `CLOSE` of the best, the cheapest is taken
(cores, synapses, axons) and quantised once more with the whole calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.quantize.convert import Study, integers, study
from snndeploy.quantize.methods import JOINT, find
from snndeploy.targets import Target
from snndeploy.tuning.score import Score, float_run, scored
from snndeploy.tuning.table import table

SINGLE = (
    "adaptive",
    "signs",
    "bands",
    "per-neuron",
    "per-neuron+signs",
    "per-neuron+bands",
)
DOUBLE = ("split", "per-neuron+split")
ROUNDINGS = ("membranes", "spike-flip")
# how many of the first round are rounded again
FINER = 2
CLOSE = 0.005
FEWEST = 4

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Auto:
    """The network that was chosen, everything that was tried, and why."""

    network: Network
    method: str
    tried: tuple[Score, ...]
    why: str

    def __str__(self) -> str:
        return f"{table(self.tried)}\n{self.method}: {self.why}"

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return {"method": self.method, "why": self.why, "tried": [each.as_dict() for each in self.tried]}


def auto(
    network: Network,
    target: Target,
    calibration: Any,
    cores: int | None = None,
    synapses: int = 2,
    progress: Progress | None = None,
) -> Auto:
    """See the module.

    Args:
        cores: the most that the network may take; None: those of one chip.
        synapses: per weight, 1 or 2.

    Raises:
        SnnDeployError SD606: no calibration. SD610: nothing fits the budget; the cheapest is named. SD6xx: as
            `quantize`.
    """
    if calibration is None:
        raise error("SD606", "method 'auto'", "it compares methods on calibration spikes", "give calibration=...")
    if synapses not in (1, 2) or (cores is not None and cores < 1):
        what = f"synapses = {synapses}, cores = {cores}"
        raise error("SD609", "method 'auto'", what, "synapses per weight are 1 or 2, cores at least 1")
    most = target.chip.cores.value if cores is None else cores
    whole = study(network, target, calibration)
    folds = _folds(network, target, whole)
    first = SINGLE + (DOUBLE if synapses == 2 else ())
    total = len(first) + FINER * len(ROUNDINGS)
    tried: dict[str, Score] = {}

    def attempt(method: str) -> None:
        if progress is not None:
            progress(len(tried), total, method)
        tried[method] = _attempt(method, folds)

    for method in first:
        attempt(method)
    ranked = sorted(_within(tried, most), key=lambda s: -s.cosine)
    for method in [each.method for each in ranked[:FINER]]:
        for rounding in ROUNDINGS:
            attempt(method + JOINT + rounding)
    fitting = _within(tried, most)
    if not fitting:
        made = [each for each in tried.values() if not each.refused]
        if not made:
            raise error("SD610", "method 'auto'", next(iter(tried.values())).refused, "see `snndeploy lint`")
        least = min(made, key=lambda s: s.cores)
        what = f"the cheapest, {least.method}, takes {least.cores:,} cores of {target.name}, {most:,} are allowed"
        raise error("SD610", "method 'auto'", what, "allow more cores, or prune weights")
    best = max(fitting, key=lambda s: s.cosine)
    close = [each for each in fitting if each.cosine >= best.cosine - CLOSE]
    taken = min(close, key=lambda s: (s.cores, s.synapses, s.axons, -s.cosine))
    why = f"raster cosine {taken.cosine:.3f} on held-out halves of the calibration"
    if taken is not best:
        why += f", within {CLOSE:g} of the best ({best.method}, {best.cosine:.3f}) and cheaper"
    why += f"; {taken.cores:,} of {most:,} cores"
    made_of = integers(whole, find(taken.method))
    provenance = {**made_of.provenance, "method": f"auto: {taken.method}"}
    return Auto(made_of.with_(provenance=provenance), taken.method, tuple(tried.values()), why)


Fold = tuple[Study, Any]


def _folds(network: Network, target: Target, whole: Study) -> list[Fold]:
    """(study of one half, float run of the other); few samples score themselves."""
    assert whole.inputs is not None
    given = {each.name: whole.inputs[each.name] for each in network.given}
    batch = next(iter(given.values())).shape[1]
    if batch < FEWEST:
        return [(whole, float_run(network, given))]
    halves = [_part(given, np.arange(batch) % 2 == k) for k in (0, 1)]
    studies = [study(network, target, half) for half in halves]
    return [(studies[k], float_run(network, halves[1 - k])) for k in (0, 1)]


def _part(given: Mapping[str, Array], which: Array) -> dict[str, Array]:
    return {name: array[:, which] for name, array in given.items()}


def _attempt(method: str, folds: list[Fold]) -> Score:
    """The mean over the folds."""
    found: list[Score] = []
    for about, teacher in folds:
        each, made = scored(about, method, teacher)
        if made is None:
            return each
        found.append(each)
    kept = [each.kept for each in found if each.kept is not None]
    return replace(
        found[0],
        samples=sum(each.samples for each in found),
        cosine=float(np.mean([each.cosine for each in found])),
        cosines={n: float(np.mean([each.cosines[n] for each in found])) for n in found[0].cosines},
        kept=float(np.mean(kept)) if kept else None,
        cores=max(each.cores for each in found),
        synapses=max(each.synapses for each in found),
        axons=max(each.axons for each in found),
        seconds=round(sum(each.seconds for each in found), 2),
    )


def _within(tried: Mapping[str, Score], most: int) -> list[Score]:
    return [each for each in tried.values() if not each.refused and each.cores <= most]
