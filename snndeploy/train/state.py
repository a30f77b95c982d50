"""Where a run is: all that changes while it goes on, beside weights, optimizer and generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Epoch(NamedTuple):
    """One epoch: of the training samples in training mode, and of those held back (None: there are none).

    rate: spikes per step and neuron; None: not known, for the module is not captured.
    """

    loss: float
    accuracy: float
    rate: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass
class Sums:
    """Of the batches of one epoch so far."""

    loss: float = 0.0
    penalty: float = 0.0
    right: float = 0.0
    count: float = 0.0
    neuron_steps: float = 0.0
    spikes: dict[str, float] = field(default_factory=dict)


@dataclass
class State:
    """Position and history.

    Attributes:
        epoch, batch: the next batch to be done. step: batches done in all.
        stale: epochs since the last improvement.
        best_epoch: number of the best epoch, from 1; 0: none yet. best: its weights.
        watched: (accuracy, loss) that were best so far, of what is watched.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    stale: int = 0
    best_epoch: int = 0
    best: dict[str, Any] | None = None
    watched: tuple[float, float] | None = None
    stopped: bool = False
    sums: Sums = field(default_factory=Sums)
    history: list[Epoch] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values and tensors."""
        return {**vars(self), "sums": dict(vars(self.sums)), "history": [tuple(each) for each in self.history]}

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> State:
        history = [Epoch(*each) for each in saved["history"]]
        return cls(**{**saved, "sums": Sums(**saved["sums"]), "history": history})

    def after_epoch(self, done: Epoch, patience: int) -> bool:
        """Takes note of an epoch; True if it is the best so far.

        With samples held back, the best epoch is that of the most right decisions there, then of the least loss;
        without, nothing but the training samples could choose, and the last epoch is the one that counts.
        """
        self.history.append(done)
        held = done.validation_accuracy is not None and done.validation_loss is not None
        now = (done.validation_accuracy or 0.0, -(done.validation_loss or 0.0)) if held else (0.0, -done.loss)
        better = self.watched is None or now > self.watched
        self.stale = 0 if better else self.stale + 1
        self.watched = now if better else self.watched
        self.stopped = bool(patience) and self.stale >= patience
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, Sums()
        if better or not held:
            self.best_epoch = self.epoch
        return better or not held
