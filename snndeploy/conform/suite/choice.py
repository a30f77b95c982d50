"""Which vectors run, which do not, and which are expected to fail; each list with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from snndeploy.conform.suite.case import Case, matching
from snndeploy.errors import Finding, raise_errors


@dataclass(frozen=True, eq=False)
class Choice:
    """Vectors in the order of the manifest; of those that are excluded or expected to fail, the reason."""

    cases: tuple[Case, ...]
    excluded: Mapping[Case, str]
    xfail: Mapping[Case, str]

    @property
    def running(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case not in self.excluded)


def chosen(
    found: tuple[Case, ...], include: Iterable[str], exclude: Mapping[str, str], xfail: Mapping[str, str]
) -> Choice:
    """Raises SnnDeployError SD743, SD744: a reason is missing, a pattern fits nothing; all of them at once."""
    include = (include,) if isinstance(include, str) else tuple(include)
    wrong: list[Finding] = []
    for what, patterns in (("include", dict.fromkeys(include, " ")), ("exclude", exclude), ("xfail", xfail)):
        for pattern, reason in patterns.items():
            if not reason or (what != "include" and not reason.strip()):
                fix = f"say why: {pattern}=reason"
                wrong.append(Finding("SD743", f"{what} {pattern!r}", "it has no reason", fix))
            if not matching(pattern, found):
                near = ", ".join(sorted({case.name.split("/")[0] for case in found}))
                wrong.append(Finding("SD744", f"{what} {pattern!r}", "no vector has such a name", f"families: {near}"))
    raise_errors(wrong)
    kept = {case for pattern in include for case in matching(pattern, found)}
    listed = tuple(case for case in found if case in kept)
    return Choice(listed, _by_case(exclude, listed), _by_case(xfail, listed))


def _by_case(patterns: Mapping[str, str], found: tuple[Case, ...]) -> dict[Case, str]:
    reasons: dict[Case, str] = {}
    for pattern, reason in patterns.items():
        for case in matching(pattern, found):
            reasons.setdefault(case, reason)
    return reasons


def pairs(what: str, given: Sequence[str]) -> dict[str, str]:
    """PATTERN=reason of a command line. Raises SnnDeployError SD743: there is none."""
    found = dict(each.partition("=")[::2] for each in given)
    raise_errors(
        Finding("SD743", f"--{what} {pattern!r}", "it has no reason", f'--{what} "{pattern}=why"')
        for pattern, reason in found.items()
        if not reason.strip()
    )
    return found
