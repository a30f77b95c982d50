"""norse.torch.LIFRefracCell and LIFRefracRecurrentCell: LIF that rests for rho_reset steps after a spike.

While rho > 0 the membrane keeps its value, no spike occurs and the current goes on; rho falls by one per step, not
below 0. So a neuron rests for ceil(rho_reset) steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from norse.torch.functional.lif import LIFFeedForwardState, LIFState
from norse.torch.functional.lif_refrac import (
    LIFRefracFeedForwardState,
    LIFRefracState,
    lif_refrac_feed_forward_step,
    lif_refrac_step,
)
from norse.torch.module.lif_refrac import LIFRefracCell, LIFRefracRecurrentCell

from snndeploy.errors import Finding, raise_errors
from snndeploy.frontends.neurons import neuron
from snndeploy.frontends.norse.base import effective
from snndeploy.frontends.norse.lif import LIF
from snndeploy.frontends.norse.recurrent import LIFRecurrent
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Refractory, Rule

# float32 counts down by one up to here
LONGEST = 2**24


class Resting(LIF):
    """What both have in common: the states of LIF inside another structure, and the counter."""

    inner: type

    def parameters(self, module: Any) -> Any:
        return module.p.lif

    def unpack(self, state: Any) -> dict[str, Any]:
        return {name: getattr(state.lif, name) for name in self.states if name != "rho"} | {"rho": state.rho}

    def pack(self, states: Mapping[str, Any]) -> Any:
        return self.state(self.inner(**{n: s for n, s in states.items() if n != "rho"}), states["rho"])

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        rule = super().rule(module, where, shape, found)
        rho = effective(module.p.rho_reset)
        if rho.size == 0 or not np.isfinite(rho).all() or rho.min() != rho.max() or rho.max() > LONGEST:
            what = f"rho_reset is not one number up to {LONGEST}: {rho.min():g}..{rho.max():g}"
            found.append(Finding("SD308", where, what, "use one rho_reset for all neurons of the layer"))
            raise_errors(found)
        steps = max(0, int(np.ceil(rho.max())))
        return replace(rule, refractory=Refractory(steps) if steps else None)


@neuron
class LIFRefrac(Resting):
    """LIF and rest."""

    cls = LIFRefracCell
    states: tuple[str, ...] = ("v", "i", "rho")
    state = LIFRefracFeedForwardState
    inner = LIFFeedForwardState
    step = staticmethod(lif_refrac_feed_forward_step)


@neuron
class LIFRefracRecurrent(Resting, LIFRecurrent):
    """LIFRecurrent and rest; the spikes that are fed back are those after rest."""

    cls: type = LIFRefracRecurrentCell
    states: tuple[str, ...] = ("z", "v", "i", "rho")
    state: type = LIFRefracState
    inner = LIFState
    step = staticmethod(lif_refrac_step)
