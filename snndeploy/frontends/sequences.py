"""The axis of time: what happens to the tensors of a module that has the loop over time inside.

`x[step]`, `for frame in x` and `torch.stack(recorded)` take steps apart and put them together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from snndeploy.frontends.rearranging import rearranged
from snndeploy.frontends.value import Steps, Value, make, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

ONE_STEP = "let forward take one step: x of shape (batch, *shape); capture does the time loop"


def index(tracer: Tracer, func: Any, args: tuple[Any, ...], result: Any) -> Any:
    """x[step] and x[a:b] along the axis of time, then whatever is picked of each sample."""
    value, place = args
    meaning = value.meaning
    rest: Any = place
    if isinstance(meaning, Steps) and meaning.axis >= 0 and not meaning.total:
        apart = split(place, plain(value).ndim, meaning.axis)
        if apart is not None:
            at, ahead, behind = apart
            picked: Any = meaning.items[at] if isinstance(at, int) else replace(meaning, items=meaning.items[at])
            tracer.took = tracer.took or at != slice(None)
            whole = (*(slice(None),) * meaning.axis, at)
            value = make(tracer, plain(value)[whole], picked, aliased=True)
            rest = (*ahead, *behind) if isinstance(at, int) else (*ahead, slice(None), *behind)
            if all(isinstance(each, slice) and each == slice(None) for each in rest):
                return make(tracer, result, picked, aliased=True)
    return rearranged(tracer, "getitem", func, (value, rest), {}, result)


def split(place: Any, rank: int, axis: int) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]] | None:
    """(index along `axis`, what comes before, what comes behind); None where that is no single step and no slice."""
    places = list(place) if isinstance(place, tuple) else [place]
    if any(isinstance(each, torch.Tensor) and each.dtype == torch.bool for each in places):
        return None
    takes = sum(each is not None and each is not Ellipsis for each in places)
    dots = next((k for k, each in enumerate(places) if each is Ellipsis), len(places))
    places[dots : dots + 1] = [slice(None)] * (rank - takes)
    at = [k for k, each in enumerate(places) if each is not None][axis]
    here = places[at]
    if isinstance(here, torch.Tensor) and here.ndim == 0 and not isinstance(here, Value):
        here = int(here)
    if isinstance(here, bool) or not isinstance(here, (int, slice)):
        return None
    return here, tuple(places[:at]), tuple(places[at + 1 :])


def apart(tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Any:
    """unbind, and iteration: steps, or what each sample holds along one of its axes."""
    value = args[0]
    axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    meaning = value.meaning
    if isinstance(meaning, Steps) and meaning.axis == axis % plain(value).ndim and not meaning.total:
        tracer.took = True
        return tuple(make(tracer, each, item, aliased=True) for each, item in zip(result, meaning.items, strict=True))
    return rearranged(tracer, "unbind", func, args, kwargs, result)
