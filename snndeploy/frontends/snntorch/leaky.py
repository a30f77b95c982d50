"""snntorch.Leaky -> a population without synaptic filter.

| reset_mechanism | reset_delay | p | stored | here |
|---|---|---|---|---|
| subtract | True | β m + x - R θ | p | by θ, next |
| subtract | False | β m + x - R θ | p - (s - R) θ | by θ, residual |
| zero | True | β (1 - R) m + x | p | to 0, now |
| zero | False | β (1 - R) m + x | p - (s - R) p | to 0, now |
| none | either | β m + x | p | none |

"zero, True" stores the membrane before its reset; the network's v is after it, and the engine converts.
"""

from __future__ import annotations

from typing import Any

import snntorch
import torch

from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.snntorch.base import SnnTorchFamily, begun
from snndeploy.network.arrays import Array
from snndeploy.network.rule import Reset


@neuron
class Leaky(SnnTorchFamily):
    """See the table of the module."""

    cls = snntorch.Leaky
    states = ("mem",)
    begin = staticmethod(begun)

    def notes(self, module: Any) -> tuple[str, ...]:
        if not self.stores_unreset(module):
            return ()
        return ("snnTorch's Leaky with reset 'zero' and delay stores its membrane unreset; v here is after the reset",)

    def stores_unreset(self, module: Any) -> bool:
        return bool(module.reset_delay) and int(module.reset_mechanism_val) == 1

    def reset(self, mechanism: str, delay: bool, threshold: Array) -> Reset:
        if mechanism == "none":
            return Reset("none")
        if mechanism == "zero":
            return Reset("to", 0.0, "now")
        return Reset("by", threshold, "next" if delay else "residual")

    def membrane(self, module: Any, emitted: torch.Tensor) -> torch.Tensor:
        stored: torch.Tensor = module.mem
        if self.stores_unreset(module):
            return torch.where(emitted != 0, torch.zeros_like(stored), stored)
        return stored
