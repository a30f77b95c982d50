"""Arguments of forward that are states: by which returned value each is fed in the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.errors import Finding
from snndeploy.frontends.entering import Stop
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.frontends.states import WHOLE
from snndeploy.frontends.value import State, Sum

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def feeds_of(tracer: Tracer, arguments: Mapping[str, bool], result: tuple[Any, ...]) -> dict[str, int]:
    """Where each state argument finds its next value: by the neuron that claimed it, else by its place."""
    feeds: dict[str, int] = {}
    echoes = {name: FAMILIES[type(each)].echo for name, each in tracer.modules.items()}
    open_arguments = [a for a in arguments if a not in tracer.claims]
    for argument in arguments:
        if argument not in tracer.claims:
            continue
        neuron, name = tracer.claims[argument]
        for place, value in enumerate(result):
            meaning = getattr(value, "meaning", None)
            state = isinstance(meaning, State) and (meaning.neuron, meaning.name) == (neuron, name)
            echo = name == echoes[neuron] and isinstance(meaning, Sum) and meaning.bare == neuron
            if state or echo or (name == WHOLE and _is_state_of(neuron, value)):
                feeds[argument] = place
        if argument not in feeds:
            tracer.note(
                Finding(
                    "SD305",
                    tracer.named(""),
                    f"forward takes {argument!r}, {name!r} of {neuron!r}, and does not return it",
                    "return every state that forward takes",
                )
            )
            raise Stop
    if not open_arguments:
        return feeds
    if len(result) == 1 + len(arguments):
        places = {argument: 1 + i for i, argument in enumerate(arguments)}
        return {**{a: places[a] for a in open_arguments}, **feeds}
    if all(arguments[a] for a in open_arguments) and len(result) == 1:
        return feeds
    tracer.note(
        Finding(
            "SD305",
            tracer.named(""),
            f"forward takes {len(arguments)} states ({', '.join(arguments)}) and returns {len(result) - 1} behind the "
            "output",
            "return the output first, then every state in the order of the arguments",
        )
    )
    raise Stop


def _is_state_of(neuron: str, value: Any) -> bool:
    """True for a named tuple that holds the states of one neuron."""
    meanings = [getattr(each, "meaning", None) for each in value] if isinstance(value, tuple) else []
    return any(isinstance(m, State) and m.neuron == neuron for m in meanings)
