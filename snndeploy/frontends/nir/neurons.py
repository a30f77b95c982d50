"""A population's rule as NIR neurons, and NIR neurons as a rule, by forward Euler with the synapse first.

With k = dt/tau::

    LIF      v[t] = (1 - k)·v[t-1] + k·r·x[t] + k·v_leak                 beta = 1 - k, gain = r·k, bias = v_leak·k
    CubaLIF  i[t] = (1 - k_syn)·i[t-1] + k_syn·w_in·x[t], and then as LIF    alpha = 1 - k_syn
    IF       v[t] = v[t-1] + dt·r·x[t]

so tau = dt/(1 - beta), r = gain·tau/dt, v_leak = bias·tau/dt and w_in = tau_syn/dt. A beta of 1 has no tau: it is
an IF or I, and where that has no room for the rest, the largest number below 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.rule import Rule

BELOW_ONE = np.nextafter(1.0, 0.0)


@dataclass(frozen=True)
class Numbers:
    """A rule's numbers at full plain shape. `drive` is what has to arrive beside the spikes, per receptor."""

    beta: Array
    bias: Array
    alpha: tuple[Array, ...]
    gain: tuple[Array, ...]
    drive: tuple[Array, ...]


def numbers(rule: Rule, shape: tuple[int, ...], plain: tuple[int, ...]) -> Numbers:
    def full(value: Any) -> Array:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64), shape).reshape(plain))

    receptors = rule.receptors
    return Numbers(
        full(rule.beta),
        full(rule.bias),
        tuple(full(r.alpha) for r in receptors),
        tuple(full(r.gain) for r in receptors),
        tuple(full(r.constant) for r in receptors),
    )


def resting(n: Numbers, k: int) -> Array:
    """What the constant of receptor k adds to the membrane per step once its filter has settled."""
    open_ = np.minimum(n.alpha[k], BELOW_ONE)
    return n.gain[k] * np.where(n.alpha[k] < 1, n.drive[k] / (1 - open_), n.drive[k])


def reset_to(rule: Rule, shape: tuple[int, ...], plain: tuple[int, ...]) -> Array:
    """The nearest v_reset: the value, or where a membrane that just reached the threshold lands."""
    value = np.asarray(rule.reset.value, np.float64)
    if rule.reset.kind == "by":
        value = np.asarray(rule.threshold) - value
    return np.ascontiguousarray(np.broadcast_to(value, shape).reshape(plain))


def is_threshold(rule: Rule, n: Numbers) -> bool:
    """The rule is s = x > threshold and nothing else, so that a Threshold node says all of it."""
    return (
        rule.spiking
        and rule.reset.kind == "none"
        and len(n.alpha) == 1
        and not (n.beta.any() or n.alpha[0].any() or n.bias.any())
        and bool((n.gain[0] == 1).all())
    )


def membrane(n: Numbers, dt: float, spiking: dict[str, Array] | None) -> tuple[str, dict[str, Array]]:
    """Type and fields of the neuron node of a population with one receptor.

    Args:
        spiking: v_threshold and v_reset, or None for a node that emits v.
    """
    fires = "F" if spiking is not None else ""
    more = spiking or {}
    alpha, gain = n.alpha[0], n.gain[0]
    if not alpha.any() and (n.beta == 1).all() and not n.bias.any():
        return f"I{fires}", {"r": gain / dt, **more}
    tau = dt / (1 - np.minimum(n.beta, BELOW_ONE))
    fields = {"r": gain * tau / dt, "v_leak": n.bias * tau / dt, **more}
    if not alpha.any():
        return f"LI{fires}", {"tau": tau, **fields}
    tau_syn = dt / (1 - np.minimum(alpha, BELOW_ONE))
    return f"CubaLI{fires}", {"tau_syn": tau_syn, "tau_mem": tau, "w_in": tau_syn / dt, **fields}


def synapse(n: Numbers, k: int, dt: float) -> tuple[str, dict[str, Array]] | None:
    """The node in front of a neuron with several receptors that computes gain_k·u_k; None where that is x itself."""
    alpha, gain = n.alpha[k], n.gain[k]
    if (alpha == 1).all():
        return "I", {"r": gain / dt}
    if alpha.any():
        tau = dt / (1 - np.minimum(alpha, BELOW_ONE))
        return "LI", {"tau": tau, "r": gain * tau / dt, "v_leak": np.zeros_like(tau)}
    return None if (gain == 1).all() else ("Scale", {"scale": gain})
