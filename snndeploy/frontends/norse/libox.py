"""norse.torch.LIBoxCell: v' = v + k((v_leak - v) + x), emitted; v before the first step: v_leak."""

from __future__ import annotations

from typing import Any

from norse.torch.functional.leaky_integrator_box import LIBoxState, li_box_feed_forward_step
from norse.torch.module.leaky_integrator_box import LIBoxCell

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.norse.base import NorseFamily
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Reset, Rule


@neuron
class LIBox(NorseFamily):
    """β = 1 - k, gain k, bias k·v_leak, no threshold."""

    cls = LIBoxCell
    states = ("v",)
    state = LIBoxState
    step = staticmethod(li_box_feed_forward_step)
    spiking = False

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        k, leak = self.membrane(module)
        return Rule(
            beta=1.0 - k,
            threshold=None,
            receptors=(Receptor(gain=k),),
            bias=k * leak,
            reset=Reset("none"),
            initial=self.initial(module, where, shape, found),
        )
