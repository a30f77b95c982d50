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
# room above the measured range of a membrane, for input that the calibration has not seen; a membrane that saturates
# low recovers sooner: half the range costs the Braille network 3 % of its raster cosine, a quarter 8 %
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
        """The largest scale that registers, worst case and what is known of the membrane allow to all neurons."""
        return float(np.min(self.tops()))

    def tops(self) -> Array:
        """The same per neuron, (*shape)."""
        least = RESOLVED / self.theta if self.activity.measured else self.full_limit()
        most = np.maximum(self.range_limits(), least)
        for register, size in self.rooms().values():
            with np.errstate(divide="ignore"):
                most = np.minimum(most, register / size)
        return np.where(np.isfinite(most), most, 1.0)

    def bias_error(self, scale: Array | float) -> Array:
        """How far the bias is off, in units of the membrane, (*shape)."""
        wanted = np.broadcast_to(np.asarray(self.rule.bias), self.shape) * scale * UNIT
        mantissa, exponent = biases(wanted, self.target)
        return np.asarray((mantissa * 2.0**exponent - wanted) / (scale * UNIT))

    def rooms(self) -> dict[str, tuple[float, Array]]:
        """What each register holds, and what it has to hold per unit of scale, (*shape), by what that is."""
        rule, neuron, synapse = self.rule, self.target.neuron, self.target.synapse
        alpha = np.asarray(rule.receptors[0].alpha)
        state = neuron.state_max.value / UNIT
        bias = neuron.bias_mantissa_max.value * 2.0**neuron.bias_exponent_max.value
        weights = [np.broadcast_to(self.per_neuron(np.abs(d.weight), d), self.shape) for d in self.drives]
        top = 2.0**synapse.weight_exponent_max.value * Format(0, synapse.weight_bits.value, "mixed").limits[1]
        # truncation takes a unit of what arrives away at least; whether that is enough, the certificate says
        found = {
            "what arrives in the worst case": (state + 1 / UNIT, np.maximum(*self.arriving) / (1 - alpha)),
            "the state that it starts from": (
                state,
                np.maximum(np.abs(rule.initial), np.abs(rule.receptors[0].initial)),
            ),
            "what a spike subtracts": (state, np.abs(rule.reset.value) if rule.reset.kind == "by" else np.zeros(())),
            "what spikes add to the threshold": (state, self._moved()),
            "the threshold": (
                neuron.threshold_max.value,
                np.asarray(0.0 if rule.threshold is None else rule.threshold),
            ),
            "the bias": (bias / UNIT, np.abs(rule.bias) + self.activity.currents.get(self.name, 0.0)),
            "the largest weight": (top, np.max(weights, axis=0) if weights else np.zeros(())),
        }
        return {name: (most, np.broadcast_to(size, self.shape)) for name, (most, size) in found.items()}

    def _moved(self) -> Array:
        """How far spikes in every step move the threshold; where that does not fade, what one of them adds."""
        moves = self.rule.adaptation
        if moves is None:
            return np.zeros(())
        lost = 1 - np.asarray(moves.decay)
        return np.asarray(np.abs(moves.jump) / np.where(lost > 0, lost, 1.0))

    def limits(self) -> dict[str, float]:
        """The largest scale that each register allows to all neurons, by what it has to hold."""
        sizes = {name: (most, float(np.max(size))) for name, (most, size) in self.rooms().items()}
        return {name: most / size for name, (most, size) in sizes.items() if size > 0}

    def per_neuron(self, weight: Array, d: Drive) -> Array:
        """The largest weight of each neuron of one drive, as magnitudes; broadcasts to the shape."""
        if d.row is not None:
            found = np.zeros(d.rows)
            np.maximum.at(found, d.row, weight)
            return found.reshape(self.shape)
        rows = weight.max(axis=1, initial=0.0)
        if d.shared == "channel":
            return np.asarray(rows.reshape(-1, *(1,) * (len(self.shape) - 1)))
        return np.asarray(rows)  # the last axis

    def grouped(self, value: Array) -> Array:
        """The smallest value of all neurons that have to share a scale, because they share weights.

        (*shape) -> an array that broadcasts to the shape: one number per neuron, per channel, or for all.
        """
        kinds = {d.shared for d in self.drives} - {"nothing"}
        if not kinds or len(self.shape) == 1:
            return np.asarray(value)
        if kinds == {"channel"}:
            return np.asarray(value.min(axis=tuple(range(1, len(self.shape))), keepdims=True))
        return np.asarray(value.min())

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

    def range_limits(self) -> Array:
        """The largest scale at which each membrane, as far as it is known, stays within its register; (*shape)."""
        rule, name = self.rule, self.name
        state_max = self.target.neuron.state_max.value / UNIT
        by = np.abs(rule.reset.value) if rule.reset.kind == "by" else np.zeros(())
        # a membrane that a spike sets to zero at once may saturate above the threshold: it is set to zero either way
        capped = rule.spiking and rule.reset.kind == "to" and rule.reset.when == "now"
        if self.activity.measured:
            low, high = -self.activity.lowest[name], self.activity.highest[name]
            reach = HEADROOM * (np.maximum(low, 0.0 if capped else high) + by)
        else:
            alpha, beta = np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta)
            up, down = (side / (1 - alpha) for side in self.arriving)
            per_step = np.maximum(down - rule.bias, 0 if capped else up + rule.bias) + by
            with np.errstate(divide="ignore", invalid="ignore"):
                reach = np.where(per_step > 0, per_step / (1 - beta), 0.0)
        with np.errstate(divide="ignore"):
            return np.broadcast_to(np.where(reach > 0, state_max / np.maximum(reach, 1e-300), np.inf), self.shape)

    def full_limit(self) -> float:
        """The smallest scale that uses every bit of each projection and resolves the threshold to a thousandth."""
        sizes = [float(np.abs(d.weight).max(initial=0.0)) for d in self.drives]
        return max([1024 / float(self.theta.min())] + [256 / size for size in sizes if size > 0])
