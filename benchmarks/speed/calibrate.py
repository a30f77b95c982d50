"""Weights with which the layers of an untrained module fire at a given rate."""

from __future__ import annotations

import snntorch as snn
import torch
from torch import Tensor, nn

STEPS = 16
TRIES = 14


@torch.no_grad()
def calibrate(module: nn.Sequential, x: Tensor, rate: float) -> dict[str, float]:
    """Scales weights and biases, layer by layer in place, until `rate` of the bins of each layer hold a spike.

    Args:
        module: layers with weights, each followed by a snnTorch neuron sooner or later.
        x: (time, batch, *shape), spikes.

    Returns:
        The rate of each layer of neurons, by name.
    """
    found: dict[str, float] = {}
    rows = x
    part: list[nn.Module] = []
    for name, layer in module.named_children():
        part.append(layer)
        if not isinstance(layer, snn.Leaky):
            continue
        drive = torch.stack([nn.Sequential(*part[:-1])(row) for row in rows])
        low, high = 2.0**-10, 2.0**10
        for _ in range(TRIES):
            factor = (low * high) ** 0.5
            spikes = _spikes(layer, drive * factor)
            low, high = (factor, high) if spikes.mean() < rate else (low, factor)
        for each in part[:-1]:
            for parameter in each.parameters():
                parameter.mul_(factor)
        found[name] = float(spikes.mean())
        rows, part = spikes, []
    return found


def _spikes(layer: snn.Leaky, drive: Tensor) -> Tensor:
    layer.reset_mem()
    rows = torch.stack([layer(row) for row in drive])
    layer.reset_mem()
    return rows
