"""Digits before an event camera in Norse: conv, LIF, conv, LIF, linear, LIF; or 2 x 34 x 34, LIF, LIF.

N-MNIST where a folder or .zip holds its recordings. `--set simulated=yes` with MNIST's folder: its pictures through the
simulated camera, to train with before the recordings, where only some of them are at hand:

    snndeploy train nmnist_norse --data ../shared/data/mnist --set simulated=yes --set skip=1000 --out runs/seen
    snndeploy train nmnist_norse --data nmnist_train_1000.zip --weights runs/seen/best.pt --out runs/recorded
"""

from __future__ import annotations

from pathlib import Path

import torch
from norse.torch import LIFCell, LIFParameters, SequentialState
from torch import nn

from snndeploy.train.augment import Augment
from snndeploy.train.data import Data

DT = 1e-3
TRAIN = {"epochs": 20, "batch": 32, "lr": 2e-3, "scale": 20.0}


def build(
    dense: bool = False,
    channels: int = 12,
    wide: int = 24,
    hidden: int = 128,
    dropout: float = 0.0,
    tau_syn: float = 2e-3,
    tau_mem: float = 4e-3,
    method: str = "super",
    alpha: float | None = None,
    gain: float = 2.0,
) -> SequentialState:
    """(batch, 2, 34, 34) counts of events of one step and the state -> (batch, 10) spikes and the state.

    Args:
        dense: no convolutions, `hidden` neurons. channels, wide: of both convolutions, which see every other pixel.
        dropout: before the last layer, 0: none. tau_syn, tau_mem: in steps of a millisecond.
        method: of the surrogate gradient: "super", 1 / (1 + |v - v_th|)², or tanh, triangle, circ, heavi_erfc.
        alpha: of the last four, None: Norse's; Norse 1.1 computes "super" without it. gain: of the initial weights.
    """

    def cell() -> LIFCell:
        held = {"tau_syn_inv": 1 / tau_syn, "tau_mem_inv": 1 / tau_mem} | ({} if alpha is None else {"alpha": alpha})
        numbers = {name: torch.tensor(value) for name, value in held.items()}
        return LIFCell(LIFParameters(**numbers, method=method), dt=DT)

    def stronger(made: nn.Conv2d | nn.Linear) -> nn.Module:
        # a step moves the membrane by a part of its input: torch's initial weights would leave the neurons silent
        with torch.no_grad():
            made.weight.mul_(gain)
        return made

    drop = [nn.Dropout(dropout)] if dropout else []
    if dense:
        first = [nn.Flatten(), stronger(nn.Linear(2 * 34 * 34, hidden)), cell()]
        return SequentialState(*first, *drop, stronger(nn.Linear(hidden, 10)), cell())
    convolutions = [stronger(nn.Conv2d(2, channels, 5, stride=2, padding=2)), cell()]
    convolutions += [stronger(nn.Conv2d(channels, wide, 5, stride=2, padding=2)), cell(), nn.Flatten()]
    return SequentialState(*convolutions, *drop, stronger(nn.Linear(wide * 9 * 9, 10)), cell())


def data(
    folder: Path | None = None,
    steps: int = 25,
    simulated: bool = False,
    skip: int = 0,
    samples: int | None = None,
    test: int | None = None,
    shift: int = 0,
    pixels: int = 0,
    drop: float = 0.0,
    damaged: str = "refuse",
    fold: int = -1,
) -> Data:
    """Counts of events uint8 (steps, sample, 2, 34, 34).

    Args:
        folder: recordings below <label>/, or a .zip of them; None: digits seen by a simulated camera.
        simulated: the folder holds MNIST's pictures, and the simulated camera sees them.
        skip: pictures of MNIST that are left out, the first ones: recording 00001 of N-MNIST is of the first picture,
            so that those who are tested on the first recordings must not have seen the first pictures.
        samples, test: of the simulated training and test set. damaged: refuse or skip recordings that cannot be read.
        fold: 0 to 4: which fifth of the recordings is the test, where none are set apart; -1: it is drawn.
        shift, pixels, drop: each training sample is another one in each epoch, see `train.augment.Augment`.
    """
    from snndeploy.train.datasets.event_data import nmnist, saccades

    if simulated or folder is None:
        held = saccades(steps, folder, samples, test, skip)
    else:
        held = nmnist(steps, folder, damaged=damaged, fold=None if fold < 0 else fold)
    augment = Augment(shift, places=(pixels, pixels), drop=drop)
    return Data(held.train, held.train_labels, held.test, held.test_labels, augment)
