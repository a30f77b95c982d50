"""The update rule of a population in the float form: one difference equation with every choice written down.

Step t, receptors k, in this order::

    u_k[t] = alpha_k·u_k[t-1] + x_k[t] + constant_k·[t >= onset_k]
    q      = beta·v[t-1] + sum_k gain_k·u_k + bias·[t >= bias_onset]      u[t] if sequential, u[t-1] if synchronous
    q      = max(q, floor)                                                where a floor is given
    theta  = threshold + a                                                a: adaptation, 0 without
    R      = v[t-1] > theta[t-1]                                          pending reset, from the stored membrane
    p      = reset(q) where R, if when is "next" or "residual"; else q
    s      = p > theta                                                    strict
    v[t]   = reset(p) where s, if when is "now"; p - (s - R)·amount, if "residual"; else p
    v[t]   = max(v[t], state_floor)                                       where one is given
    u_k[t] = 0 where the membrane was reset, for receptors with `reset`

`reset(y)` is `value` for kind "to" and `y - value` for kind "by"; `amount` is what it takes away. A population
without threshold never spikes and emits v. The rule holds all reset settings of snnTorch's Leaky and Synaptic and
Norse's LIF family bit for bit (see the frontends for the mapping).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from snndeploy.network.arrays import Array, Numbers, freeze

ResetKind = Literal["none", "to", "by"]
ResetTime = Literal["now", "next", "residual"]


def _freeze_fields(instance: object, *names: str) -> None:
    for name in names:
        value = getattr(instance, name)
        if value is not None:
            object.__setattr__(instance, name, freeze(value))


@dataclass(frozen=True, eq=False)
class Reset:
    """What a spike does to the membrane.

    Attributes:
        kind: "to" sets v to `value`; "by" subtracts `value`; "none" leaves it.
        value: membrane units (float form) or state units (integer form); broadcasts to the shape.
        when: "now": in the step of the spike, after it. "next": in the following step, on the membrane that has
            already taken that step's input ("to" so drops that input). "residual": like "next", and the stored
            membrane is corrected for the difference between spike and pending reset (snnTorch, reset_delay=False).
    """

    kind: ResetKind = "to"
    value: Numbers = 0.0
    when: ResetTime = "now"

    def __post_init__(self) -> None:
        integer = np.asarray(self.value).dtype.kind in "iu"
        object.__setattr__(self, "value", freeze(self.value, np.int64 if integer else np.float64))


@dataclass(frozen=True, eq=False)
class Receptor:
    """A synaptic current that filters what arrives: u[t] = alpha·u[t-1] + x[t] + constant·[t >= onset].

    Attributes:
        alpha: decay factor per step; 0 means no filter. Broadcasts to the population's shape, like all below.
        gain: what one unit of u adds to the membrane per step.
        constant: added to u in each step from `onset` on (the bias of a linear map lands here).
        initial: u before the first step.
        reset: u becomes 0 where the membrane is reset.
    """

    alpha: Numbers = 0.0
    gain: Numbers = 1.0
    constant: Numbers = 0.0
    onset: int = 0
    initial: Numbers = 0.0
    reset: bool = False

    def __post_init__(self) -> None:
        _freeze_fields(self, "alpha", "gain", "constant", "initial")


@dataclass(frozen=True, eq=False)
class Refractory:
    """For `steps` steps after a spike no spike can occur and v keeps its value; u too if `freezes` says so."""

    steps: int
    freezes: Literal["membrane", "membrane and current"] = "membrane"


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A threshold that moves with the neuron's own spikes: theta[t] = threshold + a, a decays and jumps.

    decays "before": a' = decay·a[t-1]; spikes compare with threshold + a'; a[t] = a' + jump·s.
    decays "after":  spikes compare with threshold + a[t-1]; a[t] = decay·a[t-1] + jump·s.
    """

    decay: Numbers
    jump: Numbers
    decays: Literal["before", "after"] = "after"

    def __post_init__(self) -> None:
        _freeze_fields(self, "decay", "jump")


@dataclass(frozen=True, eq=False)
class Rule:
    """The float form of a population. See the module for the equation; all numbers broadcast to the shape.

    Attributes:
        beta: membrane decay factor per step.
        threshold: membrane units; None: the population never spikes and emits v.
        receptors: one or more; a projection names the one that it feeds.
        bias: added to the membrane in each step from `bias_onset` on.
        synapse: "sequential" uses u[t], "synchronous" u[t-1].
        floor: lower bound of q; state_floor: lower bound of the stored v; None: no bound.
        value: what one spike emits (1 for ordinary spikes).
        initial: v before the first step.
    """

    beta: Numbers
    threshold: Numbers | None = 1.0
    receptors: tuple[Receptor, ...] = (Receptor(),)
    bias: Numbers = 0.0
    bias_onset: int = 0
    reset: Reset = Reset()
    synapse: Literal["sequential", "synchronous"] = "sequential"
    floor: Numbers | None = None
    state_floor: Numbers | None = None
    refractory: Refractory | None = None
    adaptation: Adaptation | None = None
    value: Numbers = 1.0
    initial: Numbers = 0.0

    def __post_init__(self) -> None:
        _freeze_fields(self, "beta", "threshold", "bias", "floor", "state_floor", "value", "initial")

    @property
    def spiking(self) -> bool:
        return self.threshold is not None


def parameters(rule: Rule) -> dict[str, Array]:
    """Every number of a rule by its path ("receptors[0].alpha"), for checks and tables."""
    found: dict[str, Array] = {}
    for name in ("beta", "threshold", "bias", "floor", "state_floor", "value", "initial"):
        if getattr(rule, name) is not None:
            found[name] = getattr(rule, name)
    if rule.reset.kind != "none":
        found["reset.value"] = np.asarray(rule.reset.value)
    if rule.adaptation is not None:
        found["adaptation.decay"] = np.asarray(rule.adaptation.decay)
        found["adaptation.jump"] = np.asarray(rule.adaptation.jump)
    for k, receptor in enumerate(rule.receptors):
        for name in ("alpha", "gain", "constant", "initial"):
            found[f"receptors[{k}].{name}"] = getattr(receptor, name)
    return found
