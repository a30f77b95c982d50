"""A spiking convolutional network in snnTorch for event cameras: N-MNIST, a user's own recordings, or simulated ones.

conv 5×5 16, Leaky, max-pool of spikes; conv 5×5 32, Leaky, pool; conv 3×3 64, Leaky, pool; 256, Leaky; 10, Leaky.
The pool looks at spikes: its output spikes where one of its inputs does, and a chip can do that.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import snntorch as snn
from snntorch import surrogate
from torch import nn

from snndeploy.train.data import Data

DT = 12e-3
TRAIN = {"epochs": 20, "batch": 32, "lr": 1e-3, "loss": "rate"}


def build(
    beta: float = 0.95, threshold: float = 1.0, dropout: float = 0.0, slope: float = 5.0, reset: str = "zero"
) -> nn.Sequential:
    """(batch, 2, 34, 34) counts of events of one step -> (batch, 10) spikes.

    Args:
        beta: decay of all membranes per step. threshold: of all neurons. dropout: before the last layer, 0: none.
        slope: of the surrogate gradient (fast sigmoid). reset: zero, which Loihi 1 has, or subtract.
    """

    def leaky() -> snn.Leaky:
        grad = surrogate.fast_sigmoid(slope=slope)
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
    layers += [("fc2", nn.Linear(256, 10)), ("out", leaky())]
    return nn.Sequential(OrderedDict(layers))


def data(folder: Path | None = None, steps: int = 25, samples: int | None = None, damaged: str = "refuse") -> Data:
    """Counts of events uint8 (steps, sample, 2, 34, 34).

    Args:
        folder: recordings below <label>/, or a .zip of them; None: digits seen by a simulated camera.
        samples: of the simulated training set. damaged: refuse or skip.
    """
    from snndeploy.train.datasets.event_data import nmnist, saccades

    return saccades(steps, train=samples) if folder is None else nmnist(steps, folder, damaged=damaged)
