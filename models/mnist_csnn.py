"""A convolutional spiking network in snnTorch for MNIST, as published and as a chip can have it.

conv 3×3 32, conv 3×3 64, 512, 10, Leaky behind each; both convolutions pool 2×2. The picture is shown in every step.

The published form (`pool="analogue"`) takes the maximum of what the convolution computes, before the neuron: no chip
whose neurons send spikes can do that, and capture refuses it (train it with --no-capture). What can be deployed is the
maximum of spikes, behind the neuron (`pool="spikes"`), or the average, which is linear (`pool="average"`).
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from snndeploy.errors import error
from snndeploy.train.data import Data

DT = 1e-3
TRAIN = {"epochs": 1, "batch": 128, "lr": 1e-2, "loss": "ce_rate_loss", "scheduler": "none"}
POOLS = ("analogue", "spikes", "average")


def build(
    pool: str = "average",
    beta: float = 0.5,
    slope: float | None = 25.0,
    reset: str = "subtract",
    reset_delay: bool = True,
    hidden: int = 512,
    first: float = 1.0,
) -> nn.Sequential:
    """(batch, 1, 28, 28) numbers or spikes of one step -> (batch, 10) spikes.

    Args:
        pool: "analogue": maximum before the neuron, "spikes": maximum behind it, "average": mean before it.
        beta: decay of all membranes per step. slope: of a fast sigmoid as the surrogate gradient; None: atan.
        reset: what a spike does to the membrane, "subtract", "zero" (which Loihi 1 has) or "none".
        reset_delay: whether it does so one step later, as snnTorch has it where nothing is said.
        hidden: neurons of the layer before the last.
        first: factor on torch's first weights, with which most neurons are silent and learn nothing for a while.
    """
    if pool not in POOLS:
        raise error("SD807", f"pool {pool!r}", "there is no such pool", f"choose from {', '.join(POOLS)}")
    grad = surrogate.atan() if slope is None else surrogate.fast_sigmoid(slope=slope)

    def leaky() -> snn.Leaky:
        how = {"reset_mechanism": reset, "reset_delay": reset_delay}
        return snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True, **how)

    layers: list[tuple[str, nn.Module]] = []
    for k, (inputs, outputs) in enumerate(((1, 32), (32, 64)), 1):
        pooling = nn.AvgPool2d(2) if pool == "average" else nn.MaxPool2d(2)
        behind = [(f"pool{k}", pooling), (f"lif{k}", leaky())]
        layers += [(f"conv{k}", nn.Conv2d(inputs, outputs, 3, padding=1))]
        layers += behind[::-1] if pool == "spikes" else behind
    layers += [("flatten", nn.Flatten()), ("fc1", nn.Linear(64 * 7 * 7, hidden)), ("lif3", leaky())]
    layers += [("fc2", nn.Linear(hidden, 10)), ("out", leaky())]
    module = nn.Sequential(OrderedDict(layers))
    with torch.no_grad():
        for each in module.parameters():
            each.mul_(first)
    return module


def data(
    folder: Path | None = None,
    steps: int = 100,
    code: str = "still",
    samples: int | None = None,
    download: bool = False,
) -> Data:
    """Pictures (steps, sample, 1, 28, 28), 0..1; of MNIST, or scikit-learn's 8×8 digits three times enlarged.

    Args:
        folder: of the IDX files; download: fetch those that are missing there.
        code: "still": the picture itself in every step, or rate, poisson, latency, counts.
        samples: of the training set, the first ones; None: all.
    """
    from snndeploy.train.datasets.encoders import coded
    from snndeploy.train.datasets.small import pictures_of

    held = pictures_of(folder, download=download).first(samples, None)
    x, x_test = (coded(each[:, None], steps, code) for each in (held.train, held.test))
    return Data(x, held.train_labels, x_test, held.test_labels)
