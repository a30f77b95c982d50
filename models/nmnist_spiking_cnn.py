"""A spiking convolutional network in snnTorch for event cameras: N-MNIST, a user's own recordings, or simulated ones.

conv 5×5 16, Leaky, max-pool of spikes; conv 5×5 32, Leaky, pool; conv 3×3 64, Leaky, pool; 256, Leaky; 10, Leaky.
The pool looks at spikes: its output spikes where one of its inputs does, and a chip can do that.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from snndeploy.errors import error
from snndeploy.train.augment import Augment
from snndeploy.train.data import Data

DT = 12e-3
KINDS = ("nmnist", "gestures")
TRAIN = {"epochs": 20, "batch": 32, "lr": 1e-4, "loss": "rate"}
# torch's first weights, times this and the threshold, let each layer spike in about a tenth of the bins at beta 0.95:
# a threshold of 0.1 with weights w is the network of threshold 1 with weights 10 w
FIRST = {"conv1": 3.0, "conv2": 2.3, "conv3": 1.6, "fc1": 1.6, "fc2": 5.0}


def build(
    beta: float = 0.95,
    threshold: float = 0.1,
    dropout: float = 0.0,
    slope: float = 2.0,
    reset: str = "zero",
    classes: int = 10,
) -> nn.Sequential:
    """(batch, 2, 34, 34) or (batch, 2, 32, 32) counts of events of one step -> (batch, classes) spikes.

    Args:
        beta: decay of all membranes per step. threshold: of all neurons. dropout: before the last layer, 0: none.
        slope: of the surrogate gradient (fast sigmoid), over a membrane in thresholds. reset: zero, which Loihi 1 has,
            or subtract.
    """

    def leaky() -> snn.Leaky:
        grad = surrogate.fast_sigmoid(slope=slope / threshold)
        return snn.Leaky(
            beta=beta, threshold=threshold, spike_grad=grad, init_hidden=True, reset_mechanism=reset, reset_delay=False
        )

    layers: list[tuple[str, nn.Module]] = []
    for k, (inputs, outputs, size) in enumerate(((2, 16, 5), (16, 32, 5), (32, 64, 3)), 1):
        layers += [(f"conv{k}", nn.Conv2d(inputs, outputs, size, padding=size // 2)), (f"lif{k}", leaky())]
        layers.append((f"pool{k}", nn.MaxPool2d(2)))
    layers += [("flatten", nn.Flatten()), ("fc1", nn.Linear(64 * 4 * 4, 256)), ("lif4", leaky())]
    if dropout:
        layers.append(("dropout", nn.Dropout(dropout)))
    layers += [("fc2", nn.Linear(256, classes)), ("out", leaky())]
    module = nn.Sequential(OrderedDict(layers))
    with torch.no_grad():
        for name, factor in FIRST.items():
            for each in module.get_submodule(name).parameters():
                each.mul_(factor * threshold)
    return module


def data(
    folder: Path | None = None,
    steps: int = 25,
    simulated: bool = False,
    skip: int = 0,
    samples: int | None = None,
    test: int | None = None,
    pixels: int = 0,
    drop: float = 0.0,
    damaged: str = "refuse",
    fold: int = -1,
    kind: str = "nmnist",
    cache: str = "",
) -> Data:
    """Counts of events uint8 (steps, sample, 2, 34, 34); of gestures (steps, sample, 2, 32, 32).

    Args:
        folder: recordings below <label>/, or a .zip of them; None: digits seen by a simulated camera.
        simulated: the folder holds MNIST's pictures, and the simulated camera sees them.
        skip: pictures of MNIST that are left out, the first ones: recording 00001 of N-MNIST is of the first picture,
            so that those who are tested on the first recordings must not have seen the first pictures.
        samples, test: of the simulated training and test set. damaged: refuse or skip recordings that cannot be read.
        fold: 0 to 4: which fifth of the recordings is the test, where none are set apart; -1: it is drawn.
        kind: of the recordings: nmnist, or gestures: DVS Gesture, 4×4 pixels summed up, which has 11 classes.
        cache: a folder that keeps the counts of recordings.
        pixels, drop: each training sample is another one in each epoch, see `train.augment.Augment`.
    """
    from snndeploy.train.datasets.event_data import nmnist, saccades
    from snndeploy.train.datasets.gestures import dvs_gesture

    if kind not in KINDS:
        raise error("SD807", f"kind {kind!r}", "there are no such recordings", f"choose from {', '.join(KINDS)}")
    if kind == "gestures" and (simulated or folder is None):
        what = "simulated ones are asked for" if simulated else "nothing says in which folder"
        raise error("SD807", "kind 'gestures'", what, "name the folder of the recordings (--data), without simulated")
    if simulated or folder is None:
        held = saccades(steps, folder, samples, test, skip)
    elif kind == "gestures":
        held = dvs_gesture(folder, steps, damaged=damaged, cache=cache or None)
    else:
        held = nmnist(steps, folder, damaged=damaged, cache=cache or None, fold=None if fold < 0 else fold)
    return replace(held, augment=Augment(places=(pixels, pixels), drop=drop))
