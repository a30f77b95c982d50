"""Numbers -> spikes and counts, before training: rate, Poisson, latency, counts, delta, population.

What `snndeploy.encoding` does when a trained network is deployed is a matter of its own: there the network carries how.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.train.data import check_steps, rate_code, shares

__all__ = [
    *("coded", "count_code", "delta_code", "latency_code", "poisson_code", "population_code", "population_decode"),
    *("rate_code", "still"),
]


def poisson_code(intensity: Array, steps: int, seed: int = 0, rate: float = 1.0) -> Array:
    """Spikes at random: P(s[t] = 1) = rate · x in every step, independent of the others.

    Args:
        intensity: (sample, *shape), 0..1. rate: of a step at intensity 1, 0..1.

    Returns:
        float32 (steps, sample, *shape), 0 or 1; the same for the same seed.

    Raises:
        SnnDeployError SD807: an intensity or the rate lies beyond 0..1, or there is no step.
    """
    check_steps(steps)
    if not 0 < rate <= 1:
        raise error("SD807", "rate", f"{rate:g} spikes in a step are no chance of one", "choose one above 0, 1 at most")
    x = shares(intensity, "intensity")
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
    check_steps(steps)
    x = shares(intensity, "intensity")
    at = np.rint((1 - x) * (steps - 1)).astype(np.int64)
    times = np.arange(steps).reshape(-1, *(1,) * x.ndim)
    return np.asarray((times == at) & (x > threshold), np.float32)


def count_code(intensity: Array, steps: int, most: int = 4) -> Array:
    """Several spikes in a step: whole numbers, as even over time as can be, of a sum that the intensity asks for.

    c[t] = floor((t + 1)·most·x + 1/2) - floor(t·most·x + 1/2), so that all steps together hold round(steps·most·x).

    Args:
        intensity: (sample, *shape), 0..1. most: spikes in a step at intensity 1, 1..255.

    Returns:
        uint8 (steps, sample, *shape), 0..most.
    """
    check_steps(steps)
    x = shares(intensity, "intensity")
    if not 1 <= most <= 255:
        raise_errors([Finding("SD807", "most", f"{most} spikes in a step", "choose 1 to 255")])
    edges = np.floor(np.arange(steps + 1).reshape(-1, *(1,) * x.ndim) * (most * x) + 0.5)
    return np.asarray(np.diff(edges, axis=0), np.uint8)


def still(intensity: Array, steps: int) -> Array:
    """The numbers themselves, the same in every step: a view that takes no more memory than they do.

    Returns:
        float32 (steps, sample, *shape).
    """
    check_steps(steps)
    x = np.ascontiguousarray(shares(intensity, "intensity"), np.float32)
    return np.lib.stride_tricks.as_strided(x, (steps, *x.shape), (0, *x.strides))


# codes that a picture can be given in without becoming another shape
CODES: dict[str, Callable[[Array, int], Array]] = {
    "rate": rate_code,
    "poisson": poisson_code,
    "latency": latency_code,
    "counts": count_code,
    "still": still,
}
# pictures that are coded at once
BLOCK = 1000
OTHERWISE = {
    "delta": "it codes what changes, and a picture holds still: nmnist_spiking_cnn moves it before a camera",
    "population": "it makes several neurons of each pixel: population_code in a data() of your own",
}


def coded(pictures: Array, steps: int, code: str = "rate") -> Array:
    """Pictures as spikes, counts or numbers over time.

    Args:
        pictures: uint8 (sample, *shape), brightness 0..255. code: one of `CODES`.

    Returns:
        (steps, sample, *shape): uint8; float32 of still.

    Raises:
        SnnDeployError SD807: there is no such code, or none for pictures; there is no step.
    """
    check_steps(steps)
    if code not in CODES:
        what = OTHERWISE.get(code, "there is no such code")
        raise error("SD807", f"code {code!r}", what, f"choose from {', '.join(CODES)}")
    if code == "still":
        return still(pictures / np.float32(255), steps)
    # a thousand at a time, for sums are float64; each with random numbers of its own, whatever comes behind it
    parts = []
    for k in range(0, max(1, len(pictures)), BLOCK):
        part = pictures[k : k + BLOCK] / 255
        if code == "poisson":
            filled = np.concatenate([part, np.zeros((BLOCK - len(part), *part.shape[1:]))])
            made = poisson_code(filled, steps, seed=k)[:, : len(part)]
        else:
            made = CODES[code](part, steps)
        parts.append(made.astype(np.uint8))
    return np.concatenate(parts, axis=1)


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
