"""One population to be quantised: what its error depends on, and what bounds its scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array
from snndeploy.network.registers import STATE_SHIFT, Format
from snndeploy.network.rule import Rule
from snndeploy.quantize.activity import Activity
from snndeploy.quantize.drive import Drive
from snndeploy.quantize.grid import biases
from snndeploy.targets import Target

UNIT = 2**STATE_SHIFT
HORIZON_MAX = 1000
# room above the measured range of a membrane, for input that the calibration has not seen
HEADROOM = 1.5
# LSB that the smallest threshold of a population has to have: below, a quantised network is not the same network
COARSEST = 8
# LSB per threshold below which a wide membrane does not push the scale: it saturates instead
RESOLVED = 64


@dataclass(frozen=True, eq=False)
class Problem:
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

    def row_scale(self, scale: Array | float, d: Drive) -> Array:
        """A scale per neuron as one that broadcasts to the weights of a drive."""
        if np.ndim(scale) == 0:
            return np.asarray(scale)
        if d.row is not None:
            return np.asarray(np.broadcast_to(scale, self.shape).reshape(-1)[d.row])
        return self.per_row(np.asarray(scale), d.row_count)[:, None]

    def top(self) -> float:
        """The largest scale that registers, worst case and what is known of the membrane allow."""
        least = RESOLVED / float(self.theta.min()) if self.activity.measured else self.full_limit()
        most = min([max(self.range_limit(), least), *self.limits().values()])
        return most if np.isfinite(most) else 1.0

    def bias_error(self, scale: Array | float) -> Array:
        """How far the bias is off, in units of the membrane, (*shape)."""
        wanted = np.broadcast_to(np.asarray(self.rule.bias), self.shape) * scale * UNIT
        mantissa, exponent = biases(wanted, self.target)
        return np.asarray((mantissa * 2.0**exponent - wanted) / (scale * UNIT))

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
