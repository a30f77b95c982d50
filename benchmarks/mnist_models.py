"""Two small networks for MNIST, in snnTorch and in Norse, trained with a fixed seed: see `train_model`."""

from __future__ import annotations

from typing import Any

import snntorch as snn
import torch
from norse.torch import LIFCell, LIFParameters, SequentialState
from recordings import mnist_data
from snntorch import surrogate
from torch import nn

import snndeploy as sd
from snndeploy.network import Network
from snndeploy.train.data import Data
from snndeploy.train.loop import train

STEPS = 12
HIDDEN = 64
DT = 1e-3
SETTINGS: dict[str, dict[str, Any]] = {
    "snntorch": {"epochs": 4, "batch": 128, "lr": 4e-3},
    "norse": {"epochs": 4, "batch": 128, "lr": 4e-3, "scale": 20.0},
}


def in_snntorch() -> nn.Module:
    """784-64-10, leaky neurons that a spike sets to zero."""

    def leaky() -> snn.Leaky:
        grad = surrogate.atan()
        return snn.Leaky(beta=0.9, spike_grad=grad, init_hidden=True, reset_mechanism="zero", reset_delay=False)

    return nn.Sequential(nn.Linear(784, HIDDEN), leaky(), nn.Linear(HIDDEN, 10), leaky())


def in_norse() -> nn.Module:
    """784-64-10, neurons with a synaptic current."""

    def cell() -> LIFCell:
        return LIFCell(LIFParameters(tau_syn_inv=torch.tensor(500.0), tau_mem_inv=torch.tensor(250.0)), dt=DT)

    hidden, out = nn.Linear(784, HIDDEN), nn.Linear(HIDDEN, 10)
    with torch.no_grad():
        hidden.weight.mul_(2)
        out.weight.mul_(2)
    return SequentialState(hidden, cell(), out, cell())


def train_model(framework: str) -> tuple[Network, Data, float]:
    """The captured network, its data, and its accuracy on the 10,000 test digits."""
    torch.manual_seed(0)
    module = {"snntorch": in_snntorch, "norse": in_norse}[framework]()
    data = mnist_data(STEPS)
    trained = train(module, data, seed=0, **SETTINGS[framework])
    network = sd.capture(module, data.test[:, :64], DT, decision="spike-count")
    return network, data, trained.accuracy
