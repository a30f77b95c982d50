"""The outputs of a module that does one step per call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from snndeploy.errors import Finding
from snndeploy.frontends.arguments import INPUT
from snndeploy.frontends.value import State, Sum, Unknown, Value

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def returned(result: Any) -> tuple[Any, ...]:
    """What forward returned, as a plain tuple. Named tuples and lists are one value."""
    return result if type(result) is tuple else (result,)


def step_outputs(tracer: Tracer, results: list[tuple[Any, ...]]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The population of the first returned value that is not a state; a new one where no neuron is behind it."""
    result = results[-1]
    places = [i for i, v in enumerate(result) if isinstance(v, Value) and isinstance(v.meaning, Sum)]
    first = result[places[0]] if places else next((v for v in result if isinstance(v, Value)), None)
    if first is None or isinstance(first.meaning, Unknown):
        tracer.note(
            Finding(
                "SD313",
                tracer.named(""),
                "forward returns no tensor that comes from the input",
                "return the spikes of the last neuron first",
            )
        )
        return (), {}
    if isinstance(first.meaning, State):
        return (first.meaning.neuron,), {}
    total = cast(Sum, first.meaning)
    bare = total.bare
    if bare is not None and bare != INPUT:
        return (bare,), {}
    layer = next((p.layers[-1] for p in reversed(total.paths) if p.layers), "output")
    name = layer if layer not in tracer.arrivals[-1] else f"{layer}.output"
    for arrivals, values in zip(tracer.arrivals, results, strict=True):
        meaning = getattr(values[places[0]], "meaning", None) if places[0] < len(values) else None
        arrivals[name] = meaning if isinstance(meaning, Sum) else Sum()
    tracer.shapes[name] = tuple(first.shape[1:])
    return (name,), {name: places[0]}
