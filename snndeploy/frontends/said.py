"""What the caller of capture says: kinds of inputs, where the loop over time is, what decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.frontends.samples import kind_of
from snndeploy.frontends.tracer import Time
from snndeploy.network.arrays import Array
from snndeploy.network.network import Decision, Input, InputKinds

PLACES: tuple[Time, ...] = ("outside", "inside", "batch-first", "held")
Kinds = InputKinds | None
Times = Time | Mapping[str, Time] | None


def inputs_of(arrays: Mapping[str, Array], said: Kinds) -> dict[str, Input]:
    """The inputs by name, of the kinds that were said or seen."""
    kinds = said if isinstance(said, Mapping) else dict.fromkeys(arrays, said)
    raise_errors(
        Finding("SD102", f"input_kind {name!r}", "there is no such input", f"name {', '.join(arrays)}")
        for name in kinds
        if name not in arrays
    )
    return {name: Input(name, array.shape[2:], kinds.get(name) or kind_of(array)) for name, array in arrays.items()}


def place_of(time: Times, inputs: Mapping[str, Input]) -> tuple[Time, frozenset[str]] | None:
    """Where the caller says that the loop is, and which inputs are held."""
    by_name = dict(time) if isinstance(time, Mapping) else {}
    places: set[Any] = {*by_name.values()} if by_name else {time}
    wrong = [repr(each) for each in places if each not in (None, *PLACES)]
    if wrong:
        what = f"time = {', '.join(wrong)} is none of {', '.join(map(repr, PLACES))}"
        raise error("SD308", "capture", what, "leave it out")
    if not by_name:
        return None if time is None else (cast(Time, time), frozenset(inputs if time == "held" else ()))
    if {*by_name} != {*inputs} or len(places - {"held"}) > 1 or {"outside", "held"} <= places:
        what = f"time = {by_name} does not say for each of {', '.join(inputs)} whether it is 'inside' or 'held'"
        raise error("SD308", "capture", what, "leave it out, or name every input")
    held = frozenset(name for name, place in by_name.items() if place == "held")
    if held == {*inputs} or "outside" in places:
        return cast(Time, next(iter(places))), held
    return cast(Time, next(iter(places - {"held"}))), held


def decision_of(said: str, outputs: tuple[str, ...]) -> Decision:
    """ "rule" of the only output, or "output:rule"."""
    name, _, rule = said.rpartition(":")
    if not name and len(outputs) != 1:
        what = f"the network has {len(outputs)} outputs ({', '.join(outputs)})"
        raise error("SD102", "decision", what, f"say of which: '{outputs[0]}:{rule}'" if outputs else "")
    return Decision(name or outputs[0], cast(Any, rule))
