"""Arithmetic on values: sums, differences and constant factors keep a meaning; everything else is refused by name.

A constant is a number, a parameter or a buffer: what a trained module holds. A tensor made in forward is none, as
nothing says that it is the same in the next step; zeros are nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from snndeploy.frontends.layers import numbers
from snndeploy.frontends.value import Affine, Steps, Sum, Value, each_step, item_shape, make, merge, plain, through
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Scale, Shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

ADDS = {"add", "add_", "__add__", "__radd__", "__iadd__"}
SUBTRACTS = {"sub", "sub_", "__sub__", "__rsub__", "__isub__", "rsub", "subtract"}
MULTIPLIES = {"mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply"}
DIVIDES = {"div", "div_", "__truediv__", "__itruediv__", "true_divide", "divide"}
NEGATES = {"neg", "__neg__", "negative"}
ARITHMETIC = ADDS | SUBTRACTS | MULTIPLIES | DIVIDES | NEGATES
IN_PLACE = {each for each in ARITHMETIC if each.endswith("_") and (each[:2] != "__" or each[:3] == "__i")}
BUFFER = "make it a parameter or a buffer of the module: self.register_buffer(...)"


@lru_cache(maxsize=64)
def number(factor: float) -> Affine:
    """A factor as torch uses it: in float32."""
    return Affine((Scale(np.asarray(np.float64(np.float32(factor)))),))


def arithmetic(tracer: Tracer, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Any:
    """a + b, a - b, f·a, a / f and -a."""
    a, b = args[0], kwargs.get("other", args[1] if len(args) > 1 else None)
    if name in NEGATES:
        return make(tracer, result, _times(a, number(-1.0)))
    if name in ("rsub", "__rsub__"):
        a, b = b, a
    if name in MULTIPLIES | DIVIDES:
        meaning = _scaled(tracer, name, a, b, kwargs)
    else:
        meaning = _added(tracer, name, a, b, kwargs, result)
    if meaning is None:
        return tracer.unknown(result)
    if name in IN_PLACE:
        return _in_place(tracer, name, args[0], meaning, result)
    return make(tracer, result, meaning)


def _in_place(tracer: Tracer, name: str, value: Any, meaning: Any, result: Any) -> Any:
    sign = {"a": "+", "s": "-", "m": "*", "d": "/", "t": "/"}[name.strip("_").removeprefix("i")[0]]
    if not isinstance(value, Value) or value.aliased:
        what = f"{sign}= changes a value that others may still use"
        tracer.refuse("SD302", what, f"write a = a {sign} b")
        return tracer.unknown(result)
    value.meaning = meaning
    return value


def _times(value: Value, affine: Affine) -> Any:
    shape = item_shape(value, value.meaning)
    return each_step(lambda total: through(total, affine, shape), value.meaning)


def constant(tracer: Tracer, given: Any, shape: Shape) -> Array | None:
    """A constant that has one number per element of `shape` at most, else None; every sample gets the same."""
    if isinstance(given, (int, float)):
        return np.asarray(np.float64(np.float32(given)))
    if (
        not isinstance(given, torch.Tensor)
        or isinstance(given, Value)
        or (given.dtype == torch.float64 and given.ndim > 0)
    ):
        return None
    if given.ndim and not tracer.constants.knows(given):
        return None
    array = numbers(given.to(torch.float32))
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = array[0]
    try:
        return array if np.broadcast_shapes(array.shape, shape) == shape else None
    except ValueError:
        return None


def _scaled(tracer: Tracer, name: str, a: Any, b: Any, kwargs: Mapping[str, Any]) -> Any:
    value, factor = (a, b) if isinstance(a, Value) else (b, a)
    word = "div" if name in DIVIDES else "mul"
    if isinstance(value, Value) and not isinstance(factor, Value):
        shape = item_shape(value, value.meaning)
        array = constant(tracer, factor, shape)
        by = word == "mul" or (value is a and array is not None and bool(np.all(array != 0)))
        if array is not None and by and not kwargs.get("rounding_mode"):
            array = array if word == "mul" else 1.0 / array
            affine = number(array.item()) if word == "mul" and array.ndim == 0 else Affine((Scale(array),))
            return _times(value, affine)
        what = f"{word}() by {_kind(factor)}" if array is None else f"{word}() has no meaning in the network"
        tracer.refuse("SD302", what, f"{BUFFER}, or put the factor into the weights of the layer before or behind")
        return None
    tracer.refuse(
        "SD302",
        f"{word}() of two values that both depend on the input has no meaning in the network",
        "a network adds; let a neuron do what is not linear",
    )
    return None


def _kind(given: Any) -> str:
    if isinstance(given, torch.Tensor):
        return f"a tensor of {tuple(given.shape)} that is no parameter or buffer of the module, or does not fit"
    return f"the {type(given).__name__} {given!r}"


def _added(tracer: Tracer, name: str, a: Any, b: Any, kwargs: Mapping[str, Any], result: torch.Tensor) -> Any:
    alpha = kwargs.get("alpha", 1)
    alpha = -alpha if name in SUBTRACTS else alpha
    values = [each for each in (a, b) if isinstance(each, Value)]
    shape = item_shape(values[0], values[0].meaning)
    parts: list[Any] = []
    for each in (a, b):
        if isinstance(each, Value):
            if item_shape(each, each.meaning) != shape:
                shapes = [item_shape(v, v.meaning) for v in values]
                what = f"values of shapes {shapes[0]} and {shapes[1]} are added"
                tracer.refuse("SD302", what, "bring both to one shape")
                return None
            parts.append(each.meaning)
            continue
        array = constant(tracer, each, shape)
        if array is not None:
            parts.append(Sum(constant=array) if np.any(array) else Sum())
        elif isinstance(each, torch.Tensor) and tracer.is_silence(each) and _fits(each, values[0], result):
            parts.append(Sum(silent=True))
        else:
            tracer.refuse("SD303", f"{_kind(each)} is added", BUFFER)
            return None
    axes = {m.axis for m in parts if isinstance(m, Steps)}
    lengths = {len(m.items) for m in parts if isinstance(m, Steps)}
    if (
        len(axes) > 1
        or len(lengths) > 1
        or (axes and axes != {0} and any(isinstance(m, Sum) and m.paths for m in parts))
    ):
        tracer.refuse("SD302", "values with different axes of time are added", "bring both to (time, batch, *shape)")
        return None
    if alpha != 1:
        affine = number(float(alpha))
        parts[1] = each_step(lambda total: through(total, affine, shape), parts[1])
    return each_step(merge, *parts)


def _fits(silence: torch.Tensor, value: Value, result: torch.Tensor) -> bool:
    return silence.ndim == 0 or tuple(result.shape) == tuple(plain(value).shape)
