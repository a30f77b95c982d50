"""Results kept in a tensor that was made beforehand: `recorded[step] = spikes`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snndeploy.frontends.sequences import split
from snndeploy.frontends.value import State, Steps, Sum, Unknown, Value, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

LIST = "append each step to a list and torch.stack it behind the loop"


def keep(tracer: Tracer, args: tuple[Any, ...]) -> None:
    """The tensor becomes a value whose steps are those that were kept in it, zeros where nothing was yet."""
    whole, place, value = args
    meaning = value.meaning if isinstance(value, Value) else None
    if isinstance(meaning, Unknown) or isinstance(getattr(whole, "meaning", None), Unknown):
        as_value(tracer, whole, Unknown())
        return
    found = None if tracer.time == "outside" else _place(place, whole.ndim)
    if found is None or not isinstance(meaning, (Sum, State)):
        tracer.refuse("SD302", *_why(tracer, value))
        return
    axis, step = found
    shape = tuple(plain(whole).shape)
    if shape[:axis] + shape[axis + 1 :] != tuple(plain(value).shape) or whole.dtype != value.dtype:
        what = f"{tuple(value.shape)} {value.dtype} is kept at [{place}] of a tensor of {shape} {whole.dtype}"
        tracer.refuse("SD302", what, f"keep all samples and neurons of one step at once, or {LIST}")
        return
    if not isinstance(whole, Value):
        start: Any = Sum(silent=True) if tracer.is_silence(whole) else Unknown()
        whole = as_value(tracer, whole, Steps((start,) * shape[axis], axis))
    held = whole.meaning
    if not isinstance(held, Steps) or held.axis != axis or held.total:
        tracer.refuse("SD302", "a value that holds no steps is changed in place", LIST)
        return
    step = step % shape[axis]
    whole.meaning = replace(held, items=(*held.items[:step], meaning, *held.items[step + 1 :]))


def as_value(tracer: Tracer, whole: Any, meaning: Steps | Sum | Unknown) -> Value:
    """A tensor that was made in forward, from now on with a meaning."""
    whole.__class__ = Value
    whole.meaning, whole.tracer, whole.aliased, whole.lone = meaning, tracer, False, ()
    value: Value = whole
    return value


def _place(place: Any, rank: int) -> tuple[int, int] | None:
    """(axis, step), where exactly one axis is picked."""
    for axis in range(rank):
        apart = split(place, rank, axis)
        if apart is not None and isinstance(apart[0], int):
            rest = (*apart[1], *apart[2])
            return (axis, apart[0]) if all(isinstance(r, slice) and r == slice(None) for r in rest) else None
    return None


def _why(tracer: Tracer, value: Any) -> tuple[str, str]:
    if not isinstance(value, Value):
        return "numbers of a value are overwritten", "multiply by a mask that is a buffer of the module"
    if tracer.time == "outside":
        return "setitem() has no meaning in the network", LIST
    return "it is kept at a place that is not one step", LIST
