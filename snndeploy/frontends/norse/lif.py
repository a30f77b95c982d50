"""norse.torch.LIFCell: j = i + x, v' = v + k((v_leak - v) + j), i = j - ks j, z = v' > v_th, v = v_reset where z.

u here is j, so α = 1 - ks with ks = dt·tau_syn_inv in float32. v before the first step: v_leak.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from norse.torch.functional.lif import LIFFeedForwardState, lif_feed_forward_step
from norse.torch.module.lif import LIFCell

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.norse.base import NorseFamily, effective, to_value
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Rule


class WithCurrent(NorseFamily):
    """Cells with a synaptic current."""

    states: tuple[str, ...] = ("v", "i")

    def receptor(self, module: Any, k: Any) -> Receptor:
        return Receptor(alpha=1.0 - effective(module.dt * self.parameters(module).tau_syn_inv), gain=k)

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """j, computed as the cell does."""
        del module
        x, states = self.given(args, kwargs)
        return x if states["i"] is None else states["i"] + x


@neuron
class LIF(WithCurrent):
    """β = 1 - k, α = 1 - ks, gain k, bias k·v_leak; reset to v_reset, now."""

    cls: type = LIFCell
    state: type = LIFFeedForwardState
    step = staticmethod(lif_feed_forward_step)

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        (k, leak), p = self.membrane(module), self.parameters(module)
        return Rule(
            beta=1.0 - k,
            threshold=effective(p.v_th),
            receptors=(self.receptor(module, k),),
            bias=k * leak,
            reset=to_value(p),
            initial=self.initial(module, where, shape, found),
        )
