"""Numbers -> spikes and counts, before training: rate, Poisson, latency, delta, population.

What `snndeploy.encoding` does when a trained network is deployed is a matter of its own: there the network carries how.
"""

from __future__ import annotations

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.train.data import rate_code

__all__ = ["delta_code", "latency_code", "poisson_code", "population_code", "population_decode", "rate_code"]


def poisson_code(intensity: Array, steps: int, seed: int = 0, rate: float = 1.0) -> Array:
    """Spikes at random: P(s[t] = 1) = rate · x in every step, independent of the others.

    Args:
        intensity: (sample, *shape), 0..1. rate: of a step at intensity 1, 0..1.

    Returns:
        float32 (steps, sample, *shape), 0 or 1; the same for the same seed.
    """
    x = _within(intensity, "intensity")
    draws = np.random.default_rng(seed)
    return np.stack([draws.random(x.shape) < rate * x for _ in range(steps)]).astype(np.float32)


def latency_code(intensity: Array, steps: int, threshold: float = 0.01) -> Array:
    """One spike each, the sooner the brighter; none below a threshold.

    t = round((1 - x) · (steps - 1)), as `snntorch.spikegen.latency(linear=True, normalize=True, clip=True)` has it.

    Args:
        intensity: (sample, *shape), 0..1. threshold: at and below it nothing spikes.

    Returns:
        float32 (steps, sample, *shape), 0 or 1.
    """
    x = _within(intensity, "intensity")
    at = np.rint((1 - x) * (steps - 1)).astype(np.int64)
    times = np.arange(steps).reshape(-1, *(1,) * x.ndim)
    return np.asarray((times == at) & (x > threshold), np.float32)


def delta_code(signal: Array, threshold: float) -> Array:
    """Spikes where a signal has moved: up on one axis, down on the other, at most one of them a step.

    r[0] = signal[0]; up[t] = signal[t] - r >= threshold, down[t] = r - signal[t] >= threshold; r moves by the
    threshold with each spike. Source: send on delta, Miskowicz, Sensors 2006.

    Args:
        signal: (time, sample, *shape). threshold: in its units, > 0.

    Returns:
        float32 (time, sample, 2, *shape): up, down.
    """
    if not threshold > 0:
        raise_errors([Finding("SD807", "threshold", f"{threshold:g} must be above 0", "choose a step of the signal")])
    x = np.asarray(signal, np.float64)
    reached = x[0].copy()
    out = np.zeros((*x.shape[:2], 2, *x.shape[2:]), np.float32)
    for t, now in enumerate(x):
        up, down = now - reached >= threshold, reached - now >= threshold
        reached += threshold * (up.astype(np.float64) - down)
        out[t, :, 0], out[t, :, 1] = up, down
    return out


def population_code(values: Array, neurons: int, low: float = 0.0, high: float = 1.0, width: float = 1.0) -> Array:
    """Rates of neurons with Gaussian tuning curves over a range, preferred values at equal distances.

    r_k(x) = exp(-(x - c_k)² / (2 (width·d)²)), c_k = low + k·d, d = (high - low) / (neurons - 1)

    Args:
        values: (sample, *shape). width: of a curve, in distances of preferred values.

    Returns:
        float64 (sample, *shape, neurons), 0..1.
    """
    if neurons < 2 or not high > low or not width > 0:
        what = f"{neurons} neurons from {low:g} to {high:g} of width {width:g} are no tuning curves"
        raise_errors([Finding("SD807", "population", what, "two neurons or more, high > low, width > 0")])
    centres = np.linspace(low, high, neurons)
    distance = (np.asarray(values, np.float64)[..., None] - centres) / (width * (high - low) / (neurons - 1))
    return np.asarray(np.exp(-0.5 * distance**2))


def population_decode(rates: Array, low: float = 0.0, high: float = 1.0) -> Array:
    """The mean of the preferred values, weighed by rates (..., neurons); NaN where nothing spiked."""
    r = np.asarray(rates, np.float64)
    total = r.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((r @ np.linspace(low, high, r.shape[-1])) / total)


def _within(values: Array, name: str) -> Array:
    x = np.asarray(values, np.float64)
    if x.size and not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        what = f"it reaches from {np.nanmin(x):g} to {np.nanmax(x):g}, and 0..1 is needed"
        raise_errors([Finding("SD807", name, what, "divide by its largest value (pixels: 255)")])
    return x
