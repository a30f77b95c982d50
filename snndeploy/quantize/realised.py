"""What the registers made of a float network: decays, thresholds and weights beside what was wanted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import STATE_SHIFT, Registers
from snndeploy.network.rule import Rule
from snndeploy.quantize.convert import prepared
from snndeploy.quantize.drive import weighted_map
from snndeploy.quantize.grid import realised_alpha, realised_beta


@dataclass(frozen=True)
class Weights:
    """One projection. error: root mean square over the weights, relative to that of the weights; bits: used by the
    largest mantissa, sign aside; clipped: mantissas at the limit whose weight lies beyond it."""

    projection: str
    exponent: int
    error: float
    bits: float
    clipped: int


@dataclass(frozen=True)
class Row:
    """One population; pairs are (wanted, realised), each the value that is off most.

    tau_error: largest relative error of a time constant, 1/(1 - decay); theta in units of the shifted membrane.
    """

    population: str
    scale: float
    alpha: tuple[float, float]
    beta: tuple[float, float]
    theta: tuple[float, float] | None
    tau_error: float
    weights: tuple[Weights, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return asdict(self)


def report(wanted: Network, made: Network) -> list[Row]:
    """One row per population of `made = quantize(wanted, ...)`.

    Raises:
        SnnDeployError SD209: the networks do not belong together, or are not one of each form.
    """
    ready = prepared(wanted) if wanted.form == "float" else wanted
    alike = ready.shapes == made.shapes and [p.name for p in ready.projections] == [p.name for p in made.projections]
    if wanted.form != "float" or made.form != "integer" or not alike:
        fix = "give the float network and what quantize made of it"
        raise error("SD209", "report", "these are not a float network and its integer form", fix)
    rows = []
    for each in made.populations:
        rule, registers = ready.population[each.name].rule, each.rule
        assert isinstance(rule, Rule)
        assert isinstance(registers, Registers)
        scale = float(np.max(registers.scale)) / 2**STATE_SHIFT
        alpha = _pair(np.asarray(rule.receptors[0].alpha), realised_alpha(np.asarray(registers.du)))
        beta = _pair(np.asarray(rule.beta), realised_beta(np.asarray(registers.dv)))
        theta = None
        if rule.threshold is not None:
            theta = _pair(np.asarray(rule.threshold), np.asarray(registers.vth) / scale)
        weights = tuple(_weights(a, b, scale) for a, b in zip(ready.into(each.name), made.into(each.name), strict=True))
        row = Row(each.name, scale, alpha, beta, theta, max(_tau_error(*alpha), _tau_error(*beta)), weights)
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


def _weights(wanted: Projection, made: Projection, scale: float) -> Weights:
    form = made.format
    assert form is not None
    w, m = _values(weighted_map(wanted)[1]), _values(weighted_map(made)[1])
    unit = 2.0**form.exponent / scale
    power = float(np.square(w).sum())
    off = float(np.square(m * unit - w).sum())
    low, high = form.limits
    clipped = np.count_nonzero((w > (high + form.step / 2) * unit) | (w < (low - form.step / 2) * unit))
    bits = float(np.log2(np.abs(m).max(initial=0) / form.step + 1))
    return Weights(made.name, form.exponent, float(np.sqrt(off / power)) if power else 0.0, bits, int(clipped))
