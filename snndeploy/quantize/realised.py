"""What the registers made of a float network: decays, thresholds and weights beside what was wanted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snndeploy.encoding import encoded_as
from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map, Shape
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import STATE_SHIFT, Registers
from snndeploy.network.rule import Rule
from snndeploy.quantize.choice import whole_name
from snndeploy.quantize.convert import prepared
from snndeploy.quantize.decay_report import Decay, Least, decays_of, least_input
from snndeploy.quantize.drive import weighted_map
from snndeploy.quantize.grid import realised_alpha, realised_beta


@dataclass(frozen=True)
class Weights:
    """One projection. exponents: of its parts; error: root mean square over the weights, relative to that of the
    weights; bits: from the largest weight down to the finest step, sign aside; clipped: weights beyond the largest of
    their sign that its parts hold by more than half a step."""

    projection: str
    exponents: tuple[int, ...]
    error: float
    bits: float
    clipped: int


@dataclass(frozen=True)
class Row:
    """One population; pairs are (wanted, realised), each the value that is off most.

    tau_error: largest relative error of a time constant, 1/(1 - decay); theta in units of the shifted membrane.
    decays: each state that remembers, with what truncation does to it; least: the least constant input that spikes
    (`quantize/decay_report.py`).
    """

    population: str
    scale: float
    alpha: tuple[float, float]
    beta: tuple[float, float]
    theta: tuple[float, float] | None
    tau_error: float
    weights: tuple[Weights, ...]
    decays: tuple[Decay, ...] = ()
    least: Least | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return asdict(self)


def report(wanted: Network, made: Network) -> list[Row]:
    """One row per population of `made = quantize(wanted, ...)`.

    Raises:
        SnnDeployError SD209: the networks do not belong together, or are not one of each form.
    """
    wanted = encoded_as(wanted, made)
    ready = prepared(wanted) if wanted.form == "float" else wanted
    known = frozenset(p.name for p in ready.projections)
    parts: dict[str, list[Projection]] = {}
    for p in made.projections:
        parts.setdefault(whole_name(p.name, known), []).append(p)
    alike = ready.shapes == made.shapes and set(parts) == known
    if wanted.form != "float" or made.form != "integer" or not alike:
        fix = "give the float network and what quantize made of it"
        raise error("SD209", "report", "these are not a float network and its integer form", fix)
    rows = []
    for each in made.populations:
        rule, registers = ready.population[each.name].rule, each.rule
        assert isinstance(rule, Rule)
        assert isinstance(registers, Registers)
        scale = np.asarray(registers.scale) / 2**STATE_SHIFT
        alpha = _pair(np.asarray(rule.receptors[0].alpha), realised_alpha(np.asarray(registers.du)))
        beta = _pair(np.asarray(rule.beta), realised_beta(np.asarray(registers.dv)))
        theta = None
        if rule.threshold is not None:
            theta = _pair(np.asarray(rule.threshold), np.asarray(registers.vth) / scale)
        weights = tuple(_weights(p, parts[p.name], registers, each.shape) for p in ready.into(each.name))
        off = max(_tau_error(*alpha), _tau_error(*beta))
        lost = decays_of(rule, registers), least_input(rule, registers)
        row = Row(each.name, float(scale.max()), alpha, beta, theta, off, weights, *lost)
        rows.append(row)
    return rows


def _pair(wanted: Array, realised: Array) -> tuple[float, float]:
    wanted, realised = np.broadcast_arrays(wanted, realised)
    worst = int(np.abs(realised - wanted).argmax())
    return float(wanted.flat[worst]), float(realised.flat[worst])


def _tau_error(wanted: float, realised: float) -> float:
    """|tau' / tau - 1| with tau = 1/(1 - decay)."""
    return 0.0 if wanted == realised else abs((1 - wanted) / (1 - realised) - 1) if realised < 1 else np.inf


def _values(each: Map) -> Array:
    given: Any = each
    return np.asarray(given.weight if isinstance(given.weight, np.ndarray) else given.weight.toarray())


def _weights(wanted: Projection, parts: list[Projection], registers: Registers, shape: Shape) -> Weights:
    w = _values(weighted_map(wanted)[1])
    scale = _per_weight(np.asarray(registers.scale) / 2**STATE_SHIFT, shape, w)
    made, high, low, steps = np.zeros(w.shape), 0.0, 0.0, []
    for p in parts:
        form = p.format
        assert form is not None
        unit = 2.0**form.exponent
        made = made + _values(weighted_map(p)[1]) * unit
        low, high = low + form.limits[0] * unit, high + form.limits[1] * unit
        steps.append(form.step * unit)
    power = float(np.square(w).sum())
    off = float(np.square(made / scale - w).sum())
    half = max(steps) / 2
    clipped = np.count_nonzero((w * scale > high + half) | (w * scale < low - half))
    bits = float(np.log2(np.abs(made).max(initial=0) / min(steps) + 1))
    exponents = tuple(p.format.exponent for p in parts if p.format is not None)
    return Weights(wanted.name, exponents, float(np.sqrt(off / power)) if power else 0.0, bits, int(clipped))


def _per_weight(scale: Array, shape: Shape, weight: Array) -> Array:
    """A scale per neuron or channel as one that broadcasts to a weight; its first axis are the rows."""
    if scale.ndim == 0:
        return scale
    whole = np.broadcast_to(scale, shape)
    row = whole.reshape(len(weight), -1)[:, 0] if whole.size % len(weight) == 0 else whole.reshape(-1)
    return row.reshape(-1, *(1,) * (weight.ndim - 1))
