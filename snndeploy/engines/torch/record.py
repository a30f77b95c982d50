"""What a run records, written where it belongs as soon as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numba import njit, uint64

from snndeploy.engines.torch.layout import Layout
from snndeploy.network.arrays import Array


@njit(cache=True, nogil=True)
def copy_moved(x: Any, out: Any) -> None:
    """x: uint8 (steps, samples, places, channels) -> out: uint8 (steps, samples, channels, places)."""
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            row, to = x[t, b], out[t, b]
            for c in range(uint64(row.shape[1])):
                for p in range(uint64(row.shape[0])):
                    to[c, p] = row[p, c]


class Record:
    """Arrays (steps, batch, *shape) by what and by population."""

    def __init__(self, record: tuple[str, ...], steps: int, batch: int, only: frozenset[str] | None = None):
        self.record, self.only, self.steps, self.batch = record, only, steps, batch
        self.kept: dict[str, dict[str, Array]] = {"spikes": {}, "u": {}, "v": {}}
        self._lock = Lock()

    def wanted(self, name: str) -> tuple[str, ...]:
        """What is recorded of one population."""
        return self.record if self.only is None or name in self.only else ()

    def _whole(self, what: str, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        with self._lock:
            if name not in self.kept[what]:
                self.kept[what][name] = np.empty((self.steps, self.batch, *shape), dtype)
            return self.kept[what][name]

    def put(self, what: str, name: str, start: int, samples: slice, rows: Array) -> None:
        """Rows (steps, samples, *shape) from step `start` on."""
        whole = self._whole(what, name, rows.shape[2:], rows.dtype)
        whole[start : start + rows.shape[0], samples] = rows

    def put_spikes(self, name: str, start: int, samples: slice, rows: Array, layout: Layout) -> None:
        """Bytes (steps, samples, size), 0 or 1, as they lie inside the engine."""
        whole = self._whole("spikes", name, layout.shape, np.bool_)[start : start + rows.shape[0], samples]
        if not layout.moved:
            whole[...] = rows.reshape(whole.shape)
            return
        channels, places = layout.shape[0], prod(layout.shape[1:])
        copy_moved(
            rows.reshape(*rows.shape[:2], places, channels),
            whole.view(np.uint8).reshape(*rows.shape[:2], channels, places),
        )

    @property
    def arrays(self) -> Mapping[str, Mapping[str, Array]]:
        return self.kept
