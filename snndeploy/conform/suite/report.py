"""What a run of the suite found: verdicts against expectations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from snndeploy.conform.suite.adapters import BACKENDS, backend
from snndeploy.conform.suite.adapters.known import known as known_failures
from snndeploy.conform.suite.case import Case, every, manifest
from snndeploy.conform.suite.choice import chosen
from snndeploy.conform.suite.readings import named_reading
from snndeploy.conform.suite.run import verdicts
from snndeploy.conform.suite.verdict import Verdict
from snndeploy.errors import Finding, MissingEngineError

Result = Literal["passed", "failed", "expected failure", "unexpected pass", "excluded"]
SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """One vector: its verdict (None if it did not run), and the reason why it is excluded or expected to fail."""

    case: Case
    verdict: Verdict | None
    xfail: bool = False
    reason: str = ""
    late: int = 0

    @property
    def result(self) -> Result:
        if self.verdict is None:
            return "excluded"
        good = self.verdict.passed or (self.verdict.kind == "lag" and self.verdict.lag == self.late)
        if self.xfail:
            return "unexpected pass" if good else "expected failure"
        return "passed" if good else "failed"

    @property
    def ok(self) -> bool:
        return self.result not in ("failed", "unexpected pass")

    def __str__(self) -> str:
        told = f"{self.result}: {self.case.name}"
        if self.result == "unexpected pass":
            return f"{told}: take it out of the expected failures ({self.reason})"
        return f"{told}: {self.verdict}" if self.verdict is not None else f"{told}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Report:
    """All outcomes of one backend, in the order of the manifest.

    Attributes:
        adapter: its name, or "module:object".
        version: of the package that ran, "" for a stranger's.
        suite: version of the vectors.
    """

    adapter: str
    version: str
    suite: str
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """No vector failed that should pass, and none passed that should fail."""
        return all(each.ok for each in self.outcomes)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(each.result for each in self.outcomes))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "adapter": self.adapter,
            "version": self.version,
            "suite": self.suite,
            "ok": self.ok,
            "counts": self.counts,
            "vectors": [
                {
                    "name": each.case.name,
                    "about": each.case.about,
                    "reading": each.case.contract.reading,
                    "contract": each.case.contract.unusual(),
                    "status": each.case.status,
                    "result": each.result,
                    "reason": each.reason,
                    "verdict": None if each.verdict is None else each.verdict.as_dict(),
                }
                for each in self.outcomes
            ],
        }

    def __str__(self) -> str:
        told = ", ".join(f"{count} {result}" for result, count in self.counts.items()) or "no vector"
        lines = [f"{self.adapter}{' ' * bool(self.version)}{self.version}, suite {self.suite}: {told}"]
        return "\n".join([*lines, *(str(each) for each in self.outcomes if not each.ok)])


def conformance(
    adapter: str = "reference",
    include: Iterable[str] = ("*",),
    exclude: Mapping[str, str] | None = None,
    xfail: Mapping[str, str] | None = None,
    *,
    known: bool = True,
    late: int = 0,
    explain: bool = False,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Holds a backend against the vectors; see `snndeploy.conformance`."""
    own = adapter in BACKENDS or ":" not in adapter
    target, version = adapter, ""
    failing = dict(xfail or {})
    if own:
        found = backend(adapter)
        if found.missing:
            what, _, fix = found.missing.partition(": ")
            raise MissingEngineError(Finding("SD741", f"adapter {adapter!r}", what, fix))
        target, version = found.target, found.version
        failing = (known_failures().get(adapter, {}) if known else {}) | failing
    choice = chosen(every(), include, exclude or {}, failing)
    ran = {}
    for case, verdict, answer in verdicts(target, choice.running, seconds, progress=progress):
        if explain and verdict.kind in ("lag", "different"):
            verdict = Verdict(**{**vars(verdict), "reading": named_reading(case, answer)})
        ran[case] = verdict
    outcomes = tuple(
        Outcome(
            case, ran.get(case), case in choice.xfail, choice.excluded.get(case) or choice.xfail.get(case, ""), late
        )
        for case in choice.cases
    )
    return Report(adapter, version, str(manifest()["version"]), outcomes)
