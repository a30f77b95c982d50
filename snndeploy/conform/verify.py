"""`verify`: one network on every engine, each against each, in tiers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from snndeploy.conform.diagnosis.diagnose import diagnose
from snndeploy.conform.leaks import leak
from snndeploy.conform.recording import recording
from snndeploy.conform.tiers import Tier, Tolerances, Verdict, at_least
from snndeploy.conform.tiers.grade import grade
from snndeploy.conform.verification import Leak, Verification
from snndeploy.engines import base, run
from snndeploy.engines.trace import Trace, wanted
from snndeploy.errors import Finding, MissingEngineError, error, raise_errors
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network

Progress = Callable[..., None]
Recordings = Mapping[str, Trace | str | os.PathLike[str] | tuple[str | os.PathLike[str], str]]
RECORD = ("spikes", "u", "v")


def verify(
    network: Network,
    data: Any,
    engines: str | Iterable[str] = "all",
    labels: Any = None,
    require: Tier = "ties",
    recordings: Recordings | None = None,
    leaks: bool = True,
    tolerances: Tolerances | None = None,
    progress: Progress = lambda done, total, text=None: None,
) -> Verification:
    """See `snndeploy.verify`."""
    spec.check(network)
    inputs = as_inputs(network, data)
    names, missing, refused = available(network, engines)
    steps, samples = next(iter(inputs.values())).shape[:2]
    classes = _labels(labels, samples)
    given = dict(recordings or {})
    _fits(network, steps * samples, len(names) + len(given))
    pairs = (len(names) + len(given)) * (len(names) + len(given) - 1) // 2
    total, done = len(names) * (2 if leaks else 1) + pairs, 0
    traces: dict[str, Trace] = {}
    seconds: dict[str, float] = {}
    found: dict[str, Leak] = {}
    kept = wanted(network, RECORD)
    own = {name: array for name, array in inputs.items() if name in {each.name for each in network.given}}
    for name in names:
        progress(done, total, f"{name} runs")
        begin = time.perf_counter()
        traces[name] = run(network, own, name, kept)
        seconds[name], done = time.perf_counter() - begin, done + 1
        if leaks:
            progress(done, total, f"{name}, sample by sample")
            found[name] = leak(network, own, traces[name], lambda x, name=name: run(network, x, name, kept))  # type: ignore[misc]
            done += 1
    for name, each in given.items():
        if name in traces:
            raise error("SD722", f"recording {name!r}", "an engine has this name", f"call it my-{name}")
        traces[name] = recorded(each, name, network, inputs)
    order = tuple(traces)
    verdicts: dict[tuple[str, str], Verdict] = {}
    for a, b in combinations(order, 2):
        progress(done, total, f"{a} against {b}")
        # what differs from the first engine is explained there
        known = a != order[0] and not all(at_least(verdicts[order[0], each].tier, "ties") for each in (a, b))
        verdicts[a, b] = judged(traces[a], traces[b], tolerances, classes, not known)
        done += 1
    progress(total, total, "done")
    who = {name: trace.engine for name, trace in traces.items()}
    form = network.form
    return Verification(
        form, steps, samples, order, who, verdicts, missing, refused, seconds, found, require, _notes(order, found)
    )


def judged(a: Trace, b: Trace, tolerances: Tolerances | None, labels: Array | None, explained: bool = True) -> Verdict:
    """The verdict, with a diagnosis where two runs differ by more than ties."""
    verdict = grade(a, b, tolerances, labels)
    if at_least(verdict.tier, "ties") or not explained:
        return verdict
    return replace(verdict, diagnosis=diagnose(a, b, verdict.comparison))


def recorded(each: Any, name: str, network: Network, inputs: Mapping[str, Array]) -> Trace:
    """A recording, from wherever it is."""
    if isinstance(each, Trace):
        return each
    path, population = each if isinstance(each, tuple) else (each, None)
    return recording(path, network, inputs, population, name)


def available(network: Network, engines: str | Iterable[str]) -> tuple[tuple[str, ...], dict[str, str], dict[str, str]]:
    """(names that run, missing, refused). Raises what is wrong with engines that were named, all at once."""
    everything = engines == "all" or engines == ("all",)
    asked = (
        tuple(base.ENGINES) if everything else (engines,) if isinstance(engines, str) else tuple(dict.fromkeys(engines))
    )
    names: list[str] = []
    missing: dict[str, str] = {}
    refused: dict[str, str] = {}
    absent: list[Finding] = []
    wrong: list[Finding] = []
    for name in asked:
        try:
            loaded = base.load(name)
        except MissingEngineError as problem:
            missing[name] = problem.findings[0].what
            absent += problem.findings
            continue
        findings = [each for each in loaded.refusals(network) if each.severity == "error"]
        if findings:
            refused[name] = "; ".join(map(str, findings))
            wrong += findings
        else:
            names.append(name)
    if not everything:
        if absent:
            raise MissingEngineError(absent)
        raise_errors(wrong)
    if not names:
        raise error("SD721", "engines", "none is left to run the network", "--engines reference")
    return tuple(names), missing, refused


def _labels(labels: Any, samples: int) -> Array | None:
    if labels is None:
        return None
    classes = np.asarray(labels)
    if classes.shape != (samples,) or classes.dtype.kind not in "iu":
        what = f"shape {classes.shape}, type {classes.dtype}; {samples} whole numbers are needed"
        raise error("SD104", "labels", what, "one class per sample")
    return classes.astype(np.int64)


def _fits(network: Network, bins: int, traces: int) -> None:
    """Raises SD721 where the traces of all engines would not fit into memory."""
    import psutil

    neurons = sum(int(np.prod(each.shape)) for each in network.populations)
    # spikes, u and v of each trace, and what is compared with them
    needed, free = 17 * bins * neurons * (traces + 2), int(psutil.virtual_memory().available)
    if needed > free:
        what = f"the traces of {traces} engines take {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free"
        raise error("SD721", "verify", what, "give fewer samples; compare goes over a data set in shards")


def _notes(names: tuple[str, ...], leaks: Mapping[str, Leak]) -> tuple[str, ...]:
    notes = [] if len(names) > 1 else ["one engine alone: nothing was compared"]
    if any(each.hidden for each in leaks.values()):
        kept = ", ".join(dict.fromkeys(name for each in leaks.values() for name in each.hidden))
        notes.append(f"the captured module keeps the state of {kept} between calls: reset it between samples")
    return tuple(notes)
