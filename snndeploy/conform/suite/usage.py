"""The suite from Python and from pytest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from snndeploy.conform.suite.case import Case, every
from snndeploy.conform.suite.choice import Choice, chosen
from snndeploy.conform.suite.verdict import Verdict, judge
from snndeploy.conform.suite.worker import called, function


class NonconformingError(AssertionError):
    """A backend does not give what a vector says. `verdict` has the details."""

    def __init__(self, case: Case, verdict: Verdict):
        self.case, self.verdict = case, verdict
        super().__init__(f"{case.name} ({case.about}): {verdict}")


def cases(
    include: Iterable[str] = ("*",), exclude: Mapping[str, str] | None = None, xfail: Mapping[str, str] | None = None
) -> tuple[Case, ...]:
    """Vectors by patterns of names, without those that are excluded.

    Args:
        include: patterns as "lif/*"; `*` crosses slashes.
        exclude: {pattern: reason}.
        xfail: {pattern: reason}; they stay in, `parameters` marks them.

    Raises:
        SnnDeployError SD743: there is no reason. SD744: a pattern fits no vector.
    """
    choice = chosen(every(), include, exclude or {}, xfail or {})
    return tuple(case for case in choice.cases if case not in choice.excluded)


def check(case: Case, adapter: Any) -> Verdict:
    """Runs a backend on a vector, in this process.

    Args:
        adapter: a function `run(graph, input, dt)`, or an object that has one. If it has a parameter `contract`, it is
            told the vector's; it may return an `Answer` with states.

    Raises:
        NonconformingError: what it gave differs. Whatever the backend raises.
    """
    verdict = judge(case, called(function(adapter), case))
    if not verdict.passed:
        raise NonconformingError(case, verdict)
    return verdict


def parameters(
    include: Iterable[str] = ("*",), exclude: Mapping[str, str] | None = None, xfail: Mapping[str, str] | None = None
) -> list[Any]:
    """For `pytest.mark.parametrize("case", parameters(...))`: what is excluded skips, what is expected to fail must."""
    import pytest

    choice: Choice = chosen(every(), include, exclude or {}, xfail or {})
    found = []
    for case in choice.cases:
        marks: list[Any] = []
        if case in choice.excluded:
            marks.append(pytest.mark.skip(reason=choice.excluded[case]))
        elif case in choice.xfail:
            marks.append(pytest.mark.xfail(reason=choice.xfail[case], strict=True))
        found.append(pytest.param(case, id=case.name, marks=marks))
    return found
