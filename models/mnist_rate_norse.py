"""Rate-coded digits in Norse: 784, LIF, LIF; MNIST, FashionMNIST, or scikit-learn's digits where no folder is given.

A pixel spikes as often as it is bright, at even distances (or as another code says); the class with most spikes wins.
A spike sets the membrane to zero, which every Loihi does as it is.
"""

from __future__ import annotations

from pathlib import Path

import torch
from norse.torch import LIFCell, LIFParameters, SequentialState
from torch import nn

from snndeploy.train.data import Data

DT = 1e-3
TRAIN = {"epochs": 8, "batch": 128, "lr": 2e-3, "scale": 20.0}


def build(hidden: int = 256, tau_syn: float = 2e-3, tau_mem: float = 4e-3) -> SequentialState:
    """(batch, 784) spikes of one step and the state -> (batch, 10) spikes and the state.

    Args:
        hidden: neurons. tau_syn, tau_mem: seconds.
    """

    def cell() -> LIFCell:
        about = {"tau_syn_inv": 1 / tau_syn, "tau_mem_inv": 1 / tau_mem}
        return LIFCell(LIFParameters(**{name: torch.tensor(value) for name, value in about.items()}), dt=DT)

    first, last = nn.Linear(784, hidden), nn.Linear(hidden, 10)
    # a step moves the membrane by a part of its input: torch's initial weights would leave the neurons silent
    with torch.no_grad():
        first.weight.mul_(2)
        last.weight.mul_(2)
    return SequentialState(first, cell(), last, cell())


def data(
    folder: Path | None = None,
    kind: str = "mnist",
    steps: int = 16,
    code: str = "rate",
    samples: int | None = None,
    download: bool = False,
) -> Data:
    """Spikes uint8 (steps, sample, 784); of MNIST, or scikit-learn's 8×8 digits three times enlarged.

    Args:
        folder: of the IDX files; download: fetch those that are missing there. kind: mnist or fashion.
        code: rate, poisson, latency, counts, or "still": the picture itself in every step.
        samples: of the training set, the first ones; None: all.
    """
    from snndeploy.train.datasets.encoders import coded
    from snndeploy.train.datasets.small import pictures_of

    held = pictures_of(folder, kind, download).first(samples, None)
    x, x_test = (coded(each.reshape(-1, 784), steps, code) for each in (held.train, held.test))
    return Data(x, held.train_labels, x_test, held.test_labels)
