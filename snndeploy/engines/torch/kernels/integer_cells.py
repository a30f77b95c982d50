"""The registers of a population as the numbers of its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from snndeploy.engines.torch.kernels.cells import Cells, pack
from snndeploy.engines.torch.kernels.feedback import feedback
from snndeploy.engines.torch.kernels.options import Options, general
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_MAX, DECAY_UNITY, STATE_SHIFT, Registers

# no membrane is above it
NEVER = 2**31 - 1


def integer_cells(
    network: Network, population: Population, inner: Sequence[Projection] = (), whole: bool = False
) -> Cells:
    """A population with its projections onto itself.

    Args:
        whole: a general kernel, even if a simpler one would do: it can also write p.
    """
    rule, shape = population.rule, population.shape
    assert isinstance(rule, Registers)
    size = prod(shape)

    def number(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, np.int64), shape).reshape(-1)

    moves, reset = rule.adaptation, rule.reset
    when = reset.when if rule.spiking and reset.kind != "none" else None
    theta = number(NEVER if rule.vth is None else np.asarray(rule.vth) << STATE_SHIFT)
    given = {
        "keep_u": number(DECAY_MAX - np.asarray(rule.du)),
        "keep_v": number(DECAY_UNITY - np.asarray(rule.dv)),
        "bias": (number(rule.bias_mant) << number(rule.bias_exp)).astype(np.int32),
        "theta": theta,
        "value": number(reset.value),
        "keep_a": number(0 if moves is None else DECAY_UNITY - np.asarray(moves.da)),
        "jump": number(0 if moves is None else moves.jump),
        "rest": number(0 if rule.refractory is None else rule.refractory.steps),
    }
    flags = {
        "now": when == "now",
        "late": when in ("next", "residual"),
        "residual": when == "residual",
        "by": when is not None and reset.kind == "by",
    }
    if whole or inner or not rule.spiking or not rule.plain:
        o = general("int32", 1)
    else:
        o = Options("int32", memory=bool(np.any(rule.du != DECAY_MAX)), **flags)
    flags["decays_before"] = moves is not None and moves.decays == "before"
    flags["freezes_u"] = rule.refractory is not None and rule.refractory.freezes == "membrane and current"
    flags["synchronous"] = False
    first = {"u0": number(rule.initial_u), "v": number(rule.initial_v), "edge": theta}
    back = feedback(network, inner, size, np.int32, np.ones(size, np.int64))
    return pack(o, size, given, first, flags, (0, rule.bias_onset), back)
