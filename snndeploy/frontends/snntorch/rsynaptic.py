"""snntorch.RSynaptic -> a population with a filtered receptor that it feeds itself, one step late.

i' = α i + x + W s[t-1] (+ b, also at t = 0); q = β m + i'. Resets as in `synaptic.py`. reset_delay=False fails in
snnTorch 1.0 with init_hidden, and does nothing without; it is refused.
"""

from __future__ import annotations

from typing import Any

import snntorch
import torch

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.snntorch.rleaky import RLeaky
from snndeploy.frontends.snntorch.synaptic import filtered
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor


@neuron
class RSynaptic(RLeaky):
    """See the module."""

    cls = snntorch.RSynaptic
    states: tuple[str, ...] = ("spk", "syn", "mem")

    def decays(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> tuple[Receptor, ...]:
        return filtered(module, shape, where, found)

    def settings(self, module: Any, where: str, found: list[Finding]) -> None:
        super().settings(module, where, found)
        if not module.reset_delay:
            found.append(
                Finding(
                    "SD308", where, "RSynaptic's reset_delay=False does not work in snntorch", "use reset_delay=True"
                )
            )

    def current(self, module: Any, before: Any) -> torch.Tensor | None:
        del before
        current: torch.Tensor = module.syn
        return current
