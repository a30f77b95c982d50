"""Arguments of forward that are states: by which returned value each is fed in the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.errors import Finding
from snndeploy.frontends.entering import Stop
from snndeploy.frontends.neurons import FAMILIES, is_state
from snndeploy.frontends.states import WHOLE
from snndeploy.frontends.structures import Place, changed, field_names, leaves, parts
from snndeploy.frontends.value import State, Sum, Value, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def entries(result: Any) -> list[tuple[Place, Any]]:
    """What forward returned, one by one, each with its place."""
    inner = None if is_state(result) else parts(result)
    return [((), result)] if inner is None else [((key,), value) for key, value in inner]


def feeds_of(tracer: Tracer, arguments: Mapping[str, bool], result: Any) -> dict[str, Place]:
    """Where each state argument finds its next value.

    By the neuron that takes it, where all come back in the order of the arguments or the first value is asked of
    forward; by its name in a dict or named tuple; else by its place: the states come back behind the outputs, in the
    order of the arguments, or as the only states among what is returned.
    """
    found = entries(result)
    names = field_names(result)
    feeds = _claimed(tracer, arguments, list(_nodes(result)), bool(names))
    for argument in arguments:
        if argument not in feeds and argument in names:
            feeds[argument] = found[names.index(argument)][0]
    missing = [a for a in arguments if a not in feeds]
    if not missing:
        return feeds
    behind = [place for place, _ in found[1:]]
    if not feeds and len(found) == len(arguments) and _all_of_one(tracer, [value for _, value in found]):
        return dict(zip(arguments, [place for place, _ in found], strict=True))
    if len(behind) == len(arguments):
        places = dict(zip(arguments, behind, strict=True))
        return {**{a: places[a] for a in missing}, **feeds}
    states = [place for place, value in found if place not in feeds.values() and _holds_state(value)]
    if len(states) == len(missing):
        return {**dict(zip(missing, states, strict=True)), **feeds}
    if len(behind) > len(arguments):
        places = dict(zip(arguments, behind[-len(arguments) :], strict=True))
        return {**{a: places[a] for a in missing}, **feeds}
    taken = {place[:1] for place in feeds.values()}
    if all(arguments[a] for a in missing) and not states and all(place in taken for place in behind):
        return feeds
    tracer.note(
        Finding(
            "SD305",
            tracer.named(""),
            f"forward takes {', '.join(arguments)} beside its input, and returns {len(behind)} values behind the first",
            "states come back behind the outputs, in the order of the arguments; an argument that is an input is "
            f"named in the sample: {{{missing[0]!r}: array, ...}}",
        )
    )
    raise Stop


def _claimed(
    tracer: Tracer, arguments: Mapping[str, bool], found: list[tuple[Place, Any]], named: bool
) -> dict[str, Place]:
    """Arguments that a neuron takes as its state: the same neuron must return it."""
    feeds: dict[str, Place] = {}
    echoes = {name: FAMILIES[type(each)].echo for name, each in tracer.modules.items()}
    owners = {**tracer.owners, **tracer.claims}
    places: list[int] = []
    for argument in arguments:
        if argument not in owners:
            continue
        neuron, name = owners[argument]
        for i, (place, value) in enumerate(found):
            meaning = getattr(value, "meaning", None)
            state = isinstance(meaning, State) and (meaning.neuron, meaning.name) == (neuron, name)
            echo = name == echoes.get(neuron, "") and isinstance(meaning, Sum) and meaning.bare == neuron
            # of a structure within a structure, as Norse's LIFRefrac returns, the whole
            whole = name == WHOLE and argument not in feeds and _is_state_of(neuron, value)
            if state or echo or whole:
                feeds[argument], at = place, i
        if argument in feeds:
            places.append(at)
        elif argument in tracer.claims:
            tracer.note(
                Finding(
                    "SD305",
                    tracer.named(""),
                    f"forward takes {argument!r}, {name!r} of {neuron!r}, and does not return it",
                    "return every state that forward takes",
                )
            )
            raise Stop
    if named or places == sorted(places):
        return feeds
    # a caller's own loop goes by places, so what comes back in another order is nobody's to guess
    return {a: place for a, place in feeds.items() if a in tracer.claims}


def _nodes(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every structure and every leaf, the outermost first."""
    yield place, value
    for key, each in parts(value) or ():
        yield from _nodes(each, (*place, key))


def marked(tracer: Tracer, argument: str, value: Any) -> Any:
    """The value as it comes in as an argument: whoever uses it shows that it is a state."""

    def mark(leaf: Any) -> Any:
        if not isinstance(leaf, Value):
            return leaf
        new = tracer.like(leaf, plain(leaf))
        new.fed = argument
        return new

    return changed(value, mark)


def _is_state_of(neuron: str, value: Any) -> bool:
    """True for a named tuple that holds the states of one neuron."""
    meanings = [getattr(each, "meaning", None) for each in value] if isinstance(value, tuple) else []
    return any(isinstance(m, State) and m.neuron == neuron for m in meanings)


def _all_of_one(tracer: Tracer, values: list[Any]) -> bool:
    """Spikes that a recurrent neuron takes back, which are the output too, and its other states."""
    first, *rest = [getattr(value, "meaning", None) for value in values]
    name = first.bare if isinstance(first, Sum) else None
    neuron = tracer.modules.get(name or "")
    echoes = neuron is not None and bool(FAMILIES[type(neuron)].echo)
    return echoes and all(isinstance(m, State) and m.neuron == name for m in rest)


def _holds_state(value: Any) -> bool:
    return any(isinstance(getattr(leaf, "meaning", None), State) for _, leaf in leaves(value))
