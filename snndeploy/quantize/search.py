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

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import STATE_SHIFT, Format
from snndeploy.network.rule import Rule
from snndeploy.quantize.activity import Activity
from snndeploy.quantize.drive import Drive, drive
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
# LSB that the smallest threshold of a population has to have: below, a quantised network is not the same network
COARSEST = 8
# LSB per threshold below which a wide membrane does not push the scale: it saturates instead
RESOLVED = 64


@dataclass(frozen=True)
class Choice:
    """One scale, the format of each projection in the order of `Network.into`, and the error E."""

    scale: float
    formats: tuple[Format, ...]
    error: float


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

    def limits(self) -> dict[str, float]:
        """The largest scale that each register allows, by what it has to hold."""
        rule, neuron, synapse = self.rule, self.target.neuron, self.target.synapse
        alpha = np.asarray(rule.receptors[0].alpha)
        sizes = {
            "what arrives in the worst case": np.maximum(*self.arriving) / (1 - alpha),
            "the state that it starts from": np.maximum(np.abs(rule.initial), np.abs(rule.receptors[0].initial)),
            "what a spike subtracts": np.abs(rule.reset.value) if rule.reset.kind == "by" else np.zeros(()),
        }
        room = {name: (neuron.state_max.value / UNIT, float(np.max(size))) for name, size in sizes.items()}
        theta = 0.0 if rule.threshold is None else float(np.max(rule.threshold))
        room["the threshold"] = (neuron.threshold_max.value, theta)
        bias = neuron.bias_mantissa_max.value * 2.0**neuron.bias_exponent_max.value
        room["the bias"] = (bias / UNIT, float(np.max(np.abs(rule.bias))))
        weight = max((float(np.abs(d.weight).max(initial=0.0)) for d in self.drives), default=0.0)
        top = 2.0**synapse.weight_exponent_max.value * Format(0, synapse.weight_bits.value, "mixed").limits[1]
        room["the largest weight"] = (top, weight)
        return {name: most / size for name, (most, size) in room.items() if size > 0}

    def too_coarse(self) -> Finding | None:
        """The finding if no scale resolves the threshold, or the weights where there is none."""
        limits = self.limits()
        resolved = float(self.theta.min()) * min(limits.values(), default=1.0)
        if resolved >= COARSEST:
            return None
        name = min(limits, key=limits.__getitem__)
        what = f"{name} leaves a scale of {limits[name]:.3g} LSB per unit: {resolved:.3g} LSB for its threshold"
        fix = f"bring {name} below {min(limits.values()) / (COARSEST / float(self.theta.min())):.3g} of what it is"
        return Finding("SD607", f"population {self.name!r}", f"{what}, at least {COARSEST} are needed", fix)

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
        least = RESOLVED / float(self.theta.min()) if self.activity.measured else self.full_limit()
        top = max(self.range_limit(), least)
        top = min(top, *self.limits().values())
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


def search(network: Network, name: str, target: Target, activity: Activity) -> Search:
    """The search for one population of a prepared float network."""
    each = network.population[name]
    assert isinstance(each.rule, Rule)
    drives = tuple(drive(p, activity) for p in network.into(name))
    arriving = arrivals(each.shape, network.into(name), network.shapes, activity.largest)
    return Search(name, each.shape, each.rule, drives, target, activity, arriving)
