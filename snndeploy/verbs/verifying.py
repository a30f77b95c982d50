"""Engines against each other, and backends against the vectors of the conformance suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import events_of

if TYPE_CHECKING:
    from snndeploy.conform.suite.report import Report
    from snndeploy.conform.tiers import Tolerances
    from snndeploy.conform.verification import Verification
    from snndeploy.network import Network


def verify(
    network: Network,
    data: Any,
    engines: str | Iterable[str] = "all",
    labels: Any = None,
    require: str = "ties",
    *,
    recordings: Mapping[str, Any] | None = None,
    leaks: bool = True,
    tolerances: Tolerances | None = None,
    progress: Callable[..., None] | None = None,
) -> Verification:
    """Runs a network on several engines and compares each with each: a matrix of tiers, engine × engine.

    The tiers, from the strongest: "state-identical", "spike-identical", "ties" (identical but for proven ties), "lag"
    (up to a constant lag per population), "jitter", "rate", "decision", "different"; `conform.tiers.DEFINITIONS` says
    what each means. Where two runs differ by more than ties, the verdict holds a diagnosis. Samples are also run in
    another order and alone, so that none depends on its neighbours.

    Args:
        data: as for `run`; all of it is held in memory (`compare_engines` goes over a data set in shards).
        engines: "all": those that are installed and take the network, the others are named; or names.
        labels: whole numbers (samples,), the class of each sample, for accuracies and McNemar's test.
        require: the tier that every pair must reach for `.agrees`.
        recordings: what other simulators gave for the same input, by name: a trace, a file (see `conform.recording`),
            or (file, population).
        leaks: run samples in another order and alone.
        tolerances: what "jitter" and "rate" allow.
        progress: called with (done, total, text).

    Raises:
        MissingEngineError: an engine that was named is not installed.
        SnnDeployError SD720: no such tier. SD721: no engine takes the network, or the traces do not fit into memory.
            SD722: a recording does not fit. Else as `run`.
    """
    from snndeploy.conform.tiers.definition import tier_named
    from snndeploy.conform.verify import verify as run_all

    tell = progress or (lambda done, total, text=None: None)
    required = tier_named(require)
    return run_all(network, events_of(network, data), engines, labels, required, recordings, leaks, tolerances, tell)


def conformance(
    adapter: str = "reference",
    include: Iterable[str] = ("*",),
    exclude: Mapping[str, str] | None = None,
    xfail: Mapping[str, str] | None = None,
    *,
    known: bool = True,
    late: int = 0,
    explain: bool = False,
    seconds: float = 60.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Holds a NIR backend against the vectors of the conformance suite, in a process of its own.

    Args:
        adapter: a backend that comes with the suite (an engine, or a library's own importer), or "module:object" with
            a function `run(graph, input, dt) -> spikes`; see `snndeploy.conform.suite`.
        include: patterns of vectors' names, as "lif/*"; `*` crosses slashes.
        exclude: {pattern: reason}: these do not run.
        xfail: {pattern: reason}: these are expected to fail; one that passes is a failure of the report.
        known: the known failures of a backend that comes with the suite are expected too.
        late: steps by which the backend may be late, all its outputs alike.
        explain: look for the reading of NIR that gives what the backend gave, where it differs.
        seconds: that one vector may take; a hang or a crash is a verdict.

    Raises:
        SnnDeployError SD741: there is no such adapter. SD742: it cannot be loaded. SD743: a pattern has no reason.
            SD744: a pattern fits no vector. MissingEngineError SD741: its package is not installed.
    """
    from snndeploy.conform.suite import report

    return report.conformance(
        adapter, include, exclude, xfail, known=known, late=late, explain=explain, seconds=seconds, progress=progress
    )
