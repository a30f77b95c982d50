"""Two traces side by side: checked to be comparable, in network time, without the lag between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from snndeploy.conform.result import Lag
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array

# how far a constant lag is searched where two traces differ
SEARCH = 16


@dataclass(frozen=True, eq=False)
class View:
    """The part of a trace that is compared. Row t is step t of the network, so that it can be replayed."""

    trace: Trace
    steps: int
    inputs: Mapping[str, Array]
    spikes: Mapping[str, Array]
    u: Mapping[str, Array]
    v: Mapping[str, Array]

    @property
    def batch(self) -> int:
        return self.trace.batch

    def get(self, what: str) -> Mapping[str, Array]:
        found: Mapping[str, Array] = getattr(self, what)
        return found


def common(a: Trace, b: Trace) -> tuple[str, ...]:
    """Populations of which both recorded spikes, or v."""
    spikes, v = set(a.spikes) & set(b.spikes), set(a.v) & set(b.v)
    return tuple(name for name in a.network.population if name in spikes or name in v)


def check(a: Trace, b: Trace) -> None:
    """Raises SnnDeployError SD701, SD702, SD703 with everything that keeps two traces from being compared."""
    found: list[Finding] = []
    names = common(a, b)
    if not names:
        have = [", ".join(sorted({*t.spikes, *t.v})) or "nothing" for t in (a, b)]
        found.append(
            Finding(
                "SD701",
                "traces",
                f"no population was recorded in both: {have[0]} | {have[1]}",
                'run both with record=("spikes", "v")',
            )
        )
    if (a.steps, a.batch) != (b.steps, b.batch):
        found.append(
            Finding(
                "SD702",
                "traces",
                f"(steps, samples) are {(a.steps, a.batch)} and {(b.steps, b.batch)}",
                "run both on the same input",
            )
        )
    for name in names:
        shapes = a.network.shapes[name], b.network.shapes[name]
        if shapes[0] != shapes[1]:
            found.append(Finding("SD702", f"population {name!r}", f"its shapes are {shapes[0]} and {shapes[1]}"))
    raise_errors(found)
    # what encodings make differs from what they take: each run made its own from the same values
    made = [{each.name for e in t.network.encodings for g in (e.given, e.made) for each in g} for t in (a, b)]
    encoded = made[0] ^ made[1]
    for name in sorted({each.name for t in (a, b) for each in t.network.given} - encoded):
        where = f"input {name!r}"
        if name not in a.inputs or name not in b.inputs:
            found.append(Finding("SD703", where, f"only {'b' if name in b.inputs else 'a'} has it"))
        elif a.inputs[name].shape != b.inputs[name].shape:
            found.append(Finding("SD702", where, f"its shapes are {a.inputs[name].shape} and {b.inputs[name].shape}"))
        elif not np.array_equal(a.inputs[name], b.inputs[name]):
            different = a.inputs[name] != b.inputs[name]
            at = tuple(int(i) for i in np.argwhere(different)[0])
            found.append(
                Finding(
                    "SD703",
                    where,
                    f"{np.count_nonzero(different)} of {different.size} values differ, the first at {at}",
                    "run both on the same input",
                )
            )
    raise_errors(found)


def latency(trace: Trace, name: str) -> int:
    """Rows before step 0 in the recordings of a population."""
    return int(trace.latency.get(name, 0)) if trace.raw else 0


def _late(
    a: Trace, b: Trace, names: tuple[str, ...], lag: int | Literal["find"]
) -> tuple[Lag, dict[str, tuple[int, int]]]:
    """The lag to report, and per population the first rows of a and of b that are compared."""
    starts = {name: (latency(a, name), latency(b, name)) for name in names}
    if lag == "find":
        both = {name: late[1] - late[0] for name, late in starts.items()}
        return (both if a.raw and b.raw else 0), starts
    if not isinstance(lag, int) or abs(lag) >= a.steps:
        raise error("SD704", "lag", f'{lag!r} is neither "find" nor within ±{a.steps - 1} steps', 'lag="find"')
    return lag, {name: (x + max(0, -lag), y + max(0, lag)) for name, (x, y) in starts.items()}


def align(a: Trace, b: Trace, lag: int | Literal["find"]) -> tuple[View, View, Lag]:
    """Both traces without the lag, on the steps that both have.

    Raises:
        SnnDeployError SD702, SD704: a recording is shorter than the inputs and its latency; the lag does not fit.
    """
    names = common(a, b)
    shown, starts = _late(a, b, names, lag)
    steps = a.steps - (abs(lag) if isinstance(lag, int) else 0)
    views, found = [], []
    for side, trace in enumerate((a, b)):
        kept: dict[str, dict[str, Array]] = {"spikes": {}, "u": {}, "v": {}}
        for what, rows in kept.items():
            for name, array in getattr(trace, what).items():
                first = starts[name][side] if name in starts else latency(trace, name)
                rows[name] = array[first : first + steps]
                if rows[name].shape[:2] != (steps, trace.batch):
                    where = f"{what} of {name!r} in {'ab'[side]}"
                    needed = f"{first + steps} steps of {trace.batch} samples are needed"
                    found.append(Finding("SD702", where, f"it has shape {array.shape}, {needed}"))
        inputs = {name: array[:steps] for name, array in trace.inputs.items()}
        views.append(View(trace, steps, inputs, kept["spikes"], kept["u"], kept["v"]))
    raise_errors(found)
    return views[0], views[1], shown


def lags(a: View, b: View, names: tuple[str, ...]) -> dict[int, bool]:
    """Numbers of steps by which all spikes of b may be late (or early, < 0): with any of them, are there spikes?"""
    reach = min(SEARCH, a.steps - 1)
    both = [n for n in names if n in a.spikes and n in b.spikes]
    # rows with other numbers of spikes differ, and numbers are quick to compare
    counts = {n: [np.count_nonzero(v.spikes[n].reshape(v.steps, -1), axis=1) for v in (a, b)] for n in both}
    found = {}
    for lag in sorted(range(-reach, reach + 1), key=abs):
        early, late = slice(max(0, -lag), a.steps - max(0, lag)), slice(max(0, lag), a.steps - max(0, -lag))
        if not lag or not all(np.array_equal(x[early], y[late]) for x, y in counts.values()):
            continue
        if all(np.array_equal(a.spikes[n][early], b.spikes[n][late]) for n in both):
            found[lag] = any(x[early].any() for x, _ in counts.values())
    return found


def constant_lag(found: Iterable[Mapping[int, bool]]) -> int:
    """The smallest lag with which all parts of a comparison are equal, and one has spikes; 0 if there is none."""
    parts = list(found)
    alike = [lag for lag in parts[0] if all(lag in each for each in parts)]
    return next((lag for lag in alike if any(each[lag] for each in parts)), 0)
