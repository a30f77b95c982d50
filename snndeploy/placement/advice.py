"""What makes a network fit, or fit on fewer cores: changes that are made, placed and, with data, run.

Nothing is guessed: a row of the table is a network that exists. Splitting the inputs of a neuron over two populations
is not among them: these would spike by themselves, a step earlier: another network, which has to be trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy import targets
from snndeploy.engines import Trace
from snndeploy.engines import run as run_on_engine
from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement import changes
from snndeploy.placement.place import place
from snndeploy.placement.suggestions import changes_of
from snndeploy.placement.tried import Advice, Change, Tried
from snndeploy.quantize import quantize
from snndeploy.targets import Target

Progress = Callable[..., None]
# seconds of one placement, beyond which changes are placed by the strategy that was best for the network itself
SLOW = 2.0


def advise(
    network: Network,
    target: str | Target,
    data: Any = None,
    labels: Array | None = None,
    *,
    calibration: Any = None,
    seconds: float = 60.0,
    progress: Progress | None = None,
    **arranging: Any,
) -> Advice:
    """Tries what may make a network fit, or need fewer cores; see the module.

    Args:
        network: in the integer form; or in the float form, which is quantised first, and is what is compared with
            where that is refused.
        data: (time, batch, *shape) input, as for `engines.run`: every change is run on it and compared.
        labels: class of each sample (batch,), for accuracies.
        calibration: input from which a float network is quantised; None: `data`.
        seconds: no change is begun so long after the first; the one at work is finished.
        progress: called with (done, in all, what is being tried).
        arranging: as for `place`.

    Raises:
        SnnDeployError SD1xx: the data or the labels do not fit. SD6xx: the network has no integer form on any target.
    """
    chip = targets.load(target)
    spec.check(network)
    begun = time.perf_counter()
    told = progress or (lambda done, total, text=None: None)
    study = Study(network, chip, calibration if calibration is not None else data, {"arrange": "rows", **arranging})
    told(0, 0, "as it is")
    as_is, found = study.as_is()
    network = as_is.network or network
    before = None if data is None else run_on_engine(network, data, "torch")
    _check_labels(network, before, labels)
    if before is not None:
        as_is = replace(as_is, spikes=0.0, **decided(before, before, labels))
    made: list[Tried] = []
    untried: list[str] = []
    options = list(changes_of(network, chip, found, as_is.plan))
    if as_is.plan is not None and as_is.seconds > SLOW:
        study = replace(study, arranging={**study.arranging, "strategy": as_is.plan.strategy})
    since = time.perf_counter()
    for number, change in enumerate(options):
        if time.perf_counter() - since > seconds:
            untried.append(change.title)
            continue
        told(number, len(options), change.title)
        tried = study.tried(network, change, before, labels)
        if tried is not None:
            made.append(tried)
    told(len(options), len(options), "done")
    made.sort(key=lambda each: (each.plan is None, not each.less_than(as_is), each.cost))
    samples = 0 if before is None else before.batch
    spent = time.perf_counter() - begun
    return Advice(chip.name, found, as_is, tuple(made), tuple(untried), samples, spent)


def _check_labels(network: Network, before: Trace | None, labels: Array | None) -> None:
    if labels is None:
        return
    found = np.asarray(labels)
    if before is None:
        raise error("SD102", "labels", "they are given without data", "give the samples too: data=x")
    if network.decision is None:
        raise error("SD102", "labels", "the network decides nothing", "give it a decision, or leave them out")
    if found.shape != (before.batch,):
        raise error("SD103", "labels", f"their shape is {found.shape}, not ({before.batch},)", "one class per sample")
    if found.dtype.kind not in "iuf" or (found != np.floor(found)).any() or found.min() < 0:
        raise error("SD111", "labels", "they are not whole numbers of 0 or more", "number the classes from 0")


@dataclass(frozen=True, eq=False)
class Study:
    """What is common to all that is tried."""

    given: Network
    chip: Target
    calibration: Any
    arranging: Mapping[str, Any]

    def integers(self, network: Network, chip: Target) -> Network:
        if network.form == "integer":
            return network
        return quantize(network, chip, self.calibration)

    def as_is(self) -> tuple[Tried, tuple[Finding, ...]]:
        """The network, quantised if it can be, on the chip, if it can be."""
        begun = time.perf_counter()
        first = Tried("as it is", "exact", self.chip.name)
        try:
            first = replace(first, network=self.integers(self.given, self.chip))
            assert first.network is not None
            first = replace(first, plan=place(first.network, self.chip, **self.arranging))
        except SnnDeployError as problem:
            found = tuple(problem.findings)
            return replace(first, refused=said(found[0]), seconds=time.perf_counter() - begun), found
        assert first.plan is not None
        return replace(first, seconds=time.perf_counter() - begun), first.plan.findings

    def tried(self, network: Network, change: Change, before: Trace | None, labels: Array | None) -> Tried | None:
        """None where there is nothing to change."""
        begun = time.perf_counter()
        tried = Tried(change.title, change.kind, change.target.name, note=change.note)
        try:
            made = change.make()
            if made is None:
                return None
            weights = changes.moved(network, made) if network.form == made.form == "integer" else 0.0
            made = self.integers(spec.check(made), change.target)
            tried = replace(tried, network=made, weights=weights)
            tried = replace(tried, plan=place(made, change.target, **self.arranging))
            if before is not None:
                given = {each.name: before.inputs[each.name] for each in network.given}
                after = before if made is network else run_on_engine(made, given, "torch")
                tried = replace(tried, spikes=spikes_moved(before, after), **decided(before, after, labels))
        except SnnDeployError as problem:
            tried = replace(tried, refused=said(problem.findings[0]))
        return replace(tried, seconds=time.perf_counter() - begun)


def said(found: Finding) -> str:
    """Without what to do about it: that is what is being tried."""
    return f"{found.code} {found.where}: {found.what}"


def spikes_moved(before: Trace, after: Trace) -> float | None:
    """Bins of the outputs that differ, as a share of the spikes before."""
    names = [name for name in before.network.outputs if name in before.spikes]
    spikes = sum(int(np.count_nonzero(before.spikes[name])) for name in names)
    bins = sum(int(np.count_nonzero(before.spikes[name] != after.spikes[name])) for name in names)
    return bins / spikes if spikes else None


def decided(before: Trace, after: Trace, labels: Array | None) -> dict[str, Any]:
    if before.network.decision is None:
        return {}
    was, now = before.decisions(), after.decisions()
    accuracy = None if labels is None else float((now == np.asarray(labels)).mean())
    return {"kept": float((was == now).mean()), "accuracy": accuracy}
