"""What a backend gave, held against what a vector says: a verdict from the strongest tier to the weakest.

| verdict | meaning |
|---|---|
| state-identical | the same outputs, and the same states in every step; exact, where the vector is exact in float32 |
| spike-identical | the same outputs in every step |
| lag | the same outputs, all the same number of steps late (or early, if negative) |
| different | some bins differ, whatever the lag |
| refused | the backend raised an exception |
| malformed | what it gave is not (time, batch, *neurons) of numbers |
| timeout, crashed | it did not end in time; its process died |

Outputs that are spikes must be equal. Outputs that are values, and states, must be equal where the vector is exact in
float32, or, for a backend that rounds otherwise, within `TOLERANCE` of the largest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from snndeploy.conform.suite.case import Case
from snndeploy.network.arrays import Array

Kind = Literal["state-identical", "spike-identical", "lag", "different", "refused", "malformed", "timeout", "crashed"]
# float32 arithmetic in any order stays within it on the vectors, whose decays are not that slow
TOLERANCE = 2e-5
LAGS = 8
PASSING = ("state-identical", "spike-identical")


@dataclass(frozen=True)
class Divergence:
    """The first bin that differs, by step, then sample, then neuron; `output` is an Output node or "v of lif"."""

    output: str
    step: int
    sample: int
    neuron: tuple[int, ...]
    expected: float
    found: float

    def __str__(self) -> str:
        at = f"step {self.step}, sample {self.sample}, neuron {list(self.neuron)}"
        return f"{self.output}: {at}: {self.found:g} instead of {self.expected:g}"


@dataclass(frozen=True)
class Verdict:
    """One vector on one backend.

    Attributes:
        kind: see the module.
        differing: part of the bins of the outputs that differ, without any lag.
        lag: steps, for the verdict "lag".
        first: the first bin of an output that differs; of a state, where outputs are the same.
        states: what of the states was given and is equal ("equal"), close ("close") or not ("differ"); "" if none was.
        reason: the exception, or what is malformed.
        reading: another reading of NIR that gives exactly what was found; "" if none does, or none was looked for.
        seconds: that it took.
    """

    kind: Kind
    differing: float = 0.0
    lag: int = 0
    first: Divergence | None = None
    states: str = ""
    reason: str = ""
    reading: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def passed(self) -> bool:
        return self.kind in PASSING

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        match self.kind:
            case "state-identical":
                return "spikes and states are the same"
            case "spike-identical":
                note = f", states {self.states}" if self.states == "differ" else ""
                return f"spikes are the same{note}"
            case "lag":
                steps = f"{abs(self.lag)} step{'s' * (abs(self.lag) > 1)}"
                return f"the same, {steps} {'late' if self.lag > 0 else 'early'}"
            case "different":
                text = f"{self.differing:.1%} of the bins differ; first {self.first}"
                return f"{text}; it is the reading with {self.reading}" if self.reading else text
        return f"{self.kind}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Answer:
    """What an adapter may return instead of an array, to have its states compared too.

    Attributes:
        outputs: array, or mapping by Output node: (time, batch, *neurons).
        v: membranes by node, after the reset, NIR's units.
        i: synaptic currents by node, NIR's units.
        notes: what a reader should know of the run.
    """

    outputs: Any
    v: Mapping[str, Any] = field(default_factory=dict)
    i: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def judge(case: Case, found: Any) -> Verdict:
    """The verdict on what a backend gave for a vector.

    Args:
        found: an array (time, batch, *neurons), a mapping of them by Output node, or an `Answer`.
    """
    answer = found if isinstance(found, Answer) else Answer(found)
    outputs = answer.outputs
    wanted = case.expected.outputs
    if not isinstance(outputs, Mapping):
        if len(wanted) > 1:
            return Verdict("malformed", reason=f"the graph has {len(wanted)} Outputs: return a mapping by their names")
        outputs = {next(iter(wanted)): outputs}
    arrays, problem = _arrays(outputs, wanted)
    if problem:
        return Verdict("malformed", reason=problem)
    masks = {name: _differs(wanted[name], arrays[name]) for name in wanted}
    bins = sum(mask.size for mask in masks.values())
    differing = sum(int(np.count_nonzero(mask)) for mask in masks.values()) / bins
    if not differing:
        return _states(case, answer)
    first = _first({name: (masks[name], wanted[name], arrays[name]) for name in wanted})
    lag = _lag(wanted, arrays)
    if lag:
        return Verdict("lag", differing, lag, first)
    return Verdict("different", differing, 0, first)


def _arrays(given: Mapping[str, Any], wanted: Mapping[str, Array]) -> tuple[dict[str, Array], str]:
    """Arrays of the right shape, or what is wrong with them."""
    found: dict[str, Array] = {}
    for name, array in wanted.items():
        if name not in given:
            return {}, f"nothing was given for Output {name!r}; there are {', '.join(map(repr, given)) or 'none'}"
        try:
            held = np.asarray(given[name])
        except (TypeError, ValueError) as error:
            return {}, f"{name!r} is no array: {error}"
        if held.dtype.kind not in "biuf":
            return {}, f"{name!r} is an array of {held.dtype}, not of numbers"
        if held.shape != array.shape and held.shape[:2] == array.shape[:2] and held.size == array.size:
            # neurons along one axis
            held = held.reshape(array.shape)
        if held.shape != array.shape:
            return {}, f"{name!r} has shape {held.shape}, not {array.shape}: (time, batch, *neurons)"
        found[name] = held.astype(np.float64)
    return found, ""


def _differs(wanted: Array, found: Array) -> Array:
    """Bins that differ: by anything where they are spikes or NaN, beyond rounding where they are values."""
    wide = wanted.astype(np.float64)
    if _is_spikes(wanted):
        return np.asarray(wide != found)
    allowed = TOLERANCE * max(1.0, float(np.abs(wide).max(initial=0)))
    with np.errstate(invalid="ignore"):
        return ~np.asarray(np.abs(wide - found) <= allowed)


def _is_spikes(wanted: Array) -> bool:
    return wanted.dtype.kind in "bi" and bool(((wanted == 0) | (wanted == 1)).all())


def _first(parts: Mapping[str, tuple[Array, Array, Array]]) -> Divergence | None:
    best: Divergence | None = None
    for name, (mask, wanted, found) in parts.items():
        where = np.argwhere(mask)
        if len(where) and (best is None or tuple(where[0][:2]) < (best.step, best.sample)):
            at = tuple(int(n) for n in where[0])
            best = Divergence(name, at[0], at[1], at[2:], float(wanted[at]), float(found[at]))
    return best


def same(wanted: Mapping[str, Array], found: Any) -> bool:
    """The same outputs."""
    given = found if isinstance(found, Mapping) else {next(iter(wanted)): found}
    arrays, problem = _arrays(given, wanted)
    return not problem and not any(_differs(wanted[name], arrays[name]).any() for name in wanted)


def _lag(wanted: Mapping[str, Array], found: Mapping[str, Array]) -> int:
    """The smallest constant lag with which all outputs are equal and something happens; 0 if there is none."""
    steps = len(next(iter(wanted.values())))
    for lag in sorted((n for n in range(-LAGS, LAGS + 1) if n and abs(n) < steps), key=abs):
        early, late = slice(max(0, -lag), steps - max(0, lag)), slice(max(0, lag), steps - max(0, -lag))
        same = all(not _differs(wanted[name][early], found[name][late]).any() for name in wanted)
        if same and any(array[early].any() for array in wanted.values()):
            return lag
    return 0


def _states(case: Case, answer: Answer) -> Verdict:
    """Outputs are equal: what of the states is?"""
    parts: dict[str, tuple[Array, Array, Array]] = {}
    equal, given = True, 0
    for letter in ("v", "i"):
        wanted: Mapping[str, Array] = getattr(case.expected, letter)
        held: Mapping[str, Any] = getattr(answer, letter)
        given += len(held)
        arrays, problem = _arrays(held, {name: array for name, array in wanted.items() if name in held})
        if problem:
            return Verdict("malformed", reason=f"{letter}: {problem}")
        for name, array in arrays.items():
            wide = wanted[name].astype(np.float64)
            equal &= bool((array == wide).all()) if case.exact else True
            allowed = TOLERANCE * max(1.0, float(np.abs(wide).max(initial=0)))
            with np.errstate(invalid="ignore"):
                parts[f"{letter} of {name!r}"] = (~(np.abs(array - wide) <= allowed), wanted[name], array)
        if not held.keys() >= wanted.keys():
            equal = False
    if not given:
        return Verdict("spike-identical")
    first = _first(parts)
    if first is not None:
        return Verdict("spike-identical", first=first, states="differ")
    return Verdict("state-identical" if equal else "spike-identical", states="equal" if equal else "close")
