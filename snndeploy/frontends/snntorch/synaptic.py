"""snntorch.Synaptic -> a population with one filtered receptor.

i' = α i + x is never reset; q = β m + i'.

| reset_mechanism | reset_delay | p | stored | here |
|---|---|---|---|---|
| subtract | True | q - R θ | p | by θ, next |
| subtract | False | q - R θ | p - (s - R) θ | by θ, residual |
| zero | True | q - R q | p | to 0, next (this drops the input of the step after a spike) |
| zero | False | q - R q | p - (s - R) p | to 0, now |
| none | either | q | p | none |
"""

from __future__ import annotations

from typing import Any

import snntorch
import torch

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.snntorch.base import SnnTorchFamily, begun, parameter
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Reset


def reset_after_input(mechanism: str, delay: bool, threshold: Array) -> Reset:
    """The reset of every neuron that resets the new membrane: all but Leaky."""
    if mechanism == "none":
        return Reset("none")
    if mechanism == "zero":
        return Reset("to", 0.0, "next" if delay else "now")
    return Reset("by", threshold, "next" if delay else "residual")


def filtered(module: Any, shape: Shape, where: str, found: list[Finding]) -> tuple[Receptor, ...]:
    """The receptor of a neuron with a synaptic current."""
    return (Receptor(alpha=parameter(module.alpha.detach().clamp(0, 1), shape, where, "alpha", found)),)


@neuron
class Synaptic(SnnTorchFamily):
    """See the table of the module."""

    cls = snntorch.Synaptic
    states = ("syn", "mem")
    begin = staticmethod(begun)

    def reset(self, mechanism: str, delay: bool, threshold: Array) -> Reset:
        return reset_after_input(mechanism, delay, threshold)

    def decays(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> tuple[Receptor, ...]:
        return filtered(module, shape, where, found)

    def current(self, module: Any, before: Any) -> torch.Tensor | None:
        del before
        current: torch.Tensor = module.syn
        return current
