"""snntorch.RLeaky -> a population that feeds itself one step late: q = β m + x + W s[t-1] (+ b, also at t = 0).

Resets as in `synaptic.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import snntorch
import torch

from snndeploy.errors import Finding, raise_errors
from snndeploy.frontends.neurons import Cell, neuron
from snndeploy.frontends.snntorch.base import SnnTorchFamily
from snndeploy.frontends.snntorch.recurrence import feedback
from snndeploy.frontends.snntorch.synaptic import reset_after_input
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Reset


@neuron
class RLeaky(SnnTorchFamily):
    """See the module."""

    cls = snntorch.RLeaky
    states: tuple[str, ...] = ("spk", "mem")
    echo = "spk"

    def reset(self, mechanism: str, delay: bool, threshold: Array) -> Reset:
        return reset_after_input(mechanism, delay, threshold)

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        cell = super().read(module, where, shape, dt)
        found: list[Finding] = []
        back = feedback(module, where, shape, found)
        raise_errors(found)
        return replace(cell, feedback=back)

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        x, states = self.given(args, kwargs)
        spikes = module.spk if states["spk"] is None else states["spk"]
        return x + module.recurrent(spikes if spikes.shape == x.shape else torch.zeros_like(x))
