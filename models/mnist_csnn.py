"""A convolutional spiking network in snnTorch, for 28×28 digits: what `make bench` measures.

conv 3×3 32, average pool, Leaky, conv 3×3 64, average pool, Leaky, 512, Leaky, 10, Leaky.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import snntorch as snn
from snntorch import surrogate
from torch import nn

from snndeploy.network.arrays import Array
from snndeploy.train.data import Data, digits

DT = 1e-3
STEPS = 25
TRAIN = {"epochs": 6, "batch": 64, "lr": 2e-3}


def build(
    beta: float = 0.9, reset: str = "zero", reset_delay: bool = True, slope: float | None = None
) -> nn.Sequential:
    """(batch, 1, 28, 28) spikes of one step -> (batch, 10) spikes.

    Args:
        beta: decay of all membranes per step.
        reset: what a spike does to them, "zero", "subtract" or "none".
        reset_delay: whether it does so one step later.
        slope: of a fast sigmoid as the surrogate gradient; None: atan.
    """
    grad = surrogate.atan() if slope is None else surrogate.fast_sigmoid(slope=slope)

    def leaky() -> snn.Leaky:
        how = {"reset_mechanism": reset, "reset_delay": reset_delay}
        return snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True, **how)

    layers = {
        "conv1": nn.Conv2d(1, 32, 3, padding=1),
        "pool1": nn.AvgPool2d(2),
        "lif1": leaky(),
        "conv2": nn.Conv2d(32, 64, 3, padding=1),
        "pool2": nn.AvgPool2d(2),
        "lif2": leaky(),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(64 * 7 * 7, 512),
        "lif3": leaky(),
        "fc2": nn.Linear(512, 10),
        "out": leaky(),
    }
    return nn.Sequential(OrderedDict(layers))


def data() -> Data:
    """scikit-learn's digits of 8×8 pixels, three times enlarged, rate coded: they stand in for MNIST."""
    small = digits(STEPS)

    def enlarged(x: Array) -> Array:
        return np.pad(x.repeat(3, axis=-2).repeat(3, axis=-1), [(0, 0)] * 3 + [(2, 2)] * 2)

    return Data(enlarged(small.train), small.train_labels, enlarged(small.test), small.test_labels)
