"""`lint`: everything that keeps a network from being legal, or from running on a target, and what is worth knowing.

Each rule is one function named as a sentence, in the file of its subject, and a line in that file's `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snndeploy.errors import Finding
from snndeploy.lint import activity, grid, reach, ties, times, wiring
from snndeploy.lint.check import Check, Subject
from snndeploy.lint.data import read
from snndeploy.lint.registers import every_register_of_the_target_holds
from snndeploy.network import spec
from snndeploy.network.network import Network
from snndeploy.quantize.problem import Problem
from snndeploy.targets import Target, load

__all__ = ["CHECKS", "lint"]

CHECKS: tuple[Check, ...] = tuple(
    check for subject in (times, grid, reach, ties, activity, wiring) for check in subject.CHECKS
)
"""Every rule, by its code."""


def lint(network: Network, target: str | Path | Target | None = None, data: Any = None) -> list[Finding]:
    """Findings, errors first. Only where the network itself is legal are targets and data looked at.

    Of a float network everything is an error that `quantize` refuses for this target, but for what depends on the
    calibration and the search for a scale.

    Args:
        target: name of a shipped target, path of a file, or a `Target`.
        data: input as for `run`, `(time, batch, *shape)`; a mapping may also hold "labels", (batch,).

    Raises:
        SnnDeployError SD201, SD202, SD204: the target cannot be loaded.
        SnnDeployError SD102, SD103, SD104, SD111: the data do not fit the network.
    """
    chip = None if target is None else load(target)
    found = spec.findings(network)
    if not found:
        found = list(_found(Subject(network, chip, None if data is None else read(network, data))))
    order = ("error", "warning", "note")
    return sorted(found, key=lambda each: order.index(each.severity))


def _found(subject: Subject) -> Iterator[Finding]:
    if subject.target is not None:
        yield from subject.refusals
        yield from every_register_of_the_target_holds(subject.network, subject.target)
        yield from (each for each in map(Problem.too_coarse, subject.problems) if each is not None)
    for check in CHECKS:
        yield from check.findings(subject)
