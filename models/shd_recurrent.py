"""Spoken digits as the spikes of a cochlea, in Norse: 700, LIF 128, LIF 256 with dropout, LIF; or recurrent.

The Spiking Heidelberg Digits (20 classes) where a folder holds them; spoken digits of the Free Spoken Digit Dataset
(10 classes) through a model of the cochlea where it holds those; without a folder, made-up words through that model.
Settings and the arguments of data() were chosen on training samples held back; the recurrent layer, through which
gradients grow, wants them clipped (--set recurrent=yes --clip 0.3). To look for others, without the test:

    snndeploy search shd_recurrent --data ../shared/data/fsdd --out runs/search --trials 12 --set epochs=15 \\
        --set accelerate=true --range lr=5e-4:1e-2:log --range dropout=0.0:0.5 --range tau_syn=2e-3:8e-3:log \\
        --range channels=0:30
"""

from __future__ import annotations

from pathlib import Path

import torch
from norse.torch import LIFCell, LIFParameters, LIFRecurrentCell, SequentialState
from torch import nn

from snndeploy.errors import error
from snndeploy.train.augment import Augment
from snndeploy.train.data import Data

DT = 1e-3
TRAIN = {"epochs": 60, "batch": 32, "lr": 3e-3, "optimizer": "adamw", "weight_decay": 0.1, "scale": 20.0}


def build(
    hidden: int = 128,
    wide: int = 256,
    recurrent: bool = False,
    classes: int = 10,
    dropout: float = 0.2,
    tau_syn: float = 4e-3,
    tau_mem: float = 3.3e-3,
    method: str = "super",
    alpha: float | None = None,
    gain: float = 3.0,
    within: float = 0.3,
) -> SequentialState:
    """(batch, 700) spikes of one step and the state -> (batch, classes) spikes and the state.

    Args:
        hidden, wide: neurons of the first and second layer. recurrent: the first layer sees its own spikes.
        dropout: before the last layer, 0: none. tau_syn, tau_mem: in steps of a millisecond.
        method: of the surrogate gradient: "super", 1 / (1 + |v - v_th|)², or tanh, triangle, circ, heavi_erfc.
        alpha: of the last four, None: Norse's; Norse 1.1 computes "super" without it. gain: of the initial weights.
        within: of those between the neurons of the recurrent layer, which Norse draws from N(0, 2 / hidden): at 1 they
            drown the input.
    """

    def about() -> LIFParameters:
        held = {"tau_syn_inv": 1 / tau_syn, "tau_mem_inv": 1 / tau_mem} | ({} if alpha is None else {"alpha": alpha})
        return LIFParameters(**{name: torch.tensor(value) for name, value in held.items()}, method=method)

    def linear(inputs: int, outputs: int) -> nn.Linear:
        made = nn.Linear(inputs, outputs)
        with torch.no_grad():
            made.weight.mul_(gain)
        return made

    first: list[nn.Module] = [linear(700, hidden), LIFCell(about(), dt=DT)]
    if recurrent:
        cell = LIFRecurrentCell(700, hidden, about(), dt=DT)
        with torch.no_grad():
            cell.input_weights.copy_(linear(700, hidden).weight)
            cell.recurrent_weights.mul_(within)
        first = [cell]
    drop = [nn.Dropout(dropout)] if dropout else []
    second = [linear(hidden, wide), LIFCell(about(), dt=DT), *drop]
    return SequentialState(*first, *second, linear(wide, classes), LIFCell(about(), dt=DT))


def data(
    folder: Path | None = None,
    steps: int = 64,
    window: float = 0.01,
    samples: int = 600,
    cache: str = "",
    shift: int = 4,
    speed: float = 0.1,
    channels: int = 15,
    drop: float = 0.1,
) -> Data:
    """Spikes of 700 channels, uint8 (steps, sample, 700), 0 or 1.

    Args:
        folder: of shd_train.h5 and shd_test.h5, or of fsdd_900.npz.
        steps, window: of so many seconds. Spoken digits end before 0.64 s, all but 1 %; SHD wants 100 steps of 0.014 s.
        samples: made-up words, a third of them for the test.
        cache: a folder that keeps what was heard.
        shift, speed, channels, drop: each training sample is another one in each epoch, see `train.augment.Augment`.
    """
    from snndeploy.train.datasets.event_data import shd
    from snndeploy.train.datasets.fetch import find
    from snndeploy.train.datasets.speech import FILES, made_up_words, spoken_digits

    if folder is None:
        held = made_up_words(steps, window, samples - samples // 3, samples // 3, cache=cache or None)
    elif find(folder, ("shd_train.h5",)):
        held = shd(steps, folder, window)
    elif find(folder, FILES):
        held = spoken_digits(steps, window, folder, cache=cache or None)
    else:
        fix = f"shd_train.h5 and shd_test.h5, or {FILES[0]}"
        raise error("SD880", str(folder), "it holds neither SHD nor spoken digits", fix)
    x, x_test = ((each > 0).astype(each.dtype) for each in (held.train, held.test))
    augment = Augment(shift, speed, (channels,), drop)
    return Data(x, held.train_labels, x_test, held.test_labels, augment)
