"""norse.torch.LSNNCell and LSNNRecurrentCell: LIF with a threshold b that its own spikes raise.

v' = v + k((v_leak - v) + i); i' = i - ks i + x; b' = b + ka(v_th - b); z = v' > b'; v = v_reset, b = b' + beta where z.
The membrane reads i of the step before (synchronous); b starts at v_th, v at v_leak.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from norse.torch.functional.lsnn import LSNNFeedForwardState, LSNNState, lsnn_feed_forward_step, lsnn_step
from norse.torch.module.lsnn import LSNNCell, LSNNRecurrentCell

from snndeploy.errors import Finding
from snndeploy.frontends.neurons import Seen, neuron
from snndeploy.frontends.norse.base import effective, to_value
from snndeploy.frontends.norse.lif import WithCurrent
from snndeploy.frontends.norse.recurrent import Recurrent
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Adaptation, Rule


@neuron
class LSNN(WithCurrent):
    """β = 1 - k, α = 1 - ks, gain k, bias k·v_leak; θ = v_th + a, a decays with 1 - ka before the spike adds beta."""

    cls: type = LSNNCell
    states: tuple[str, ...] = ("v", "i", "b")
    state: type = LSNNFeedForwardState
    step = staticmethod(lsnn_feed_forward_step)

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        (k, leak), p = self.membrane(module), self.parameters(module)
        decay, jump = 1.0 - effective(module.dt * p.tau_adapt_inv), effective(p.beta)
        for name, value in (("tau_adapt_inv", decay), ("beta", jump)):
            try:
                fits = np.broadcast_shapes(value.shape, shape) == shape
            except ValueError:
                fits = False
            if not fits:
                what = f"{name} of shape {value.shape} does not broadcast to {shape}"
                found.append(Finding("SD308", where, what, "give it one axis per axis of the neurons"))
        return Rule(
            beta=1.0 - k,
            threshold=effective(p.v_th),
            receptors=(self.receptor(module, k),),
            bias=k * leak,
            reset=to_value(p),
            synapse="synchronous",
            adaptation=Adaptation(decay, jump, "before"),
            initial=self.initial(module, where, shape, found),
        )

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Nothing: i of the new state is u."""

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        del before
        return super().seen(module, self.unpack(output[1])["i"], output)


@neuron
class LSNNRecurrent(Recurrent, LSNN):
    """LSNN with both layers."""

    cls = LSNNRecurrentCell
    states: tuple[str, ...] = ("z", "v", "i", "b")
    state = LSNNState
    step = staticmethod(lsnn_step)
