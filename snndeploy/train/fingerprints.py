"""Hashes that tell whether a run is resumed with what it was begun with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

# of larger arrays, evenly spaced rows are read, this much in all
LIMIT = 1 << 28


def of_file(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def of_arrays(arrays: Iterable[tuple[str, Tensor]]) -> str:
    """Of names, types, shapes and bytes; of arrays beyond 256 MiB, of evenly spaced samples."""
    found = hashlib.sha256()
    for name, tensor in arrays:
        array = tensor.numpy()
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        if array.nbytes > LIMIT and array.ndim > 1:
            array = array[:, :: -(-array.nbytes // LIMIT)]
        for row in array:
            found.update(np.ascontiguousarray(row).tobytes())
    return found.hexdigest()


def of_module(module: nn.Module, file: str | Path | None, arguments: Mapping[str, Any] | None = None) -> str:
    """Of the model file and its arguments; without one, of the names and shapes of what the module holds."""
    if file is not None:
        said = json.dumps(arguments, sort_keys=True, default=str) if arguments else ""
        return of_file(file) if not said else hashlib.sha256((of_file(file) + said).encode()).hexdigest()
    held = [f"{name} {each.dtype} {tuple(each.shape)}" for name, each in module.state_dict().items()]
    return hashlib.sha256("\n".join([type(module).__qualname__, *held]).encode()).hexdigest()
