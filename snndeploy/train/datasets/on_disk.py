"""Samples of a Dataset that take long to make, kept on disk one by one, so that a stopped run leaves whole files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, replacing, short
from snndeploy.train.datasets.cache import VERSION


class OnDisk(Dataset[Any]):
    """The samples (x, label) of a Dataset, each made once for all epochs, runs and processes.

    A file is written beside its place and moved there when it is whole; one that is damaged is made again. Two
    processes that make the same sample write the same file. What is drawn at random is kept as it was drawn first.

    Args:
        folder: where files are kept, by recipe and index. recipe: everything that samples depend on, as JSON.

    Raises:
        SnnDeployError SD802: the folder cannot be written.
    """

    def __init__(self, dataset: Any, folder: str | Path, recipe: Mapping[str, Any]):
        text = json.dumps({"version": VERSION, **recipe}, sort_keys=True, default=str)
        self.dataset, self.folder = dataset, Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise self._unwritten(problem) from None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, k: int) -> tuple[Any, Any]:
        path = self.folder / f"{int(k)}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                return held["x"], held["label"]
        except UNREADABLE:
            pass  # not there, or cut off: made again
        x, label = self.dataset[k]
        made = np.asarray(x), np.asarray(label)
        try:
            with replacing(path) as fresh:
                np.savez_compressed(fresh, x=made[0], label=made[1])
        except OSError as problem:
            raise self._unwritten(problem) from None
        return made

    def _unwritten(self, problem: OSError) -> Exception:
        what = f"it cannot be written ({short(problem)})"
        return error("SD802", str(self.folder), what, "name another folder for the cache")
