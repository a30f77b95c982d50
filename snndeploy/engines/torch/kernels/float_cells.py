"""The rule of a population in the float form as the numbers of its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from snndeploy.engines.torch.kernels.cells import Cells, pack
from snndeploy.engines.torch.kernels.feedback import feedback
from snndeploy.engines.torch.kernels.options import Form, Options, general
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Rule


def float_cells(
    network: Network, population: Population, form: Form, inner: Sequence[Projection] = (), whole: bool = False
) -> Cells:
    """A population with its projections onto itself, in float32 or float64.

    Args:
        whole: a general kernel, even if a simpler one would do.
    """
    rule, shape = population.rule, population.shape
    assert isinstance(rule, Rule)
    size = prod(shape)

    def number(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, np.float64), shape).reshape(-1)

    moves, reset = rule.adaptation, rule.reset
    when = reset.when if rule.spiking and reset.kind != "none" else None
    theta = number(np.inf if rule.threshold is None else rule.threshold)
    given = {
        "keep_v": number(rule.beta),
        "bias": number(rule.bias),
        "theta": theta,
        "value": number(reset.value),
        "floor": number(-np.inf if rule.floor is None else rule.floor),
        "state_floor": number(-np.inf if rule.state_floor is None else rule.state_floor),
        "keep_a": number(0 if moves is None else moves.decay),
        "jump": number(0 if moves is None else moves.jump),
        "rest": number(0 if rule.refractory is None else rule.refractory.steps),
    }
    first = {"v": number(rule.initial), "edge": theta}
    for k, each in enumerate(rule.receptors):
        given[f"alpha{k}"], given[f"gain{k}"] = number(each.alpha), number(each.gain)
        given[f"constant{k}"], given[f"cleared{k}"] = number(each.constant), number(each.reset)
        first[f"u{k}"] = number(each.initial)
    flags = {
        "now": when == "now",
        "late": when in ("next", "residual"),
        "residual": when == "residual",
        "by": when is not None and reset.kind == "by",
    }
    if whole or inner or not _plain(rule):
        o = general(form, len(rule.receptors))
    else:
        more = bool(np.any(given["alpha0"]) or np.any(given["gain0"] != 1) or np.any(given["bias"]))
        o = Options(form, memory=more, gains=more, bias=more, **flags)
    flags["decays_before"] = moves is not None and moves.decays == "before"
    flags["freezes_u"] = rule.refractory is not None and rule.refractory.freezes == "membrane and current"
    flags["synchronous"] = rule.synapse == "synchronous"
    onsets = (*(each.onset for each in rule.receptors), rule.bias_onset)
    back = feedback(network, inner, size, np.dtype(form), number(rule.value))
    return pack(o, size, given, first, flags, onsets, back)


def _plain(rule: Rule) -> bool:
    """Whether a kernel without flags holds it."""
    beyond = (rule.floor, rule.state_floor, rule.refractory, rule.adaptation)
    one = len(rule.receptors) == 1 and not rule.receptors[0].reset and rule.synapse == "sequential"
    return rule.spiking and one and all(each is None for each in beyond)
