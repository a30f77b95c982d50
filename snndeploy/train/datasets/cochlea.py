"""Sound -> spikes of an auditory nerve: 700 channels, as in the Spiking Heidelberg Digits.

Stages: a bank of gammatone filters (the basilar membrane), rectification, compression and smoothing (hair cells),
adaptation (the synapse), a leaky integrate-and-fire neuron with a refractory period for each channel.
Sources: Patterson et al., APU report 2341, 1987 (gammatone); Glasberg and Moore, Hearing Research 1990 (bandwidths);
Cramer, Stradmann, Schemmel, Zenke, IEEE TNNLS 2022 (the task, 700 channels). The stages are simpler than Cramer's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from snndeploy.network.arrays import Array


@dataclass(frozen=True)
class Cochlea:
    """Attributes:
    channels: of the bank; lowest, highest: their centre frequencies in Hz, evenly spaced in ERB.
    emphasis: of high frequencies, x[n] - emphasis·x[n-1].
    exponent: compression, x -> x^exponent. smoothing: low-pass of the hair cells, Hz.
    adaptation: time constant in seconds, and depth, the share of a steady input that adapts away.
    membrane: time constant of the neurons, seconds. refractory: seconds. threshold: of the neurons.
    level: every sound is scaled to this root mean square of its loudest 100 ms.
    """

    channels: int = 700
    lowest: float = 80.0
    highest: float = 3600.0
    emphasis: float = 0.95
    exponent: float = 0.3
    smoothing: float = 400.0
    adaptation: float = 0.05
    depth: float = 0.6
    membrane: float = 0.004
    refractory: float = 0.004
    threshold: float = 0.06
    level: float = 0.1

    def centres(self) -> Array:
        """Centre frequencies in Hz, float64 (channels,), from low to high: equal steps of ERB numbers.

        E(f) = 21.4 log10(1 + 0.00437 f)
        """
        low, high = (21.4 * np.log10(1 + 0.00437 * f) for f in (self.lowest, self.highest))
        return np.asarray((10 ** (np.linspace(low, high, self.channels) / 21.4) - 1) / 0.00437)


def hear(sound: Array, rate: int, cochlea: Cochlea = Cochlea()) -> tuple[Array, Array]:
    """The spikes that a sound makes.

    Args:
        sound: (samples,), any scale. rate: samples per second.

    Returns:
        times: float64 (spikes,), seconds, in order; channels: int32 (spikes,), 0 is the lowest frequency.
    """
    x = np.asarray(sound, np.float64)
    window = max(1, min(len(x), rate // 10))
    # the middle ear passes high frequencies better; speech has less of them
    x = x - cochlea.emphasis * np.concatenate([[0.0], x[:-1]])
    power = np.convolve(x * x, np.ones(window) / window, "valid")
    loud = np.sqrt(power.max()) if power.size else 0.0
    if not loud > 0:
        return np.zeros(0), np.zeros(0, np.int32)
    centres = cochlea.centres()
    width = 1.019 * 24.7 * (1 + 0.00437 * centres)
    step = 1 / rate
    when, which = _spikes(
        x * (cochlea.level / loud),
        np.exp((2j * np.pi * centres - 2 * np.pi * width) * step),
        1 - np.exp(-2 * np.pi * width * step),
        cochlea.exponent,
        1 - np.exp(-2 * np.pi * cochlea.smoothing * step),
        1 - np.exp(-step / cochlea.adaptation),
        cochlea.depth,
        1 - np.exp(-step / cochlea.membrane),
        round(cochlea.refractory * rate),
        cochlea.threshold,
    )
    return when * step, which


@njit(cache=True)
def _spikes(  # type: ignore[no-untyped-def]
    x, pole, gain, exponent, smooth, adapt, depth, leak, refractory, threshold
):  # pragma: no cover (compiled)
    channels = len(pole)
    a, b = np.zeros(channels, np.complex128), np.zeros(channels, np.complex128)
    c, d = np.zeros(channels, np.complex128), np.zeros(channels, np.complex128)
    hair, slow, v = np.zeros(channels), np.zeros(channels), np.zeros(channels)
    rest = np.zeros(channels, np.int64)
    when, which = [0 for _ in range(0)], [np.int32(0) for _ in range(0)]
    for n in range(len(x)):
        for k in range(channels):
            # four complex one-pole filters in a row: gammatone of order 4
            g, r = gain[k], pole[k]
            a[k] = r * a[k] + g * x[n]
            b[k] = r * b[k] + g * a[k]
            c[k] = r * c[k] + g * b[k]
            d[k] = r * d[k] + g * c[k]
            moved = 2 * d[k].real
            pressed = moved**exponent if moved > 0 else 0.0
            hair[k] += smooth * (pressed - hair[k])
            slow[k] += adapt * (hair[k] - slow[k])
            if rest[k] > 0:
                rest[k] -= 1
                continue
            v[k] += leak * (max(hair[k] - depth * slow[k], 0.0) - v[k])
            if v[k] > threshold:
                v[k] = 0.0
                rest[k] = refractory
                when.append(n)
                which.append(np.int32(k))
    return np.array(when), np.array(which)
