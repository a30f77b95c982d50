"""Arrays that take long to make, kept on disk: a file per recipe, found again by what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, replacing
from snndeploy.network.arrays import Array

# raised when what makes an array changes what it makes
VERSION = 2


def stamp(path: Path) -> list[Any]:
    """What tells whether a file is still the same without reading it: name, size, time of its last change."""
    about = path.stat()
    return [path.name, about.st_size, about.st_mtime_ns]


def cached(
    folder: str | Path | None, name: str, recipe: Mapping[str, Any], make: Callable[[], Mapping[str, Array]]
) -> dict[str, Array]:
    """What `make` returns, from the folder if it was made there before from the same recipe.

    Args:
        folder: None: nothing is kept. recipe: everything that the arrays depend on, as JSON.

    Raises:
        SnnDeployError SD802: the folder cannot be written.
    """
    if folder is None:
        return dict(make())
    text = json.dumps({"version": VERSION, "name": name, **recipe}, sort_keys=True, default=str)
    path = Path(folder) / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            if str(held["recipe"]) == text:
                return {key: held[key] for key in held.files if key != "recipe"}
    except UNREADABLE:
        pass  # not there, or cut off: made again
    made = dict(make())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **{"recipe": np.array(text), **made})  # type: ignore[arg-type]
    except OSError as problem:
        what = f"it cannot be written ({problem.strerror})"
        raise error("SD802", str(folder), what, "name another folder for the cache, or None") from None
    return made
