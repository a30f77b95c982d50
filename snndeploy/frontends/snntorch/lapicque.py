"""snntorch.Lapicque -> a population without synaptic filter: q = (1 - dt/(R C)) m + R (1/(R C)) dt x.

The decay is not `beta`: C is computed from beta once, when the neuron is built, as dt / (R ln(1/beta)), so m decays
with 1 - ln(1/beta), and a beta that is learned afterwards does nothing. Resets as in `synaptic.py`, with delay.
"""

from __future__ import annotations

from typing import Any

import snntorch
import torch

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.snntorch.base import SnnTorchFamily, parameter
from snndeploy.frontends.snntorch.synaptic import reset_after_input
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Reset


@neuron
class Lapicque(SnnTorchFamily):
    """See the module."""

    cls = snntorch.Lapicque
    states = ("mem",)

    def notes(self, module: Any) -> tuple[str, ...]:
        del module
        return ("snnTorch's Lapicque decays with 1 - dt/(R C), which is 1 - ln(1/beta) where it was built from beta",)

    def reset(self, mechanism: str, delay: bool, threshold: Array) -> Reset:
        return reset_after_input(mechanism, delay, threshold)

    def beta(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> Array:
        with torch.no_grad():
            decay = 1 - module.time_step / (module.R * module.C)
        return parameter(decay, shape, where, "1 - time_step / (R C)", found)

    def decays(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> tuple[Receptor, ...]:
        """The gain, from factors that are rounded to float32 one by one as snnTorch does."""
        with torch.no_grad():
            factors = (("R", module.R), ("1 / (R C)", 1 / (module.R * module.C)), ("time_step", module.time_step))
        r, rate, step = (parameter(value, shape, where, name, found) for name, value in factors)
        return (Receptor(gain=r * rate * step),) if not found else (Receptor(),)
