"""norse.torch.IAFCell: v' = v + x, z = v' > v_th, v = v_reset where z; v before the first step: v_reset. No dt."""

from __future__ import annotations

from typing import Any

from norse.torch.functional.iaf import IAFFeedForwardState, iaf_feed_forward_step
from norse.torch.module.iaf import IAFCell

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.norse.base import NorseFamily, effective, to_value
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Rule


@neuron
class IAF(NorseFamily):
    """β = 1, gain 1; reset to v_reset, now."""

    cls: type = IAFCell
    states = ("v",)
    state: type = IAFFeedForwardState
    step = staticmethod(iaf_feed_forward_step)
    uses_dt = False

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        return Rule(
            beta=1.0,
            threshold=effective(module.p.v_th),
            reset=to_value(module.p),
            initial=self.initial(module, where, shape, found),
        )
