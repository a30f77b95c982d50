"""A layer of LIF neurons that compete for pictures and learn by STDP, without labels.

Inputs spike at random as often as pixels are bright; the neuron that spikes first silences the others, moves its
weights towards what made it spike (`stdp`), and raises its own threshold, while all sink with every sample: each so
gets its share of the wanted spikes (homeostasis).
Source: Diehl and Cook, Front. Comput. Neurosci. 2015. What differs: LIF with current synapses instead of
conductances, pairs of spikes on both sides, and the weights of a neuron keep their norm (Euclidean: spikes then
compare angles, as spherical k-means does). Step t of a sample, which begins at rest::

    u[t] = α·u[t-1] + (W - feedforward)·s_pre[t] - inhibition·(spikes of the others in t-1)
    v[t] = β·v[t-1] + g·u[t]          not for `rest` steps behind a spike
    spike where v[t] > θ; v[t] = 0

In training one neuron spikes per step, the one furthest above its threshold, and u and v of all others become 0 at
once: that is left out later. In the deployed network the inhibitory projection alone silences them, one step late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from snndeploy.network.arrays import Array
from snndeploy.train.learning.stdp import PairSTDP


@dataclass(frozen=True)
class Layer:
    """Attributes:
    alpha, beta, gain: of current and membrane per step. rest: steps.
    inhibition, feedforward: current that a spike of another neuron, and of an input, takes from all.
    """

    alpha: float
    beta: float
    gain: float
    rest: int
    inhibition: float
    feedforward: float = 0.0


@dataclass(eq=False)
class Competitors:
    """What learns.

    Attributes:
        weight: float64 (neuron, input), in units of the current. threshold: float64 (neuron,), of the membrane.
        norm: Euclidean, of each neuron's weights.
    """

    layer: Layer
    weight: Array
    threshold: Array
    norm: float

    def learn(self, spikes: Array, order: Array, rule: PairSTDP, rise: float, wanted: float) -> Array:
        """Shows samples in an order, and learns of each.

        Args:
            spikes: uint8 (time, sample, input). rise: of a threshold per spike of its neuron.
            wanted: spikes per sample, of all neurons together.

        Returns:
            int64 (sample, neuron): spikes while it learned.
        """
        return self._shown(spikes, order, rule, (rise, wanted), True)

    def counts(self, spikes: Array) -> Array:
        """Spikes of each neuron, int64 (sample, neuron), as the deployed network has them; nothing is learned."""
        return self._shown(spikes, np.arange(spikes.shape[1]), PairSTDP(), (0.0, 0.0), False)

    def _shown(
        self, spikes: Array, order: Array, rule: PairSTDP, homeostasis: tuple[float, float], learns: bool
    ) -> Array:
        each = self.layer
        constants = np.array([each.alpha, each.beta, each.gain, each.inhibition, each.feedforward])
        amounts = np.array([rule.a_plus, rule.a_minus, *rule.decays, rule.low, rule.high])
        counted = np.zeros((spikes.shape[1], len(self.weight)), np.int64)
        events = np.ascontiguousarray(spikes.reshape(*spikes.shape[:2], -1).swapaxes(0, 1), np.uint8)
        soft = rule.bounds == "soft"
        numbers = (constants, each.rest, amounts, soft, *homeostasis, self.norm, learns)
        show(events, order, self.weight, self.threshold, *numbers, counted)
        return counted


@njit(cache=True, nogil=True, error_model="numpy")
def show(events, order, w, threshold, constants, rest, amounts, soft, rise, wanted, norm, learns, counted):  # type: ignore[no-untyped-def]
    """All samples, one after the other; `w`, `threshold` and `counted` are written in place.

    `events: uint8 (sample, time, input)`.
    """
    alpha, beta, gain, inhibition, feedforward = constants
    neurons, inputs = w.shape
    x, y = np.zeros(inputs), np.zeros(neurons)
    u, v, resting = np.zeros(neurons), np.zeros(neurons), np.zeros(neurons, np.int64)
    spiked = np.zeros(neurons, np.uint8)
    before = np.zeros(neurons, np.uint8)
    for k in order:
        x[:], y[:], u[:], v[:] = 0.0, 0.0, 0.0, 0.0
        resting[:], before[:] = 0, 0
        for t in range(events.shape[1]):
            s = events[k, t]
            total, away = 0, 0.0
            for i in range(neurons):
                total += before[i]
            for j in range(inputs):
                away += feedforward * s[j]
            for i in range(neurons):
                u[i] = alpha * u[i] - inhibition * (total - before[i]) - away
            for j in range(inputs):
                if s[j]:
                    for i in range(neurons):
                        u[i] += w[i, j]
            winner, ahead = -1, 0.0
            for i in range(neurons):
                spiked[i] = 0
                if resting[i] > 0:
                    resting[i] -= 1
                    continue
                v[i] = beta * v[i] + gain * u[i]
                over = v[i] - threshold[i]
                if over > 0:
                    spiked[i] = 1
                    if winner < 0 or over > ahead:
                        winner, ahead = i, over
            if learns and winner >= 0:
                for i in range(neurons):
                    spiked[i] = 0
                    if i != winner:
                        u[i], v[i] = 0.0, 0.0
                spiked[winner] = 1
            for i in range(neurons):
                if spiked[i]:
                    v[i], resting[i] = 0.0, rest
                    counted[k, i] += 1
            if learns:
                move(w, x, y, s, spiked, amounts, soft)
                if winner >= 0:
                    threshold[winner] += rise
            before[:] = spiked
        if learns:
            threshold -= rise * wanted / neurons
        if learns and norm > 0:
            for i in range(neurons):
                if counted[k, i]:
                    w[i] *= norm / np.sqrt((w[i] ** 2).sum())


@njit(cache=True, nogil=True, error_model="numpy")
def move(w, x, y, pre, post, amounts, soft):  # type: ignore[no-untyped-def]
    """One step of `stdp.PairSTDP`: traces, then weights; only those of synapses where a spike is."""
    up, down, keep_x, keep_y, low, high = amounts
    for j in range(len(x)):
        x[j] = keep_x * x[j] + pre[j]
    for i in range(len(y)):
        y[i] = keep_y * y[i] + post[i]
        if post[i]:
            for j in range(len(x)):
                here = w[i, j]
                a, b = (up * (high - here), down * (here - low)) if soft else (up, down)
                w[i, j] = min(high, max(low, here + a * x[j] - b * pre[j] * y[i]))
        elif y[i] > 0:
            for j in range(len(x)):
                if pre[j]:
                    b = down * (w[i, j] - low) if soft else down
                    w[i, j] = min(high, max(low, w[i, j] - b * y[i]))


def labels_of(counts: Array, labels: Array, classes: int) -> Array:
    """The class to which each neuron answers most, int64 (neuron,): the largest mean count over the samples of a class.

    A neuron that never spikes has -1. `counts: (sample, neuron)`, `labels: int64 (sample,)`.
    """
    means = np.stack(
        [counts[labels == k].mean(axis=0) if (labels == k).any() else 0 * counts[0] for k in range(classes)]
    )
    return np.where(means.any(axis=0), means.argmax(axis=0), -1)
