"""Rate-coded digits in Norse: 784, LIF, LIF; MNIST, FashionMNIST, or scikit-learn's digits where no folder is given.

A pixel spikes as often as it is bright, at even distances; the class with most spikes wins. A spike sets the membrane
to zero, which every Loihi does as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from norse.torch import LIFCell, LIFParameters, SequentialState
from torch import nn

from snndeploy.network.arrays import Array
from snndeploy.train.data import Data, digits, rate_code

DT = 1e-3
TRAIN = {"epochs": 8, "batch": 128, "lr": 2e-3, "scale": 20.0}


def build(hidden: int = 256, tau_syn: float = 2e-3, tau_mem: float = 4e-3, alpha: float = 100.0) -> SequentialState:
    """(batch, 784) spikes of one step and the state -> (batch, 10) spikes and the state.

    Args:
        hidden: neurons. tau_syn, tau_mem: seconds. alpha: slope of the surrogate gradient (SuperSpike).
    """

    def cell() -> LIFCell:
        about = {"tau_syn_inv": 1 / tau_syn, "tau_mem_inv": 1 / tau_mem, "alpha": alpha}
        return LIFCell(LIFParameters(**{name: torch.tensor(value) for name, value in about.items()}), dt=DT)

    first, last = nn.Linear(784, hidden), nn.Linear(hidden, 10)
    # a step moves the membrane by a part of its input: torch's initial weights would leave the neurons silent
    with torch.no_grad():
        first.weight.mul_(2)
        last.weight.mul_(2)
    return SequentialState(first, cell(), last, cell())


def data(folder: Path | None = None, kind: str = "mnist", steps: int = 16, samples: int | None = None) -> Data:
    """Spikes uint8 (steps, sample, 784).

    Args:
        folder: of the IDX files. kind: mnist or fashion. samples: of the training set, the first ones; None: all.
    """
    if folder is None:
        small = digits(steps)

        def enlarged(x: Array) -> Array:
            whole = np.pad(x.repeat(3, axis=-2).repeat(3, axis=-1), [(0, 0)] * 3 + [(2, 2)] * 2)
            return whole.astype(np.uint8).reshape(*x.shape[:2], 784)

        return Data(enlarged(small.train), small.train_labels, enlarged(small.test), small.test_labels)
    from snndeploy.train.datasets.mnist import mnist

    held = mnist(folder, kind, download=False).first(samples, None)

    def coded(pictures: Array) -> Array:
        # a thousand at a time: the sums are float64
        parts = np.array_split(pictures.reshape(len(pictures), 784) / 255, -(-len(pictures) // 1000))
        return np.concatenate([rate_code(part, steps).astype(np.uint8) for part in parts], axis=1)

    return Data(coded(held.train), held.train_labels, coded(held.test), held.test_labels)
