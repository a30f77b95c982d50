"""norse.torch.LIFBoxCell: v' = v + k((x + v_leak) - v), z = v' > v_th, v = reset(v'). v starts at v_leak."""

from __future__ import annotations

from typing import Any

from norse.torch.functional.lif_box import LIFBoxFeedForwardState, lif_box_feed_forward_step
from norse.torch.functional.reset import reset_subtract, reset_value
from norse.torch.module.lif_box import LIFBoxCell

from snndeploy.errors import Finding, raise_errors
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.norse.base import NorseFamily, effective, to_value
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Reset, Rule


@neuron
class LIFBox(NorseFamily):
    """β = 1 - k, gain k, bias k·v_leak; reset_value -> to v_reset, reset_subtract -> by v_th, both now."""

    cls = LIFBoxCell
    states = ("v",)
    state = LIFBoxFeedForwardState
    step = staticmethod(lif_box_feed_forward_step)

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        k, leak = self.membrane(module)
        threshold = effective(module.p.v_th)
        if module.p.reset_method is reset_value:
            reset = to_value(module.p)
        elif module.p.reset_method is reset_subtract:
            reset = Reset("by", threshold, "now")
        else:
            name = getattr(module.p.reset_method, "__name__", str(module.p.reset_method))
            found.append(
                Finding("SD308", where, f"reset method {name} is not known", "use reset_value or reset_subtract")
            )
            raise_errors(found)
        return Rule(
            beta=1.0 - k,
            threshold=threshold,
            receptors=(Receptor(gain=k),),
            bias=k * leak,
            reset=reset,
            initial=self.initial(module, where, shape, found),
        )
