"""Pair-based STDP: a weight moves with every pair of a spike before and a spike behind the synapse.

One trace per neuron holds what all its earlier spikes have left (all-to-all pairing). Step t, with spikes s::

    x[t] = x[t-1]·e^(-1/τ₊) + s_pre[t]                   y[t] = y[t-1]·e^(-1/τ₋) + s_post[t]
    Δw_ij[t] = A₊·f₊(w_ij)·x_j[t]·s_post,i[t] - A₋·f₋(w_ij)·s_pre,j[t]·y_i[t]
    f₊ = f₋ = 1, and w is cut off at its bounds (hard); or f₊ = high - w, f₋ = w - low (soft)

A pair in one step counts both ways, so that Δw = A₊ - A₋ there. With hard bounds and none of them met, the sum over
steps is that over all pairs of `window`. Sources: Bi and Poo, J. Neurosci. 1998 (the measured window); Song, Miller
and Abbott, Nat. Neurosci. 2000 (exponentials, hard bounds); Morrison et al., Biol. Cybern. 2008 (traces).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array

BOUNDS = ("hard", "soft")


@dataclass(frozen=True)
class PairSTDP:
    """Attributes:
    a_plus, a_minus: of one pair without distance, >= 0; in units of the weight (soft bounds: shares of the way).
    tau_plus, tau_minus: decay of the traces in front and behind, steps.
    low, high: bounds of the weight. bounds: hard or soft.
    """

    a_plus: float = 0.01
    a_minus: float = 0.012
    tau_plus: float = 20.0
    tau_minus: float = 20.0
    low: float = 0.0
    high: float = 1.0
    bounds: str = "hard"

    def __post_init__(self) -> None:
        found = []
        for name in ("a_plus", "a_minus"):
            if not 0 <= getattr(self, name) < np.inf:
                found.append(_finding(f"{name} = {getattr(self, name):g} must be finite and not below 0"))
        for name in ("tau_plus", "tau_minus"):
            if not 0 < getattr(self, name) < np.inf:
                found.append(_finding(f"{name} = {getattr(self, name):g} steps must be finite and above 0"))
        if not self.low < self.high:
            found.append(_finding(f"the bounds {self.low:g} and {self.high:g} leave no weight between them"))
        if self.bounds not in BOUNDS:
            found.append(_finding(f"there are no bounds {self.bounds!r}: choose from {', '.join(BOUNDS)}"))
        elif self.bounds == "soft" and not np.isfinite([self.low, self.high]).all():
            found.append(_finding("soft bounds need a low and a high that are finite"))
        raise_errors(found)

    @property
    def decays(self) -> tuple[float, float]:
        """Of both traces per step."""
        return float(np.exp(-1 / self.tau_plus)), float(np.exp(-1 / self.tau_minus))

    def change(self, weight: Array, x: Array, y: Array, pre: Array, post: Array) -> Array:
        """The weights after a step. `weight (post, pre)`, traces with this step's spikes `x, pre (pre,)`,
        `y, post (post,)`."""
        up, down = np.outer(post, x), np.outer(y, pre)
        soft = self.bounds == "soft"
        f_up, f_down = (self.high - weight, weight - self.low) if soft else (1.0, 1.0)
        return np.clip(weight + self.a_plus * f_up * up - self.a_minus * f_down * down, self.low, self.high)


def traces(spikes: Array, tau: float) -> Array:
    """x[t] = x[t-1]·e^(-1/τ) + s[t], float64 of the shape of `spikes (time, ...)`."""
    x = np.array(spikes, np.float64)
    for t in range(1, len(x)):
        x[t] += np.exp(-1 / tau) * x[t - 1]
    return x


def window(rule: PairSTDP, distance: Array) -> Array:
    """Δw of one pair of spikes, t_post - t_pre steps apart, hard bounds: A₊·e^(-Δ/τ₊) for Δ > 0, -A₋·e^(Δ/τ₋) for
    Δ < 0, their sum at 0."""
    d = np.asarray(distance, np.float64)
    up, down = np.exp(-np.abs(d) / rule.tau_plus), np.exp(-np.abs(d) / rule.tau_minus)
    return np.asarray(rule.a_plus * up * (d >= 0) - rule.a_minus * down * (d <= 0))


def learned(rule: PairSTDP, weight: Array, pre: Array, post: Array) -> Array:
    """The weights after each step, float64 (time, post, pre).

    Args:
        weight: (post, pre), before the first step. pre: 0 or 1 (time, pre). post: (time, post).
    """
    x, y = traces(pre, rule.tau_plus), traces(post, rule.tau_minus)
    w = np.array(weight, np.float64)
    out = np.empty((len(pre), *w.shape))
    for t in range(len(pre)):
        w = out[t] = rule.change(w, x[t], y[t], pre[t], post[t])
    return out


def _finding(what: str) -> Finding:
    return Finding("SD807", "STDP", what, "see snndeploy.train.learning.stdp")
