"""Batches of recorded events: they travel to the device as they are, and become frames there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snndeploy.frontends.arguments import INPUT
from snndeploy.network.arrays import Array
from snndeploy.train.batches import Batch, Inputs, Part, Source, check_labels, divided, shuffled
from snndeploy.train.datasets.recorded import Recorded
from snndeploy.train.fingerprints import of_arrays


class EventBatches(Source):
    """Recordings in memory, frame by frame on the device.

    Args:
        order: seed of the order; None: as they are. index: the recordings that are used; None: all.
    """

    draws = False

    def __init__(self, of: Recorded, batch: int, order: int | None, where: str, index: Array | None = None):
        self.of, self.batch, self.order, self.where = of, batch, order, where
        self.index = np.arange(len(of)) if index is None else index
        self.samples: int = len(self.index)
        self.batches: int = -(-self.samples // batch)
        check_labels(of.labels, where)

    def split(self, share: float, seed: int) -> tuple[EventBatches, EventBatches]:
        """The recordings that are trained with, and a share that is held back."""
        kept, held = (self.index[each] for each in divided(self.samples, share, seed))
        return (
            EventBatches(self.of, self.batch, self.order, self.where, kept),
            EventBatches(self.of, self.batch, None, self.where, held),
        )

    def labels(self, names: Array) -> Tensor:
        return torch.from_numpy(self.of.labels[names].astype(np.int64))

    def epoch(self, epoch: int, start: int, part: Part) -> Iterator[Batch]:
        whole = torch.arange(self.samples) if self.order is None else shuffled(self.samples, self.order, epoch)
        for batch in torch.split(whole, self.batch)[start:]:
            own, weight = part.of(batch.tolist())
            names = self.index[own]
            events: Any = self.of.some(names)
            yield Batch({INPUT: events}, self.labels(names), names.tolist(), len(batch), weight)

    def first(self, count: int) -> tuple[Inputs, Tensor]:
        names = self.index[:count]
        return {INPUT: self.of.some(names).float()}, self.labels(names)

    def fingerprint(self) -> str:
        return of_arrays([(name, torch.from_numpy(each)) for name, each in self.of.arrays()])
