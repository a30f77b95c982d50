"""What every backend that comes with the suite does with every vector: run, and written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from snndeploy.conform.suite.adapters import BACKENDS, Backend
from snndeploy.conform.suite.case import Case, every
from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.readings import plainest
from snndeploy.conform.suite.run import verdicts
from snndeploy.conform.suite.verdict import Verdict
from snndeploy.errors import SnnDeployError

# an importer that loops for ever is ended
SECONDS = 15.0
# whose reading of NIR is looked for, and on which vectors
NEURONS = {"IF": "if", "LIF": "lif", "CubaLIF": "cubalif"}


def survey(names: Iterable[str] = tuple(BACKENDS), say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """By backend: version, a verdict for each vector, and for importers the reading of NIR that they follow.

    A backend that is not installed has "missing" instead, with the reason.
    """
    found = {}
    for name in names:
        found[name] = _one(BACKENDS[name])
        say(f"{name}: {found[name].get('missing') or 'done'}")
    return found


def _one(backend: Backend) -> dict[str, Any]:
    if backend.missing:
        return {"missing": backend.missing}
    rows: dict[str, Any] = {}
    answers: list[tuple[Case, Any]] = []
    try:
        for case, verdict, answer in verdicts(backend.target, every(), SECONDS):
            rows[case.name] = _row(verdict)
            # what an importer gives does not depend on the contract, so one vector per graph is enough
            if verdict.kind in ("spike-identical", "state-identical", "lag", "different"):
                answers.append((case, answer))
    except SnnDeployError as problem:
        return {"missing": str(problem)}
    told = {"version": backend.version, "vectors": rows}
    if backend.family == "importer":
        told["readings"] = {kind: _reading(family, answers) for kind, family in NEURONS.items()}
    return told


def _row(verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": verdict.kind}
    if verdict.kind in ("lag", "different"):
        row["differing"] = round(verdict.differing, 4)
    if verdict.lag:
        row["lag"] = verdict.lag
    if verdict.states:
        row["states"] = verdict.states
    if verdict.reason:
        row["reason"] = verdict.reason
    return row


def _reading(family: str, answers: list[tuple[Case, Any]]) -> dict[str, Any]:
    standard = [(case, answer) for case, answer in answers if case.name.startswith(f"{family}/standard/")]
    if not standard:
        return {"answered": 0}
    contract, explained = plainest(standard)
    return {"reading": contract.reading, "differs": _words(contract), "explained": explained, "answered": len(standard)}


def _words(contract: Contract) -> dict[str, Any]:
    return {name: value for name, value in contract.unusual().items() if name != "dt"}
