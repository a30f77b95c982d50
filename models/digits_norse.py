"""A fully connected spiking network in Norse, for 8×8 digits.

LIFCell has a synaptic current and a membrane, and a spike sets the membrane to zero: every Loihi does this as it is.
"""

from __future__ import annotations

import torch
from norse.torch import LIFCell, LIFParameters, SequentialState
from torch import nn

from snndeploy.train.data import Data, digits

DT = 1e-3
STEPS = 24
TRAIN = {"epochs": 16, "batch": 64, "lr": 4e-3, "scale": 20.0}


def build() -> SequentialState:
    """(batch, 64) spikes of one step and the state -> (batch, 10) spikes and the state."""

    def cell() -> LIFCell:
        return LIFCell(LIFParameters(tau_syn_inv=torch.tensor(500.0), tau_mem_inv=torch.tensor(250.0)), dt=DT)

    hidden, out = nn.Linear(64, 128), nn.Linear(128, 10)
    # a step moves the membrane by a quarter of its input: torch's initial weights would leave the neurons silent
    with torch.no_grad():
        hidden.weight.mul_(2)
        out.weight.mul_(2)
    return SequentialState(hidden, cell(), out, cell())


def data() -> Data:
    """scikit-learn's digits, rate coded, on one axis."""
    return digits(STEPS, flat=True)
