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
from snndeploy.network.rule import Reset, ResetTime, Rule

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


RESET_WORDS: dict[str, ResetTime] = {"": "now", "-next": "next", "-residual": "residual"}
RESET_KINDS = ("to-zero", "to-v_reset", "by-threshold")
RESETS = tuple(kind + when for kind in RESET_KINDS for when in RESET_WORDS)
# a decay of a float32 file is this close to the float32 that was meant; a gain of 1 twice that
DECAY_TOLERANCE = 1e-7
GAIN_TOLERANCE = 2.5e-7
# what two float64 operations can lose
ROUNDING = 1e-14


@dataclass
class Snapped:
    """How many numbers were moved to the float32, or to the 1, that was meant, and how far at most."""

    count: int = 0
    far: float = 0.0

    def take(self, before: Array, after: Array) -> Array:
        moved = before != after
        if moved.any():
            self.count += int(np.count_nonzero(moved))
            self.far = max(self.far, float(np.abs(before - after).max()))
        return after


def _single(value: Array) -> Array:
    return value.astype(np.float32).astype(np.float64)


def _decay(rate: Array, snapped: Snapped) -> Array:
    """1 - dt/tau, as the float32 that a framework held."""
    decay = 1.0 - rate
    near = _single(decay)
    near = np.where(np.abs(near) <= DECAY_TOLERANCE, 0.0, near)
    close = np.abs(near - decay) <= DECAY_TOLERANCE * np.maximum(np.abs(decay), np.where(near == 0, 1.0, 0.0))
    return snapped.take(decay, np.where(close, near, decay))


def _gain(gain: Array, snapped: Snapped) -> Array:
    """A gain as the 1 or the float32 that was meant, if it is a rounding away from it."""
    with np.errstate(over="ignore"):
        near = _single(gain)
    near = np.where(np.abs(near - gain) <= ROUNDING * np.abs(gain), near, gain)
    return snapped.take(gain, np.where(np.abs(gain - 1) <= GAIN_TOLERANCE, 1.0, near))


def compact(value: Array) -> Array:
    """One number, if all are the same."""
    first = value.ravel()[0]
    return np.asarray(first) if (value == first).all() else value


@dataclass(frozen=True)
class Euler:
    """What a neuron node becomes in steps: decays, gain per unit that arrives, bias per step."""

    beta: Array
    alpha: Array
    gain: Array
    bias: Array
    snapped: Snapped


def euler(kind: str, p: dict[str, Array], dt: float) -> Euler:
    """A neuron node with parameters at full shape, by forward Euler; see the module for the equations."""
    snapped = Snapped()
    p = {name: np.asarray(value, np.float64) for name, value in p.items()}
    zero = np.zeros_like(next(iter(p.values())))
    if kind == "Threshold":
        return Euler(zero, zero, zero + 1, zero, snapped)
    if kind in ("I", "IF"):
        return Euler(zero + 1, zero, _gain(p["r"] * dt, snapped), zero, snapped)
    cuba = kind.startswith("Cuba")
    rate = dt / p["tau_mem" if cuba else "tau"]
    gain, alpha = _gain(p["r"] * rate, snapped), zero
    if cuba:
        synaptic = dt / p["tau_syn"]
        alpha = _decay(synaptic, snapped)
        gain = gain * _gain(p.get("w_in", zero + 1) * synaptic, snapped)
    return Euler(_decay(rate, snapped), alpha, gain, _exact(p["v_leak"] * rate, snapped), snapped)


def _exact(value: Array, snapped: Snapped) -> Array:
    near = _single(value)
    return snapped.take(value, np.where(np.abs(near - value) <= ROUNDING * np.abs(value), near, value))


def reset_of(p: dict[str, Array], how: str | None) -> Reset:
    """The reset that the caller names, or that v_reset says."""
    how = how or "to-v_reset"
    kind = next(each for each in RESET_KINDS if how.startswith(each))
    when = RESET_WORDS[how.removeprefix(kind)]
    if kind == "by-threshold":
        return Reset("by", compact(np.asarray(p["v_threshold"], np.float64)), when)
    value = np.asarray(p["v_reset"], np.float64) if kind == "to-v_reset" and "v_reset" in p else np.zeros(())
    return Reset("to", compact(value), when)
