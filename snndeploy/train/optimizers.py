"""torch's optimizers and schedules of the learning rate, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import lr_scheduler

from snndeploy.errors import error

if TYPE_CHECKING:
    from snndeploy.train.settings import Settings

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
SCHEDULERS = ("none", "cosine", "step", "plateau", "one-cycle")


def optimizer(how: Settings, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """torch's optimizer of that name, with its own defaults for what the settings do not say."""
    said: dict[str, Any] = {"lr": how.lr, "weight_decay": how.weight_decay}
    if how.optimizer in ("sgd", "rmsprop"):
        said["momentum"] = how.momentum
    return OPTIMIZERS[how.optimizer]([each for each in parameters if each.requires_grad], **said)


class Schedule:
    """A learning rate that changes with the batches or with the epochs.

    | name | torch's | steps |
    |---|---|---|
    | cosine | CosineAnnealingLR, to 0 after the last batch | per batch |
    | one-cycle | OneCycleLR without momentum, up to `lr` and down again | per batch |
    | step | StepLR, times `gamma` every `period` epochs | per epoch |
    | plateau | ReduceLROnPlateau, times `gamma` after `period` epochs without improvement | per epoch |

    Args:
        batches: of an epoch; None: unknown, as in a stream.

    Raises:
        SnnDeployError SD807: the schedule needs to know how many batches there are, and nothing says it.
    """

    def __init__(self, how: Settings, optimizer: torch.optim.Optimizer, batches: int | None):
        self.per_batch = how.scheduler in ("cosine", "one-cycle")
        if self.per_batch and batches is None:
            what = "it needs the number of batches, and the data do not say how many they are"
            raise error("SD807", f"scheduler {how.scheduler!r}", what, "use none, step or plateau")
        steps = how.epochs * (batches or 1)
        self.inner: Any = None
        if how.scheduler == "cosine":
            self.inner = lr_scheduler.CosineAnnealingLR(optimizer, steps)
        elif how.scheduler == "one-cycle":
            self.inner = lr_scheduler.OneCycleLR(optimizer, max_lr=how.lr, total_steps=steps, cycle_momentum=False)
        elif how.scheduler == "step":
            self.inner = lr_scheduler.StepLR(optimizer, how.period, how.gamma)
        elif how.scheduler == "plateau":
            self.inner = lr_scheduler.ReduceLROnPlateau(optimizer, factor=how.gamma, patience=how.period)
        self.plateau = how.scheduler == "plateau"

    def after_batch(self) -> None:
        if self.per_batch:
            self.inner.step()

    def after_epoch(self, loss: float) -> None:
        """`loss`: what a plateau is looked for in."""
        if self.plateau:
            self.inner.step(loss)
        elif self.inner is not None and not self.per_batch:
            self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        return {} if self.inner is None else dict(self.inner.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.inner is not None:
            self.inner.load_state_dict(state)
