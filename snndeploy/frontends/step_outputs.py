"""What a module returned that does one step per call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.frontends.neurons import is_state
from snndeploy.frontends.outputs import Returned
from snndeploy.frontends.structures import Place, leaves, pick
from snndeploy.frontends.value import State, Sum, Value

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def of_steps(tracer: Tracer, results: list[Any], feeds: Mapping[str, Place]) -> Iterator[Returned]:
    """One for each tensor of the last step. What goes back as an argument that is never used is no state,
    unless it came in as one."""
    back = [place for argument, place in feeds.items() if argument in tracer.used]
    for place, leaf in leaves(results[-1]):
        meaning = getattr(leaf, "meaning", None)
        within = any(is_state(pick(results[-1], place[:n])) for n in range(len(place)))
        state = within or getattr(leaf, "fed", "") != "" or any(place[: len(each)] == each for each in back)
        if isinstance(meaning, State) or (isinstance(meaning, Sum) and not within):
            items = tuple(_meaning(result, place) for result in results)
            yield Returned(place, items, tuple(leaf.shape[1:]), state=state)


def _meaning(result: Any, place: Place) -> Sum | State:
    """What one step returned at a place; nothing, before it is there."""
    try:
        value = pick(result, place)
    except LookupError:
        return Sum()
    meaning = value.meaning if isinstance(value, Value) else None
    return meaning if isinstance(meaning, (Sum, State)) else Sum()
