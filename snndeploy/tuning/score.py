"""What a quantised network keeps of the float one on some samples, and what it costs on the chip."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from snndeploy.conform.statistics import cosine, mcnemar, wilson
from snndeploy.engines import run
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError, error
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.placement import Placement, place
from snndeploy.quantize.convert import Study, integers, study
from snndeploy.quantize.methods import find
from snndeploy.targets import Target

Progress = Callable[[int, int, str], None]
# neuron-steps that are run at a time
CHUNK = 2**27


@dataclass(frozen=True)
class Score:
    """One method on one network.

    Attributes:
        samples: how many it was scored on.
        cosine: of the rasters of all populations together, float against integer (`raster_cosine`); cosines: of each.
        kept: share of samples that are decided alike; None where the network decides nothing.
        accuracy, interval: share of right decisions with its 95 % Wilson interval; None without labels.
        mcnemar: p-value that float and integers are equally often right; None without labels.
        synapses, axons, cores: input axons and synapses on all cores, and how many cores.
        thresholds: the most different ones on one core.
        refused: why there is no such network, or none on this chip; all numbers are 0 then.
    """

    method: str
    samples: int = 0
    cosine: float = 0.0
    cosines: dict[str, float] = field(default_factory=dict)
    kept: float | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    mcnemar: float | None = None
    synapses: int = 0
    axons: int = 0
    cores: int = 0
    thresholds: int = 0
    seconds: float = 0.0
    refused: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return asdict(self)


class Tally:
    """Counts of one network beside the float one, over as many chunks of samples as there are."""

    def __init__(self, method: str):
        self.method = method
        self.spikes: dict[str, Array] = {}
        self.decided: list[tuple[Array, Array]] = []
        self.samples = 0

    def add(self, teacher: Trace, trace: Trace) -> None:
        """`trace` is a run on the same samples."""
        self.samples += trace.batch
        for name, a in teacher.spikes.items():
            b = trace.spikes[name]
            now = np.array([np.count_nonzero(a), np.count_nonzero(b), np.count_nonzero(a & b)])
            self.spikes[name] = self.spikes.get(name, np.zeros(3, np.int64)) + now
        if teacher.network.decision is not None:
            self.decided.append((teacher.decisions(), trace.decisions()))

    def score(self, labels: Array | None = None) -> Score:
        """What was kept; `labels`: of all samples, in their order."""
        cosines = {name: cosine(*map(int, counts)) for name, counts in self.spikes.items()}
        whole = cosine(*map(int, np.sum(list(self.spikes.values()), axis=0))) if cosines else 1.0
        found = Score(self.method, self.samples, whole, cosines)
        if not self.decided:
            return found
        wanted, got = (np.concatenate(side) for side in zip(*self.decided, strict=True))
        found = replace(found, kept=float(np.mean(wanted == got)))
        if labels is None:
            return found
        right = got == labels
        return replace(
            found,
            accuracy=float(right.mean()),
            interval=wilson(int(right.sum()), len(right)),
            mcnemar=mcnemar(wanted == labels, right),
        )


def score(method: str, teacher: Trace, made: Network, labels: Array | None = None) -> Score:
    """Runs `made` on the inputs of `teacher`, a run of the float network; the cost is not counted here."""
    counts = Tally(method)
    counts.add(teacher, run(made, {each.name: teacher.inputs[each.name] for each in teacher.network.given}, "torch"))
    return counts.score(labels)


def cost(found: Score, made: Network, target: Target) -> Score:
    """With what it takes of the chip.

    Raises:
        SnnDeployError: it cannot be placed.
    """
    plan = place(made, target)
    return replace(
        found,
        synapses=sum(c.synapses for c in plan.cores),
        axons=sum(c.input_axons for c in plan.cores),
        cores=len(plan.cores),
        thresholds=thresholds(made, plan),
    )


def thresholds(made: Network, plan: Placement) -> int:
    """The most different threshold mantissas on one core."""
    pairs = []
    for each in made.populations:
        if isinstance(each.rule, Registers) and each.rule.vth is not None:
            vth = np.broadcast_to(np.asarray(each.rule.vth), each.shape).reshape(-1)
            pairs.append(np.stack([plan.core_of[each.name], vth], axis=1))
    if not pairs:
        return 0
    return int(np.bincount(np.unique(np.concatenate(pairs), axis=0)[:, 0]).max())


def scored(about: Study, method: str, teacher: Trace, labels: Array | None = None) -> tuple[Score, Network | None]:
    """One method from a study to its score; what is refused says why."""
    start = time.perf_counter()
    try:
        made = integers(about, find(method))
        found = cost(score(method, teacher, made, labels), made, about.target)
    except SnnDeployError as problem:
        return Score(method, refused=str(problem.findings[0]), seconds=time.perf_counter() - start), None
    return replace(found, seconds=round(time.perf_counter() - start, 2)), made


def compare_methods(
    network: Network,
    target: Target,
    calibration: Any,
    methods: Sequence[str],
    test: Any = None,
    labels: Array | None = None,
    progress: Progress | None = None,
) -> list[Score]:
    """Every method on one network, and in front "float": the network itself.

    Args:
        calibration: what the methods choose by; test: what they are scored on, the calibration if None.
        labels: int64 (samples of the test,).

    Raises:
        SnnDeployError: the network cannot be quantised at all, or the samples do not fit.
    """
    for method in methods:
        find(method)
    about = study(network, target, calibration)
    given = as_inputs(network, calibration if test is None else test)
    given = {each.name: given[each.name] for each in network.given}
    batch = next(iter(given.values())).shape[1]
    known = None if labels is None else classes(labels, network, batch)
    rows: dict[str, Score] = {}
    made: dict[str, Network] = {"float": network}
    for i, method in enumerate(methods):
        if progress is not None:
            progress(i, len(methods), method)
        start = time.perf_counter()
        try:
            integer = integers(about, find(method))
            rows[method] = cost(Score(method), integer, target)
            made[method] = integer
        except SnnDeployError as problem:
            rows[method] = Score(method, refused=str(problem.findings[0]))
        rows[method] = replace(rows[method], seconds=round(time.perf_counter() - start, 2))
    counts = {name: Tally(name) for name in made}
    steps = next(iter(given.values())).shape[0]
    at_once = max(1, CHUNK // (steps * sum(int(np.prod(shape)) for shape in network.shapes.values())))
    for start_at in range(0, batch, at_once):
        part = {name: array[:, start_at : start_at + at_once] for name, array in given.items()}
        teacher = float_run(network, part)
        for name, each in made.items():
            counts[name].add(teacher, teacher if name == "float" else run(each, part, "torch"))
        if progress is not None:
            progress(min(start_at + at_once, batch), batch, "run")
    found = [counts["float"].score(known)]
    for row in rows.values():
        if row.refused:
            found.append(row)
            continue
        kept = counts[row.method].score(known)
        costs = {name: getattr(row, name) for name in ("synapses", "axons", "cores", "thresholds", "seconds")}
        found.append(replace(kept, **costs))
    return found


def classes(labels: Any, network: Network, batch: int) -> Array:
    """Labels, checked. Raises SnnDeployError SD102, SD103 where nothing is decided, or their number is wrong."""
    given = np.asarray(labels.cpu() if hasattr(labels, "cpu") else labels)
    if network.decision is None:
        fix = "give it one: net.with_(decision=...), --decision spike-count"
        raise error("SD102", "decision", "labels are given, but the network decides nothing", fix)
    if given.shape != (batch,):
        raise error("SD103", "labels", f"their shape is {given.shape}, not ({batch},)", "one class per sample")
    return given


def float_run(network: Network, samples: Any) -> Trace:
    """The float network in float64."""
    return run(network, samples, "torch", dtype="float64")
