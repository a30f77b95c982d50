"""What training minimises, by name: those of `snntorch.functional` are called as they are there.

`x: float (time, batch, class)`, what the output neurons emit or their membranes; `labels: int64 (batch,)`. Each is a
mean over the samples, so that the parts of a batch add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, one_hot


@dataclass(frozen=True)
class Loss:
    """A loss, what it looks at, and how a network that was trained with it decides."""

    of: Callable[[Tensor, Tensor, float], Tensor]
    signal: Literal["spikes", "v"]
    decision: Literal["spike-count", "last-v", "max-v"]


def rate_loss(spikes: Tensor, labels: Tensor, scale: float = 10.0) -> Tensor:
    """Cross-entropy of `scale` · spikes per step. `spikes: (time, batch, class)`, `labels: int64 (batch,)`."""
    return cross_entropy(scale * spikes.mean(dim=0), labels)


def ce_rate_loss(spikes: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Cross-entropy of the spikes of each step, the mean over the steps. Eshraghian et al., Proc. IEEE 2023."""
    del scale
    return cross_entropy(spikes.flatten(0, 1), labels.repeat(len(spikes)))


def ce_count_loss(spikes: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Cross-entropy of the spike counts."""
    del scale
    return cross_entropy(spikes.sum(dim=0), labels)


def mse_count_loss(spikes: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Squared distance of the counts from a spike in every step for the label and none for the others, per step.

    Shrestha and Orchard, SLAYER, NeurIPS 2018.
    """
    del scale
    wanted = len(spikes) * one_hot(labels, spikes.shape[2]).to(spikes.dtype)
    return mse_loss(spikes.sum(dim=0), wanted) / len(spikes)


def ce_max_membrane_loss(v: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Cross-entropy of the largest membrane of all steps. Zenke, SpyTorch, 2019."""
    del scale
    return cross_entropy(v.amax(dim=0), labels)


def ce_last_membrane_loss(v: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Cross-entropy of the membrane of the last step."""
    del scale
    return cross_entropy(v[-1], labels)


def mse_membrane_loss(v: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Squared distance of the membrane from 1 for the label and 0 for the others, the sum over the steps per step."""
    del scale
    wanted = one_hot(labels, v.shape[2]).to(v.dtype)
    return mse_loss(v, wanted.expand_as(v))


LOSSES: dict[str, Loss] = {
    "rate": Loss(rate_loss, "spikes", "spike-count"),
    "ce_rate_loss": Loss(ce_rate_loss, "spikes", "spike-count"),
    "ce_count_loss": Loss(ce_count_loss, "spikes", "spike-count"),
    "mse_count_loss": Loss(mse_count_loss, "spikes", "spike-count"),
    "ce_max_membrane_loss": Loss(ce_max_membrane_loss, "v", "max-v"),
    "ce_last_membrane_loss": Loss(ce_last_membrane_loss, "v", "last-v"),
    "mse_membrane_loss": Loss(mse_membrane_loss, "v", "last-v"),
}


def chosen(x: Tensor, decision: str) -> Tensor:
    """The class of each sample, int64 (batch,): most spikes, last or largest membrane; the lowest index wins a tie."""
    scores = (x != 0).sum(dim=0) if decision == "spike-count" else x[-1] if decision == "last-v" else x.amax(dim=0)
    classes = torch.arange(scores.shape[1], device=x.device).expand_as(scores)
    return torch.where(scores == scores.amax(dim=1, keepdim=True), classes, scores.shape[1]).amin(dim=1)
