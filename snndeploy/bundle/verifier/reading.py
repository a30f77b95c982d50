"""Text and arrays from members of a bundle, with nothing taken on trust."""

from __future__ import annotations

import io
import json
import tokenize
from math import prod
from typing import Any

import numpy as np

from .refusal import AGAIN, refuse

Array = Any
TYPES = {"|b1", "|u1", "|i1", "<i2", "<u2", "<i4", "<i8", "<f8"}
# numbers in one array, or between two maps at one step
NUMBERS = 2**28
DEEPEST_TEXT = 2**26


def document(members: dict[str, bytes], name: str) -> Any:
    """The JSON of a member: canonical text, so that one content has one form.

    Raises:
        Refused SD866: it is none.
    """
    raw = members.get(name, b"")
    try:
        if len(raw) > DEEPEST_TEXT:
            raise ValueError("too long")
        found = json.loads(raw.decode("ascii"))
        canonical = text(found) == raw
    except (ValueError, RecursionError) as problem:
        raise refuse("SD866", name, f"it is not JSON ({type(problem).__name__})", AGAIN) from problem
    if not canonical:
        raise refuse("SD866", name, "it is not JSON as snndeploy writes it", AGAIN)
    return found


def text(content: Any) -> bytes:
    """Canonical JSON: keys sorted, ASCII, no NaN."""
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def array(members: dict[str, bytes], name: str) -> Array:
    """The array of a .npy member; nothing is unpickled.

    Raises:
        Refused SD866: it is none, or of another type than arrays of a bundle have. SD864: it is too large.
    """
    raw = members.get(name)
    if raw is None:
        raise refuse("SD862", name, "it is named, and the bundle does not hold it", AGAIN)
    stream = io.BytesIO(raw)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("another version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, EOFError, tokenize.TokenError) as problem:
        raise refuse("SD866", name, "it is not a .npy array", AGAIN) from problem
    if dtype.str not in TYPES or fortran or any(n < 0 for n in shape) or len(shape) > 16:
        what = f"an array of {dtype.str} in {'Fortran' if fortran else 'C'} order is not one of a bundle"
        raise refuse("SD866", name, what, AGAIN)
    if prod(shape) > NUMBERS:
        raise refuse("SD864", name, f"{prod(shape):,} numbers are more than {NUMBERS:,}", AGAIN)
    at = stream.tell()
    if len(raw) - at != prod(shape) * dtype.itemsize:
        raise refuse("SD866", name, f"its length does not fit its shape {shape}", AGAIN)
    return np.frombuffer(raw, dtype, offset=at).reshape(shape)


class Fields:
    """A JSON object whose fields are asked for by name and type.

    Raises:
        Refused SD866: one is missing, or of another type.
    """

    def __init__(self, held: Any, where: str):
        if not isinstance(held, dict):
            raise refuse("SD866", where, "it is not an object of named fields", AGAIN)
        self.held, self.where = held, where

    def wrong(self, name: str, what: str) -> Exception:
        return refuse("SD866", f"{self.where}, {name}", what, AGAIN)

    def get(self, name: str, kind: type | tuple[type, ...]) -> Any:
        value = self.held.get(name)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.wrong(name, f"it is {type(value).__name__}, not {' or '.join(k.__name__ for k in kinds)}")
        return value

    def whole(self, name: str, least: int = 0, most: int = 2**31) -> int:
        value = self.get(name, int)
        if not least <= value <= most:
            raise self.wrong(name, f"it is outside {least:,}..{most:,}")
        return int(value)

    def word(self, name: str, among: tuple[str, ...] | None = None) -> str:
        value = self.get(name, str)
        if among is not None and value not in among:
            raise self.wrong(name, f"it is not one of {', '.join(among)}")
        return str(value)

    def wholes(self, name: str, least: int = 0, most: int = 2**31) -> tuple[int, ...]:
        value = self.get(name, list)
        if len(value) > 16 or not all(type(n) is int and least <= n <= most for n in value):
            raise self.wrong(name, f"it is not a list of whole numbers in {least:,}..{most:,}")
        return tuple(value)

    def objects(self, name: str) -> list[Fields]:
        return [Fields(each, f"{self.where}, {name}[{i}]") for i, each in enumerate(self.get(name, list))]
