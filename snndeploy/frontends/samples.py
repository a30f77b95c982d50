"""What a caller gives as a sample: one array, or one for each argument of forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import torch

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.frontends.arguments import INPUT, STAR, Arguments, Slot, one, parameters
from snndeploy.network.arrays import Array
from snndeploy.network.network import InputKind

FIXED = (bool, int, float, str)
TIME_FIRST = "time is the first axis, then the batch: x[:, None] adds one"


def read_sample(module: torch.nn.Module, sample: Any) -> tuple[Arguments, dict[str, Array]]:
    """How forward is called with the sample, and an array (time, batch, *shape) per input of the network.

    One array is the first argument, and the input is named "input". A tuple holds one array for each argument of
    forward, in their order; a dict, or a named tuple, holds them by name. The inputs are named after the arguments.

    An argument that is a tuple or a dict itself is given as one: `((a, b),)`, `{"x": {"left": a, "right": b}}`. Where
    forward takes one argument alone, a tuple of several arrays is that argument; where it needs one alone, a dict with
    other names is. None leaves an argument at its default; numbers and texts are passed in every call.

    Raises:
        SnnDeployError SD101, SD103, SD104, SD111, SD316: all that does not fit, at once.
    """
    named = dict(zip(sample._fields, sample, strict=True)) if hasattr(sample, "_fields") else {}
    if isinstance(sample, Mapping):
        given = _by_name(module, sample)
    elif named and {*named} <= {p.name for p in parameters(module)}:
        given = _by_name(module, named)
    elif isinstance(sample, tuple) or _is_list_of_inputs(module, sample):
        given = _by_place(module, tuple(sample))
    else:
        arguments = one()
        return arguments, _checked({INPUT: sample}, arguments)
    arguments, arrays = _slots(module, given)
    if isinstance(sample, tuple) and len(arrays) == 1 and arguments.slots[0].key is None:
        slot = Slot(INPUT, arguments.slots[0].argument)
        arguments = Arguments((slot,), arguments.leading, arguments.within, arguments.fixed)
        arrays = {INPUT: next(iter(arrays.values()))}
    return arguments, _checked(arrays, arguments)


def other_reading(module: torch.nn.Module, sample: Any, arguments: Arguments) -> str:
    """What to try where a tuple went to arguments that have defaults, which may be states."""
    needed = [p for p in parameters(module) if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    if not isinstance(sample, tuple) or len(needed) != 1 or len(arguments.slots) < 2 or arguments.within:
        return ""
    names = ", ".join(slot.name for slot in arguments.slots)
    return f"the sample went to {names}; where {needed[0].name} is a tuple, give the sample as ((a, b),)"


def kind_of(array: Array) -> InputKind:
    """The narrowest kind that holds the array."""
    if np.isin(array, (0, 1)).all():
        return "binary"
    return "counts" if (array >= 0).all() and (array == np.floor(array)).all() else "real"


def _is_list_of_inputs(module: torch.nn.Module, sample: Any) -> bool:
    """A list of arrays for several arguments; any other list is one array."""
    if not isinstance(sample, list) or not all(getattr(each, "ndim", 0) > 2 for each in sample):
        return False
    return 1 < len(sample) <= len(_positional(module))


def _positional(module: torch.nn.Module) -> list[str]:
    """Arguments that can be given by position."""
    return [p.name for p in parameters(module) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _star(module: torch.nn.Module) -> str | None:
    return next((STAR + p.name for p in parameters(module) if p.kind == p.VAR_POSITIONAL), None)


def _by_place(module: torch.nn.Module, sample: tuple[Any, ...]) -> dict[str, Any]:
    names, star = _positional(module), _star(module)
    if len(sample) > len(names) and star is not None:
        return {**dict(zip(names, sample, strict=False)), star: sample[len(names) :]}
    if len(sample) > len(names) == 1:
        return {names[0]: sample}
    if len(sample) > len(names):
        takes = f"{len(names)} ({', '.join(names)})" if names else "none by position"
        what = f"it holds {len(sample)} arrays, and the arguments of forward are {takes}"
        raise error("SD316", "sample", what, "give one array per argument; np.stack(...) makes one of a list of steps")
    return dict(zip(names, sample, strict=False))


def _by_name(module: torch.nn.Module, sample: Mapping[Any, Any]) -> dict[str, Any]:
    known = parameters(module)
    names = [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.kind == p.VAR_KEYWORD for p in known):
        return {str(name): value for name, value in sample.items()}
    strange = [name for name in sample if name not in names]
    needed = [p.name for p in known if p.name in names and p.default is p.empty] or names
    if strange and len(needed) == 1:
        return {needed[0]: sample}
    raise_errors(
        Finding("SD316", f"sample {name!r}", "forward has no such argument", f"its arguments: {', '.join(names)}")
        for name in strange
    )
    return {name: sample[name] for name in names if name in sample}


def _slots(module: torch.nn.Module, given: Mapping[str, Any]) -> tuple[Arguments, dict[str, Any]]:
    """Slots for arguments, and what each of them gets."""
    slots: list[tuple[Slot, Any]] = []
    within: dict[str, type] = {}
    fixed: dict[str, Any] = {}
    for argument, value in given.items():
        if value is None:
            continue
        if isinstance(value, FIXED):
            fixed[argument] = value
        elif isinstance(value, Mapping):
            within[argument] = dict
            slots += [(Slot(str(key), argument, key), each) for key, each in value.items()]
        elif isinstance(value, tuple) or (isinstance(value, list) and all(hasattr(each, "ndim") for each in value)):
            within[argument] = list if isinstance(value, list) else tuple
            slots += [(Slot(f"{argument.lstrip(STAR)}{i}", argument, i), each) for i, each in enumerate(value)]
        else:
            slots.append((Slot(argument, argument), value))
    if not slots:
        raise error("SD103", "sample", "it holds no array", "give one array (time, batch, *shape) per argument")
    names = [slot.name for slot, _ in slots]
    raise_errors(
        Finding("SD101", f"sample {name!r}", "two inputs of the network have this name", "rename one of them")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    )
    used = {slot.argument for slot, _ in slots} | {*fixed}
    leading: list[str] = []
    for name in (*_positional(module), _star(module)):
        if name is None or name not in used:
            break
        leading.append(name)
    arguments = Arguments(tuple(slot for slot, _ in slots), tuple(leading), within, fixed)
    return arguments, {slot.name: value for slot, value in slots}


def _checked(given: Mapping[str, Any], arguments: Arguments) -> dict[str, Array]:
    """Arrays of numbers (time, batch, *shape), all of one time and batch."""
    arrays: dict[str, Array] = {}
    found: list[Finding] = []
    for slot in arguments.slots:
        where = "sample" if slot.name == INPUT else f"sample {slot.name!r}"
        try:
            array = _array(given[slot.name])
        except (TypeError, ValueError, RuntimeError) as problem:
            found.append(Finding("SD111", where, f"it is no array of numbers: {problem}", "give a NumPy array"))
            continue
        wrong = list(_wrong(where, array))
        found += wrong
        if not wrong:
            arrays[slot.name] = array
    sizes = {name: array.shape[:2] for name, array in arrays.items()}
    if len({*sizes.values()}) > 1:
        each = ", ".join(f"{name} {size}" for name, size in sizes.items())
        fix = "give all inputs as many steps and samples; a frame that stays is repeated: np.repeat(frame[None], T, 0)"
        found.append(Finding("SD103", "sample", f"its inputs differ in (time, batch): {each}", fix))
    raise_errors(found)
    return arrays


def _array(given: Any) -> Array:
    return np.asarray(given.detach().cpu() if isinstance(given, torch.Tensor) else given)


def _wrong(where: str, array: Array) -> Iterator[Finding]:
    if array.dtype.kind not in "biuf":
        yield Finding("SD111", where, f"its type is {array.dtype}, not numbers")
    elif array.ndim < 3 or prod(array.shape) == 0:
        what = f"its shape is {array.shape}, not (time, batch, *shape) with at least one of each"
        yield Finding("SD103", where, what, TIME_FIRST)
    elif not np.isfinite(array).all():
        yield Finding("SD104", where, f"{np.count_nonzero(~np.isfinite(array))} values are NaN or infinite")
