"""Who else gives what the reference gives: run, never declared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from snndeploy.conform.suite.adapters import BACKENDS, Backend
from snndeploy.conform.suite.case import every
from snndeploy.conform.suite.run import verdicts
from snndeploy.conform.suite.verdict import Answer, Verdict
from snndeploy.errors import Finding, MissingEngineError

# integers of a chip round, and the reference cannot witness for itself
EXCEPT = ("reference", "lava-fixed")
# others that must agree, one of them with neurons that were not written here
ENOUGH = 2
# a graph that an importer never ends on is no witness; the rest takes a fraction of a second each
SECONDS = 15.0


def witnesses() -> tuple[Backend, ...]:
    """Raises MissingEngineError SD741: one is not installed, so that the manifest would not be the same."""
    found = tuple(each for name, each in BACKENDS.items() if name not in EXCEPT)
    lacking = [Finding("SD741", f"adapter {each.name!r}", each.missing) for each in found if each.missing]
    if lacking:
        raise MissingEngineError(lacking)
    return found


def described() -> dict[str, str]:
    """Name and version of every witness."""
    return {each.name: f"{each.package} {each.version}".strip() or "snndeploy" for each in witnesses()}


def agreement(folder: Path, say: Callable[[str], None] = lambda text: None) -> dict[str, dict[str, Any]]:
    """By vector: "agreed", who gives the same "spikes" or "spikes and states"; and the status that follows."""
    cases = every(folder)
    agreed: dict[str, dict[str, str]] = {case.name: {} for case in cases}
    foreign: dict[str, int] = dict.fromkeys(agreed, 0)
    for each in witnesses():
        same = 0
        for case, verdict, answer in verdicts(each.target, cases, SECONDS, folder):
            if verdict.passed:
                same += 1
                agreed[case.name][each.name] = _on(verdict)
                foreign[case.name] += each.foreign and not _ours(answer)
        say(f"{each.name}: agrees on {same} of {len(cases)}")
    return {
        name: {
            "status": "accepted" if len(who) >= ENOUGH and foreign[name] else "self-defined",
            "agreed": {on: [each for each in who if who[each] == on] for on in sorted({*who.values()})},
        }
        for name, who in agreed.items()
    }


def _on(verdict: Verdict) -> str:
    return "spikes and states" if verdict.states in ("equal", "close") else "spikes"


def _ours(answer: Any) -> bool:
    """A process of our own had to run on Lava."""
    return isinstance(answer, Answer) and any("snndeploy" in note for note in answer.notes)
