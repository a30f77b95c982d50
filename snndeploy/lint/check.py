"""What a lint rule is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from snndeploy.errors import Finding, Severity
from snndeploy.lint.data import Data
from snndeploy.network.arrays import Array
from snndeploy.network.network import COUNTED, Network
from snndeploy.network.rule import Rule
from snndeploy.passes import fold_gain, fold_values, merge_maps
from snndeploy.quantize.activity import assumed
from snndeploy.quantize.convert import prepared, refusals
from snndeploy.quantize.drive import drive
from snndeploy.quantize.problem import Problem
from snndeploy.quantize.worst_case import arriving
from snndeploy.targets import Target

Needs = Literal["nothing", "a target", "data"]
# refusals beside which a scale still has a meaning: loops, resets, delays, thresholds below the reset
WITH_SCALE = ("SD106", "SD206", "SD208", "SD603")


@dataclass(frozen=True)
class Case:
    """One place where a rule has something to say; `Finding` without code and severity."""

    where: str
    what: str
    fix: str


@dataclass(frozen=True, eq=False)
class Subject:
    """A legal network, with the target that it is for and data to run it on, if there are any."""

    network: Network
    target: Target | None = None
    data: Data | None = None

    @cached_property
    def folded(self) -> Network:
        """Gains and spike values in the weights, one weighted map per projection; the same spikes."""
        return self.network if self.network.form == "integer" else merge_maps(fold_gain(fold_values(self.network)))

    @cached_property
    def largest(self) -> Mapping[str, float]:
        """The largest value of every source, as far as it is known: counts are at least 1."""
        most = dict.fromkeys(self.network.shapes, 1.0)
        if self.data is not None and self.data.inputs is not None:
            counted = [each.name for each in self.network.inputs if each.kind in COUNTED]
            most |= {name: max(1.0, float(np.abs(self.data.inputs[name]).max())) for name in counted}
        return most

    @cached_property
    def refusals(self) -> list[Finding]:
        """What the target cannot hold, whatever the scale."""
        return [] if self.target is None else refusals(self.network, self.target)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Each population as quantisation sees it; none without a target, or where something has no integer form."""
        formless = any(each.code not in WITH_SCALE for each in self.refusals)
        real = any(each.kind == "real" for each in self.network.inputs)
        if self.target is None or self.network.form == "integer" or formless or real:
            return ()
        ready = prepared(self.network)
        activity = assumed(ready)
        activity = replace(activity, largest={**activity.largest, **self.largest})
        found = []
        for each in ready.populations:
            assert isinstance(each.rule, Rule)
            comes = arriving(ready, each.name, activity.largest)
            drives = tuple(drive(p, activity) for p in ready.into(each.name))
            found.append(Problem(each.name, each.shape, each.rule, drives, self.target, activity, comes))
        return tuple(found)


@dataclass(frozen=True)
class Check:
    """One rule. `look` is a function named as a sentence; its docstring has the formula and the source."""

    code: str
    severity: Severity
    needs: Needs
    look: Callable[[Subject], Iterator[Case]]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """What the rule says about `subject`; nothing where it lacks what it needs."""
        if (self.needs == "a target" and subject.target is None) or (self.needs == "data" and subject.data is None):
            return
        for case in self.look(subject):
            yield Finding(self.code, case.where, case.what, case.fix, self.severity)


def some(bad: Array, of: str = "neurons") -> str:
    """ "3 of 8 neurons (1, 4, 5)" of a mask over a population; index tuples where the shape has several axes."""
    places = np.argwhere(bad)[:6]
    names = [str(int(at[0])) if at.size == 1 else str(tuple(map(int, at))) for at in places]
    count = int(np.count_nonzero(bad))
    more = ", ..." if count > len(places) else ""
    listed = f" ({', '.join(names)}{more})" if bad.ndim and 0 < count < bad.size else ""
    return f"{count:,} of {bad.size:,} {of}{listed}"
