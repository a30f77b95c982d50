"""A convolutional spiking network in snnTorch, for 8×8 digits.

The hidden layers are reset to zero, which every Loihi does; the output layer subtracts its threshold, so that its spike
count follows its input more finely. Loihi 2 needs a programmed neuron for that.
"""

from __future__ import annotations

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

    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        leaky(reset_mechanism="zero"),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        leaky(reset_mechanism="zero"),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
        leaky(reset_mechanism="subtract"),
    )


def data() -> Data:
    """scikit-learn's digits, rate coded."""
    return digits(STEPS)
