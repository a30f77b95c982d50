"""What a quantised network keeps of the float one on some samples, and what it costs on the chip."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from snndeploy.engines import run
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError, error
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.placement import place
from snndeploy.quantize.convert import Study, integers, study
from snndeploy.quantize.methods import find
from snndeploy.targets import Target
from snndeploy.tuning.statistics import mcnemar, raster_cosine, wilson

Progress = Callable[[int, int, str], None]


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
        thresholds: the most that one population uses.
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


def score(method: str, teacher: Trace, made: Network, labels: Array | None = None) -> Score:
    """Runs `made` on the inputs of `teacher`, a run of the float network; the cost is not counted here."""
    inputs = {each.name: teacher.inputs[each.name] for each in teacher.network.given}
    trace = run(made, inputs, "torch")
    cosines = {name: raster_cosine(teacher.spikes[name], trace.spikes[name]) for name in teacher.spikes}
    whole = [np.concatenate([t.spikes[n].ravel() for n in cosines]) for t in (teacher, trace)] if cosines else []
    found = Score(method, trace.batch, raster_cosine(*whole) if whole else 1.0, cosines)
    if made.decision is None:
        return found
    wanted, got = teacher.decisions(), trace.decisions()
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


def cost(found: Score, made: Network, target: Target) -> Score:
    """With what it takes of the chip.

    Raises:
        SnnDeployError: it cannot be placed.
    """
    cores = place(made, target).cores
    held = [np.asarray(p.rule.vth) for p in made.populations if isinstance(p.rule, Registers) and p.rule.spiking]
    return replace(
        found,
        synapses=sum(c.synapses for c in cores),
        axons=sum(c.input_axons for c in cores),
        cores=len(cores),
        thresholds=max((len(np.unique(each)) for each in held), default=0),
    )


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
    teacher = float_run(network, calibration if test is None else test)
    if labels is not None:
        labels = classes(labels, teacher)
    rows = [itself(teacher, labels)]
    for i, method in enumerate(methods):
        if progress is not None:
            progress(i, len(methods), method)
        rows.append(scored(about, method, teacher, labels)[0])
    return rows


def classes(labels: Any, teacher: Trace) -> Array:
    """Labels, checked. Raises SnnDeployError SD102, SD103 where nothing is decided, or their number is wrong."""
    given = np.asarray(labels.cpu() if hasattr(labels, "cpu") else labels)
    if teacher.network.decision is None:
        fix = "give it one: net.with_(decision=...), --decision spike-count"
        raise error("SD102", "decision", "labels are given, but the network decides nothing", fix)
    if given.shape != (teacher.batch,):
        raise error("SD103", "labels", f"their shape is {given.shape}, not ({teacher.batch},)", "one class per sample")
    return given


def float_run(network: Network, samples: Any) -> Trace:
    """The float network in float64."""
    return run(network, samples, "torch", dtype="float64")


def itself(teacher: Trace, labels: Array | None) -> Score:
    """The float network as a row."""
    found = Score("float", teacher.batch, 1.0, dict.fromkeys(teacher.spikes, 1.0))
    if teacher.network.decision is None:
        return found
    found = replace(found, kept=1.0)
    if labels is None:
        return found
    right = teacher.decisions() == labels
    interval = wilson(int(right.sum()), len(right))
    return replace(found, accuracy=float(right.mean()), interval=interval, mcnemar=1.0)
