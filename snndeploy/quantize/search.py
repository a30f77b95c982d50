"""The scale of a population and the formats of its projections, by the error that they cause.

A scale S says how many weight LSB one unit of the membrane is. It is bounded from above by every register; below that
bound all scales of two octaves are tried (further down a doubled scale and an exponent one higher repeat each other),
and the powers of two, in which dyadic networks are exact. What is minimised is the expected squared error of the
membrane relative to the threshold theta, for weights off by d and sources of mean m and variance s² (calibration)::

    E = mean over neurons of
        [G2·sum_j d_j² s_j² + (G1·sum_j d_j m_j)² + (G1·d_bias)² + d_theta² + d_reset² + t²] / theta²

    k[n] = sum_i alpha^i beta^(n-i)     what one input adds to the membrane n steps later
    G1 = sum_n k[n], G2 = sum_n k[n]²   errors that repeat add up, independent ones do not; n < time between spikes
    t = G1 / 2 state units              what truncation takes

A scale by the largest weight spends its bits on that one weight; here each projection has its own exponent and clips
where that costs less than it gains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Map, Sparse, chain_apply
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import BIAS_EXP_MAX, STATE_SHIFT, Format
from snndeploy.network.rule import Rule
from snndeploy.quantize.activity import Activity
from snndeploy.quantize.grid import biases, formats, mantissas
from snndeploy.quantize.worst_case import arrivals
from snndeploy.targets import Target

PER_OCTAVE = 32
OCTAVES = 2
POWERS_OF_TWO = 14
UNIT = 2**STATE_SHIFT
HORIZON_MAX = 1000
# room above the measured range of a membrane, for input that the calibration has not seen
HEADROOM = 1.5


@dataclass(frozen=True)
class Choice:
    """One scale, the format of each projection in the order of `Network.into`, and the error E."""

    scale: float
    formats: tuple[Format, ...]
    error: float


@dataclass(frozen=True, eq=False)
class Drive:
    """One projection's weights with the moments of what meets them.

    weight: (rows, fan-in), a row per neuron or output channel; or flat with `row`. mean, variance: broadcast to it.
    """

    weight: Array
    mean: Array
    variance: Array
    row: Array | None = None
    rows: int = 0

    def error(self, wrong: Array) -> tuple[Array, Array]:
        """(sum_j d_j² s_j², sum_j d_j m_j) per row."""
        squared, shift = wrong * wrong * self.variance, wrong * self.mean
        if self.row is None:
            return squared.sum(axis=-1), shift.sum(axis=-1)
        return np.bincount(self.row, squared, self.rows), np.bincount(self.row, shift, self.rows)


def weighted_map(p: Projection) -> tuple[int, Map]:
    """Position and value of the one weighted map of a merged projection."""
    return next((i, each) for i, each in enumerate(p.maps) if each.weighted)


def drive(p: Projection, activity: Activity) -> Drive:
    """What `p` sees, from the moments of its source."""
    at, each = weighted_map(p)
    mean, variance = (chain_apply(p.maps[:at], moment[p.source]) for moment in (activity.mean, activity.variance))
    match each:
        case Dense():
            axes = tuple(range(mean.ndim - 1))
            return Drive(each.weight, mean.mean(axis=axes), variance.mean(axis=axes))
        case Conv():
            out, per = each.weight.shape[:2]
            channel = (np.arange(out) // (out // each.groups))[:, None] * per + np.arange(per)
            axes = tuple(range(1, mean.ndim))
            taps = int(np.prod(each.kernel))
            mean, variance = (np.repeat(m.mean(axis=axes)[channel], taps, axis=1) for m in (mean, variance))
            return Drive(each.weight.reshape(out, -1), mean, variance)
        case Sparse():
            matrix = each.weight
            row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            return Drive(
                matrix.data, mean.ravel()[matrix.indices], variance.ravel()[matrix.indices], row, matrix.shape[0]
            )
    raise TypeError(f"{type(each).__name__} has no weights")


@dataclass(frozen=True, eq=False)
class Search:
    """Everything about one population that the error depends on. `rule` has one receptor of gain 1."""

    name: str
    shape: tuple[int, ...]
    rule: Rule
    drives: tuple[Drive, ...]
    target: Target
    activity: Activity
    arriving: tuple[Array, Array]

    @cached_property
    def theta(self) -> Array:
        """The threshold, what errors are relative to; 1 where there is none or it is 0."""
        theta = np.broadcast_to(np.asarray(1.0 if self.rule.threshold is None else self.rule.threshold), self.shape)
        return np.where(theta > 0, theta, 1.0)

    @cached_property
    def gains(self) -> tuple[float, float]:
        """(G1, G2) of the population's mean decays."""
        rate = self.activity.rate.get(self.name, 0.0) if self.rule.spiking else 0.0
        steps = min(self.activity.steps, HORIZON_MAX, int(1 / rate) + 1 if rate > 0 else HORIZON_MAX)
        alpha, beta = float(np.mean(self.rule.receptors[0].alpha)), float(np.mean(self.rule.beta))
        kernel, u, v = np.zeros(steps), 1.0, 0.0
        for n in range(steps):
            v = beta * v + u
            kernel[n], u = v, alpha * u
        return float(kernel.sum()), float(np.square(kernel).sum())

    def per_row(self, value: Array, rows: int) -> Array:
        """A number per neuron as a number per row of a drive: the mean over what shares weights."""
        whole = np.broadcast_to(value, self.shape)
        if whole.size == rows:
            return np.asarray(whole.reshape(rows))
        if len(self.shape) > 1 and self.shape[0] == rows:
            return np.asarray(whole.reshape(rows, -1).mean(axis=1))
        return np.asarray(whole.reshape(-1, rows).mean(axis=0))  # dense on the last axis

    def hard_limit(self) -> float:
        """The largest scale that no register refuses."""
        rule, neuron, synapse = self.rule, self.target.neuron, self.target.synapse
        states = [np.max(np.abs(x)) for x in (rule.initial, rule.receptors[0].initial)]
        if rule.reset.kind == "by":
            states.append(np.max(np.abs(rule.reset.value)))
        alpha = np.asarray(rule.receptors[0].alpha)
        states.append(np.max(np.maximum(*self.arriving) / (1 - alpha)))
        shift = 2.0 ** min(neuron.bias_exponent_max.value, BIAS_EXP_MAX)
        weight = max((float(np.abs(d.weight).max(initial=0.0)) for d in self.drives), default=0.0)
        top = 2.0**synapse.weight_exponent_max.value * Format(0, synapse.weight_bits.value, "mixed").limits[1]
        limits = [neuron.state_max.value / UNIT / float(s) for s in states if s > 0]
        if rule.threshold is not None and np.any(rule.threshold):
            limits.append(neuron.threshold_max.value / float(np.max(rule.threshold)))
        if np.any(rule.bias):
            limits.append(neuron.bias_mantissa_max.value * shift / UNIT / float(np.max(np.abs(rule.bias))))
        if weight > 0:
            limits.append(top / weight)
        return min(limits, default=1.0)

    def range_limit(self) -> float:
        """The largest scale at which the membrane, as far as it is known, stays within its register."""
        rule, name = self.rule, self.name
        state_max = self.target.neuron.state_max.value / UNIT
        by = float(np.max(np.abs(rule.reset.value))) if rule.reset.kind == "by" else 0.0
        # a membrane that a spike sets to zero at once may saturate above the threshold: it is set to zero either way
        capped = rule.spiking and rule.reset.kind == "to" and rule.reset.when == "now"
        if self.activity.measured:
            low, high = -self.activity.lowest[name], self.activity.highest[name]
            reach = max(low, 0.0 if capped else high) + by
            return state_max / (HEADROOM * reach) if reach > 0 else np.inf
        alpha, beta = np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta)
        up, down = (side / (1 - alpha) for side in self.arriving)
        per_step = np.maximum(down - rule.bias, 0 if capped else up + rule.bias) + by
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = float(np.max(np.where(per_step > 0, per_step / (1 - beta), 0.0)))
        return state_max / reach if reach > 0 else np.inf

    def full_limit(self) -> float:
        """The smallest scale that uses every bit of each projection and resolves the threshold to a thousandth."""
        sizes = [float(np.abs(d.weight).max(initial=0.0)) for d in self.drives]
        return max([1024 / float(self.theta.min())] + [256 / size for size in sizes if size > 0])

    def candidates(self) -> Iterator[float]:
        """Scales to try, largest first."""
        top = self.range_limit()
        if not self.activity.measured:
            top = max(top, self.full_limit())
        top = min(top, self.hard_limit())
        yield from top * 2.0 ** -(np.arange(OCTAVES * PER_OCTAVE) / PER_OCTAVE)
        yield from 2.0 ** (np.floor(np.log2(top)) - np.arange(POWERS_OF_TWO))

    def evaluate(self, scale: float) -> Choice | None:
        """The best formats at this scale and the error E; None if the registers cannot hold it."""
        g1, g2 = self.gains
        rule = self.rule
        chosen: list[Format] = []
        noise: float = 0.0
        drift: Array = np.zeros(())
        shift = np.broadcast_to(np.asarray(rule.bias), self.shape) * scale * UNIT
        mantissa, exponent = biases(shift, self.target)
        biased = (mantissa * 2.0**exponent - shift) / (scale * UNIT)
        for d in self.drives:
            best: tuple[float, Format, Array] | None = None
            for form in formats(d.weight, scale, self.target):
                wrong = mantissas(d.weight, scale, form) * (2.0**form.exponent / scale) - d.weight
                squared, moved = d.error(wrong)
                theta = self.per_row(self.theta, squared.size)
                error = float(np.mean((g2 * squared + (g1 * moved) ** 2) / theta**2))
                if best is None or error < best[0]:
                    best = (error, form, moved)
            if best is None:
                return None
            noise += best[0]
            chosen.append(best[1])
        drift = (g1 * biased / self.theta) ** 2
        edge: Array = np.zeros(())
        if rule.threshold is not None:
            edge = ((np.rint(rule.threshold * scale) / scale - rule.threshold) / self.theta) ** 2
        if rule.reset.kind == "by":
            edge = (
                edge + ((np.rint(rule.reset.value * scale * UNIT) / scale / UNIT - rule.reset.value) / self.theta) ** 2
            )
        truncation = (0.5 * g1 / (UNIT * scale) / self.theta) ** 2 if self._truncates() else np.zeros(())
        return Choice(scale, tuple(chosen), noise + float(np.mean(drift) + np.mean(edge) + np.mean(truncation)))

    def _truncates(self) -> bool:
        beta, alpha = np.asarray(self.rule.beta), np.asarray(self.rule.receptors[0].alpha)
        return bool(np.any((beta != 0) & (beta != 1)) or np.any(alpha))

    def ranked(self) -> list[Choice]:
        """All scales that the registers hold, best first; of equals the largest."""
        tried = [self.evaluate(float(s)) for s in self.candidates()]
        return sorted((c for c in tried if c is not None), key=lambda c: (c.error, -c.scale))


def search(network: Network, name: str, target: Target, activity: Activity) -> list[Choice]:
    """Choices for one population of a prepared float network, best first."""
    each = network.population[name]
    assert isinstance(each.rule, Rule)
    drives = tuple(drive(p, activity) for p in network.into(name))
    arriving = arrivals(each.shape, network.into(name), network.shapes, activity.largest)
    return Search(name, each.shape, each.rule, drives, target, activity, arriving).ranked()
