"""norse.torch.LICell: j = i + x, v' = v + k((v_leak - v) + j), i = j - ks j; v' is emitted. v starts at v_leak."""

from __future__ import annotations

from typing import Any

from norse.torch.functional.leaky_integrator import LIState, li_feed_forward_step
from norse.torch.module.leaky_integrator import LICell

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.norse.lif import WithCurrent
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Reset, Rule


@neuron
class LI(WithCurrent):
    """β = 1 - k, α = 1 - ks, gain k, bias k·v_leak, no threshold."""

    cls: type = LICell
    state: type = LIState
    step = staticmethod(li_feed_forward_step)
    spiking = False

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        k, leak = self.membrane(module)
        return Rule(
            beta=1.0 - k,
            threshold=None,
            receptors=(self.receptor(module, k),),
            bias=k * leak,
            reset=Reset("none"),
            initial=self.initial(module, where, shape, found),
        )
