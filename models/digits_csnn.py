"""A convolutional spiking network in snnTorch, for 8×8 digits.

The hidden layers are reset to zero, which every Loihi does; the output layer subtracts its threshold, so that its spike
count follows its input more finely. Loihi 2 needs a programmed neuron for that.
"""

from __future__ import annotations

from collections import OrderedDict

import snntorch as snn
from snntorch import surrogate
from torch import nn

from snndeploy.train.data import Data, digits

DT = 1e-3
STEPS = 16
TRAIN = {"epochs": 12, "batch": 64, "lr": 4e-3}


def build() -> nn.Sequential:
    """(batch, 1, 8, 8) spikes of one step -> (batch, 10) spikes."""

    def leaky(**settings: object) -> snn.Leaky:
        return snn.Leaky(beta=0.9, spike_grad=surrogate.atan(), init_hidden=True, **settings)

    layers = {
        "conv1": nn.Conv2d(1, 8, 3, padding=1),
        "lif1": leaky(reset_mechanism="zero"),
        "pool": nn.AvgPool2d(2),
        "conv2": nn.Conv2d(8, 16, 3, padding=1),
        "lif2": leaky(reset_mechanism="zero"),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(16 * 4 * 4, 10),
        "out": leaky(reset_mechanism="subtract"),
    }
    return nn.Sequential(OrderedDict(layers))


def data() -> Data:
    """scikit-learn's digits, rate coded."""
    return digits(STEPS)
