"""What a run records, written where it belongs as soon as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

from snndeploy.engines.base import Job
from snndeploy.engines.torch.layout import Layout
from snndeploy.network.arrays import Array


class Record:
    """Arrays (steps, batch, ...) by what and by population, kept in the order in which they are computed."""

    def __init__(self, job: Job, steps: int, batch: int, layouts: Mapping[str, Layout]):
        self.job, self.steps, self.batch, self.layouts = job, steps, batch, layouts
        self.kept: dict[str, dict[str, Array]] = {"spikes": {}, "u": {}, "v": {}}
        self._lock = Lock()

    def wanted(self, name: str) -> tuple[str, ...]:
        """What is recorded of one population."""
        return self.job.record if self.job.only is None or name in self.job.only else ()

    def _whole(self, what: str, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        with self._lock:
            if name not in self.kept[what]:
                self.kept[what][name] = np.empty((self.steps, self.batch, *shape), dtype)
            return self.kept[what][name]

    def put(self, what: str, name: str, start: int, samples: slice, rows: Array) -> None:
        """Rows (steps, samples, *stored) from step `start` on; whole numbers become int64."""
        whole = self._whole(what, name, rows.shape[2:], np.int64 if rows.dtype == np.int32 else rows.dtype)
        whole[start : start + rows.shape[0], samples] = rows

    def put_natural(self, what: str, name: str, start: int, samples: slice, rows: Array) -> None:
        """The same with rows (steps, samples, *shape)."""
        layout = self.layouts[name]
        moved = np.moveaxis(rows, rows.ndim - len(layout.shape), -1) if layout.moved else rows
        self.put(what, name, start, samples, moved)

    def arrays(self, what: str) -> dict[str, Array]:
        """What was recorded, (steps, batch, *shape): views, channels first."""
        return {name: self.layouts[name].first(rows) for name, rows in self.kept[what].items()}
