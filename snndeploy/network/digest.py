"""A hash of a network by what it holds: two files with the same hash compute the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from snndeploy.network.network import Network


def content(value: Any) -> str:
    """A hash of dataclasses, sequences, mappings and arrays by what they hold."""
    made = hashlib.blake2b(digest_size=16)
    _feed(made, value)
    return made.hexdigest()


def network_hash(network: Network) -> str:
    """Of all that a network computes: neither where it came from nor the module it was captured from."""
    return content(network.with_(source=None, provenance={}))


def _feed(made: Any, value: Any) -> None:
    made.update(type(value).__name__.encode())
    if hasattr(value, "tocsr"):
        value = (value.shape, *(getattr(value.tocsr(), n) for n in ("data", "indices", "indptr")))
    if isinstance(value, np.ndarray):
        made.update(f"{value.dtype.str}{value.shape}".encode())
        made.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        for each in fields(value):
            made.update(each.name.encode())
            _feed(made, getattr(value, each.name))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            made.update(str(key).encode())
            _feed(made, value[key])
    elif isinstance(value, (tuple, list)):
        made.update(str(len(value)).encode())
        for each in value:
            _feed(made, each)
    else:
        made.update(repr(value).encode())
