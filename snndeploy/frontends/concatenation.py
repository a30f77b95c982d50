"""torch.cat and torch.stack: steps that were recorded, or neurons side by side.

Of neurons every part goes to its own place in the whole, by a map of zeros and ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from snndeploy.frontends.rearranging import meant
from snndeploy.frontends.selections import moved
from snndeploy.frontends.states import refused_as_state
from snndeploy.frontends.value import MERGED, State, Steps, Sum, Value, each_step, make, merge, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

JOINS = {"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "row_stack", "column_stack"}


def join(
    tracer: Tracer, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> Any:
    """See the module."""
    name, parts = func.__name__, list(args[0] if args else kwargs["tensors"])
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else 0)) % result.ndim
    recorded = None if tracer.time == "outside" else _recorded(tracer, parts, axis, name == "stack")
    if recorded is not None:
        return make(tracer, result, recorded)
    values = [part for part in parts if isinstance(part, Value)]
    if refused_as_state(tracer, name, values):
        return tracer.unknown(result)
    total: Any = Sum()
    for k, part in enumerate(parts):
        if isinstance(part, Value):
            meaning = _placed(tracer, func, parts, k, args[1:], kwargs)
        elif tracer.is_silence(part):
            meaning = Sum(silent=True)
        else:
            tracer.refuse("SD303", f"{name}() joins a tensor that does not come from the input", "pass it as input")
            return tracer.unknown(result)
        fits = isinstance(total, Sum) or not isinstance(meaning, Steps) or _alike(total, meaning)
        if meaning is None or not fits:
            what = f"{name}() along axis {axis} joins steps or samples, not neurons"
            tracer.refuse("SD302", what, "record steps in a list and torch.stack it; join axis 1")
            return tracer.unknown(result)
        total = each_step(merge, total, meaning)
    return make(tracer, result, total)


def _alike(a: Steps, b: Steps) -> bool:
    return a.axis == b.axis and len(a.items) == len(b.items)


def _placed(
    tracer: Tracer, func: Callable[..., Any], parts: list[Any], k: int, rest: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """The meaning of part k with zeros around it, in the shape of the whole."""
    around = [torch.zeros(each.shape, dtype=torch.float64) for each in parts]
    named = {name: each for name, each in kwargs.items() if name in ("dim", "axis")}

    def run(x: torch.Tensor) -> torch.Tensor:
        whole: torch.Tensor = func([*around[:k], x, *around[k + 1 :]], *rest, **named)
        return whole

    found = moved(run, tuple(plain(parts[k]).shape))
    meaning = None if found is None else meant(tracer, parts[k], found)
    timed = isinstance(parts[k].meaning, Steps)
    return meaning if isinstance(meaning, Steps) == timed else None


def _recorded(tracer: Tracer, parts: list[Any], axis: int, stacked: bool) -> Steps | None:
    """The steps that the parts hold, one after the other along `axis`; None where they hold neurons."""
    items: list[Any] = []
    for part in parts:
        if isinstance(part, Value):
            alone = () if stacked else (each for each in part.lone if each.axis == axis)
            meaning = next(iter(alone), part.meaning)
            if stacked and isinstance(meaning, (Sum, State)):
                items.append(meaning)
            elif not stacked and isinstance(meaning, Steps) and not meaning.total and meaning.axis == axis != MERGED:
                items += meaning.items
            else:
                return None
        elif stacked and tracer.is_silence(part):
            items.append(Sum(silent=True))
        elif part.numel():
            return None
    when = [each for each in map(_step, items) if each is not None]
    together = stacked and len(when) > 1 and len(set(when)) == 1
    return None if together else Steps(tuple(items), axis)


def _step(item: Sum | State) -> int | None:
    """The step that a value is of, if it is of one."""
    if isinstance(item, State):
        return item.step
    return max((p.step for p in item.paths if p.step is not None), default=None)
