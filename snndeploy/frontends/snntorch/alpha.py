"""snntorch.Alpha -> a population without memory of its own that reads two currents, both of which get the input.

e' = α e + x; i' = β i - x; p = τ (e' + i') with τ = ln α / (ln β - ln α) + 1 in float32; R = m > θ of the step before.

| reset_mechanism | where R | here |
|---|---|---|
| zero | e' = i' = p = 0 | to 0, next, and both currents |
| none | nothing | none |
| subtract | e' - θ, i' = 0, p + i | refused: a current would be reduced by θ |

Receptor 0 is e, receptor 1 is -i with the gain -τ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import snntorch
import torch

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.snntorch.base import SnnTorchFamily, parameter
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Reset


@neuron
class Alpha(SnnTorchFamily):
    """See the table of the module."""

    cls = snntorch.Alpha
    states = ("syn_exc", "syn_inh", "mem")

    def reset(self, mechanism: str, delay: bool, threshold: Array) -> Reset:
        del delay, threshold
        return Reset("none") if mechanism == "none" else Reset("to", 0.0, "next")

    def beta(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> Array:
        del module, shape, where, found
        return np.zeros(())

    def decays(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> tuple[Receptor, ...]:
        with torch.no_grad():
            slow, fast = module.alpha.clamp(0, 1), module.beta.clamp(0, 1)
            scale = torch.log(slow) / (torch.log(fast) - torch.log(slow)) + 1
        alpha = parameter(slow, shape, where, "alpha", found)
        beta = parameter(fast, shape, where, "beta", found)
        tau = parameter(scale, shape, where, "ln(alpha) / (ln(beta) - ln(alpha)) + 1", found)
        cleared = int(module.reset_mechanism_val) == 1
        return (Receptor(alpha, tau, reset=cleared), Receptor(beta, -tau, reset=cleared))

    def settings(self, module: Any, where: str, found: list[Finding]) -> None:
        super().settings(module, where, found)
        if int(module.reset_mechanism_val) == 0:
            what = "Alpha's reset_mechanism 'subtract' takes the threshold from a current and clears the other"
            found.append(Finding("SD308", where, what, "train with reset_mechanism='zero', Alpha's default"))

    def current(self, module: Any, before: Any) -> torch.Tensor | None:
        """Both currents on an axis behind the batch, i with the sign of the network."""
        del before
        return torch.stack((module.syn_exc, -module.syn_inh), dim=1)
