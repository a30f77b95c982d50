"""Norse's modules that take (time, batch, *shape) at once: the cells' steps in a loop, from the cells' first state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from norse.torch.module.iaf import IAF as IAFModule
from norse.torch.module.leaky_integrator import LI as LIModule
from norse.torch.module.lif import LIF as LIFModule
from norse.torch.module.lif import LIFRecurrent as LIFRecurrentModule
from norse.torch.module.lif_refrac import LIFRefracRecurrent as LIFRefracRecurrentModule
from norse.torch.module.lsnn import LSNN as LSNNModule
from norse.torch.module.lsnn import LSNNRecurrent as LSNNRecurrentModule

from snndeploy.frontends.neurons import Seen, neuron
from snndeploy.frontends.norse.base import NorseFamily
from snndeploy.frontends.norse.iaf import IAF
from snndeploy.frontends.norse.li import LI
from snndeploy.frontends.norse.lif import LIF
from snndeploy.frontends.norse.lsnn import LSNN, LSNNRecurrent
from snndeploy.frontends.norse.recurrent import LIFRecurrent
from snndeploy.frontends.norse.refrac import LIFRefracRecurrent


class OverTime(NorseFamily):
    """A cell's family, for the module with the loop inside."""

    over_time = True

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What every step shows: the module's own step, taken once more, since the module keeps only its last state."""
        x, state = self.arguments(args, kwargs)
        state = module.state_fallback(x) if state is None else state
        weights = (module.input_weights, module.recurrent_weights) if self.echo else ()
        shown = []
        for frame in x:
            ahead = super().before(module, (frame, state), {})
            emitted, state = module.activation(frame, state, *weights, module.p, module.dt)
            shown.append(super().seen(module, ahead, (emitted, state)))
        return shown

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        del module
        u, v = (torch.stack([getattr(step, name).expand(step.emitted.shape) for step in before]) for name in "uv")
        return Seen(output[0], u, v)


@neuron
class LIFOverTime(OverTime, LIF):
    """LIFCell in a loop."""

    cls = LIFModule


@neuron
class LIOverTime(OverTime, LI):
    """LICell in a loop."""

    cls = LIModule


@neuron
class IAFOverTime(OverTime, IAF):
    """IAFCell in a loop."""

    cls = IAFModule


@neuron
class LSNNOverTime(OverTime, LSNN):
    """LSNNCell in a loop."""

    cls = LSNNModule


@neuron
class LIFRecurrentOverTime(OverTime, LIFRecurrent):
    """LIFRecurrentCell in a loop."""

    cls = LIFRecurrentModule


@neuron
class LSNNRecurrentOverTime(OverTime, LSNNRecurrent):
    """LSNNRecurrentCell in a loop."""

    cls = LSNNRecurrentModule


@neuron
class LIFRefracRecurrentOverTime(OverTime, LIFRefracRecurrent):
    """LIFRefracRecurrentCell in a loop."""

    cls = LIFRefracRecurrentModule
