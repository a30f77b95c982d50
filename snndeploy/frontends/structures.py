"""Structures of tensors that forward returns: tuples, lists, dicts, named tuples and dataclasses, nested."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any

# keys from the outermost structure inwards
Place = tuple[Any, ...]


def parts(value: Any) -> list[tuple[Any, Any]] | None:
    """Keys and values of a structure; None for anything else."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (tuple, list)):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(each.name, getattr(value, each.name)) for each in dataclasses.fields(value)]
    return None


def field_names(value: Any) -> tuple[str, ...]:
    """The names that the parts of a dict, a named tuple or a dataclass have, in the order of `parts`."""
    if isinstance(value, tuple):
        return tuple(getattr(value, "_fields", ()))
    return tuple(str(key) for key, _ in parts(value) or ()) if not isinstance(value, list) else ()


def leaves(value: Any, whole: Callable[[Any], bool] = lambda each: False) -> Iterator[tuple[Place, Any]]:
    """All that is no structure, or `whole` as it is, with its place."""
    inner = None if whole(value) else parts(value)
    if inner is None:
        yield (), value
        return
    for key, each in inner:
        for place, leaf in leaves(each, whole):
            yield (key, *place), leaf


def pick(value: Any, place: Place) -> Any:
    """What is at a place. Raises LookupError or AttributeError where there is none."""
    for key in place:
        inner = dict(parts(value) or ())
        value = inner[key]
    return value


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with `change(leaf)` for every leaf."""
    if isinstance(value, Mapping):
        new: Any = copy(value)
        for key, each in value.items():
            new[key] = changed(each, change)
        return new
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(changed(each, change) for each in value))
    if isinstance(value, (tuple, list)):
        return type(value)(changed(each, change) for each in value)
    inner = parts(value)
    if inner is None:
        return change(value)
    return dataclasses.replace(value, **{key: changed(each, change) for key, each in inner})
