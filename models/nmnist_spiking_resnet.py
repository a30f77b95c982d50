"""A spiking residual network in snnTorch for event cameras: adaptive neurons, batch norm, skips, a Synaptic layer.

conv 5×5/2 16, norm, adaptive; block of two conv 3×3 16 with a skip; block of two conv 3×3/2 32 with a skip of 1×1/2,
adaptive; max-pool of spikes; 128, Synaptic; 10, Leaky. A skip adds currents in front of a neuron, so that a chip adds
up what arrives there. Batch norm becomes part of the weights when the network is captured.

snnTorch has no neuron that adapts. Here it is two populations: a fast one, Leaky, and a slow one, Synaptic, that the
spikes of the fast one charge and whose spikes inhibit it, neuron by neuron, for as long as its current lasts. Both
connections take a step, as they do on a chip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import snntorch as snn
import torch
from snntorch import surrogate
from torch import Tensor, nn

from snndeploy.train.data import Data

DT = 12e-3
TRAIN = {"epochs": 20, "batch": 32, "lr": 1e-3, "loss": "rate"}
# the spread of the current behind a norm, in thresholds: a tenth of the bins hold a spike at first
GAIN = 0.5
# statistics are those of about as many batches as fill 100 steps
MOMENTUM = 0.01


class Adaptive(nn.Module):
    """Leaky neurons that their own slow partners inhibit.

    fast: x + inhibit * slow spikes of the step before; slow: charge * fast spikes of the step before. Both weights are
    learned, one for each channel.
    """

    def __init__(self, channels: int, fast: snn.Leaky, slow: snn.Synaptic, charge: float, inhibit: float):
        super().__init__()
        self.fast, self.slow = fast, slow
        self.charge = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)
        self.inhibit = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)
        nn.init.constant_(self.charge.weight, charge)
        nn.init.constant_(self.inhibit.weight, -inhibit)

    def forward(self, x: Tensor, fast: Tensor, slow: Tensor) -> tuple[Tensor, Tensor]:
        """The current, and the spikes of the step before -> those of this step."""
        held: Tensor = self.slow(self.charge(fast))
        spikes: Tensor = self.fast(x + self.inhibit(slow))
        return spikes, held


class Residual(nn.Module):
    """(batch, 2, 34, 34) and the spikes of the adaptive layers a step before -> (batch, 10) spikes, and these anew."""

    def __init__(self, leaky: Any, slow: Any, synaptic: Any, threshold: float, adapt: float, dropout: float):
        super().__init__()

        def norm(channels: int) -> nn.BatchNorm2d:
            made = nn.BatchNorm2d(channels, momentum=MOMENTUM)
            nn.init.constant_(made.weight, GAIN * threshold)
            return made

        def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)

        self.stem, self.norm0 = conv(2, 16, 5, 2), norm(16)
        self.lif0 = Adaptive(16, leaky(), slow(), threshold / 2, adapt * threshold)
        self.conv1, self.norm1, self.lif1 = conv(16, 16, 3), norm(16), leaky()
        self.conv2, self.norm2, self.lif2 = conv(16, 16, 3), norm(16), leaky()
        self.skip2 = conv(16, 16, 1)
        self.conv3, self.norm3, self.lif3 = conv(16, 32, 3, 2), norm(32), leaky()
        self.conv4, self.norm4 = conv(32, 32, 3), norm(32)
        self.skip4 = conv(16, 32, 1, 2)
        self.lif4 = Adaptive(32, leaky(), slow(), threshold / 2, adapt * threshold)
        self.pool, self.flatten, self.dropout = nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(dropout)
        self.fc1, self.syn = nn.Linear(32 * 4 * 4, 128), synaptic()
        self.fc2, self.out = nn.Linear(128, 10), leaky()
        with torch.no_grad():
            for each, factor in ((self.skip2, 1.0), (self.skip4, 1.0), (self.fc1, 1.0), (self.fc2, 3.0)):
                each.weight.mul_(factor * threshold)

    def forward(
        self,
        x: Tensor,
        *,
        f0: Tensor | None = None,
        s0: Tensor | None = None,
        f4: Tensor | None = None,
        s4: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        if f0 is None or s0 is None or f4 is None or s4 is None:
            f0 = s0 = x.new_zeros(x.shape[0], 16, 17, 17)
            f4 = s4 = x.new_zeros(x.shape[0], 32, 9, 9)
        f0, s0 = self.lif0(self.norm0(self.stem(x)), f0, s0)
        z = self.lif1(self.norm1(self.conv1(f0)))
        z = self.lif2(self.norm2(self.conv2(z)) + self.skip2(f0))
        y = self.lif3(self.norm3(self.conv3(z)))
        f4, s4 = self.lif4(self.norm4(self.conv4(y)) + self.skip4(z), f4, s4)
        y = self.syn(self.fc1(self.dropout(self.flatten(self.pool(f4)))))
        return self.out(self.fc2(y)), f0, s0, f4, s4


def build(
    beta: float = 0.95,
    alpha: float = 0.8,
    threshold: float = 1.0,
    adapt: float = 0.5,
    slow: float = 0.9,
    dropout: float = 0.0,
    slope: float = 2.0,
    reset: str = "zero",
) -> Residual:
    """(batch, 2, 34, 34) counts of events of one step -> (batch, 10) spikes.

    Args:
        beta: decay of all membranes per step. alpha: of the current of the Synaptic layer. threshold: of all neurons.
        adapt: in thresholds, by how much a slow spike inhibits at first. slow: decay of the slow neurons' current.
        dropout: before the Synaptic layer. slope: of the surrogate gradient (fast sigmoid), over a membrane in
            thresholds. reset: zero, which Loihi 1 has, or subtract.
    """

    def common() -> dict[str, Any]:
        grad = surrogate.fast_sigmoid(slope=slope / threshold)
        how = {"threshold": threshold, "spike_grad": grad, "init_hidden": True}
        return {**how, "reset_mechanism": reset, "reset_delay": False}

    return Residual(
        leaky=lambda: snn.Leaky(beta=beta, **common()),
        slow=lambda: snn.Synaptic(alpha=slow, beta=0.5, **common()),
        synaptic=lambda: snn.Synaptic(alpha=alpha, beta=beta, **common()),
        threshold=threshold,
        adapt=adapt,
        dropout=dropout,
    )


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
) -> Data:
    """Counts of events uint8 (steps, sample, 2, 34, 34): that of `nmnist_spiking_cnn`, whose arguments these are."""
    from snndeploy.models import load

    make = load("nmnist_spiking_cnn").data
    held: Data = make(folder, steps, simulated, skip, samples, test, pixels, drop, damaged, fold)
    return held
