"""Where a membrane can get at all: interval arithmetic over every input that is legal.

Per step a neuron receives between low and high: every source between silence and its maximum, independently. Then
(`Rule`, no spike so far; beta and alpha in 0..1, otherwise nothing is claimed but for |alpha|, |beta| < 1)::

    u between  min(alpha·u0 + low, low/(1 - alpha))    and  max(alpha·u0 + high, high/(1 - alpha))
    v between  the same of the sum of the currents and the bias, with beta

Neurons that can never spike send nothing, which may silence others. Truncation of the integer form is less than one
unit per step, toward zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.lint.check import Case, Check, Subject, some
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import STATE_MAX, STATE_SHIFT, Registers
from snndeploy.quantize.grid import realised_alpha, realised_beta
from snndeploy.quantize.worst_case import arrivals, signed

Interval = tuple[Array, Array]
# what engines may round, relative
ROUNDING = 1e-5


def settled(factor: Array, initial: Array, low: Array, high: Array) -> Interval:
    """Bounds of y[t] = factor·y[t-1] + x, low <= x <= high, over all t >= 0, from `initial` at t = -1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = []
        for x, best in ((low, np.minimum), (high, np.maximum)):
            end = best(factor * initial + x, np.where(x == 0, 0.0, x / (1 - factor)))
            # without leak it grows for ever, or moves away from where it starts
            ends.append(np.where(factor == 1, np.where(best(x, 0.0) == 0, initial + x, best(x * np.inf, 0.0)), end))
        most = np.maximum(np.abs(low), np.abs(high)) / (1 - np.abs(factor))
        around = np.where(np.abs(factor) < 1, np.maximum(np.abs(initial), most), np.inf)
    return np.where(factor < 0, -around, ends[0]), np.where(factor < 0, around, ends[1])


def _arrives(network: Network, p: Projection, heard: dict[str, Array]) -> Interval:
    """What one projection delivers in a step."""
    shape, source = network.shapes[p.target], network.input.get(p.source)
    most: Any = heard.get(p.source)
    if most is None:
        plus, minus = arrivals(shape, (p,), network.shapes, {p.source: 1.0}, signed(network))
        both = source is None or source.kind == "real"
        up = (plus > 0) | (both & (minus > 0))
        down = (minus > 0) | (both & (plus > 0))
        return np.where(down, -np.inf, 0.0), np.where(up, np.inf, 0.0)
    plus, minus = arrivals(shape, (p,), network.shapes, {p.source: most}, signed(network))
    if source is not None and source.kind == "constant" and source.onset + p.delay == 0:
        return plus - minus, plus - minus
    return -minus - (p.format is not None and p.format.exponent < 0), plus


def _from(onset: int, value: Array) -> Interval:
    """A constant that sets in at `onset`."""
    return (value, value) if onset == 0 else (np.minimum(value, 0.0), np.maximum(value, 0.0))


def _drive(network: Network, each: Population, heard: dict[str, Array]) -> Interval:
    """Bounds of what one step adds to the membrane; infinite where the current may wrap around."""
    into = [(p.receptor, *_arrives(network, p, heard)) for p in network.into(each.name)]
    rule = each.rule
    if isinstance(rule, Registers):
        alpha, unit = realised_alpha(np.asarray(rule.du)), 2.0**STATE_SHIFT
        x = [sum((end for _, *ends in into for end in ends[k : k + 1]), np.zeros(each.shape)) * unit for k in (0, 1)]
        low, high = settled(alpha, np.asarray(rule.initial_u), x[0], x[1])
        low = np.minimum(low, x[0]) - 1 / (1 - alpha)
        high = np.maximum(high, x[1]) + 1 / (1 - alpha)
        wraps = np.maximum(-low, high) > STATE_MAX
        b = _from(rule.bias_onset, np.asarray(rule.bias_mant) * 2.0 ** np.asarray(rule.bias_exp))
        return np.where(wraps, -np.inf, low) + b[0] - 1, np.where(wraps, np.inf, high) + b[1]
    total = list(_from(rule.bias_onset, np.asarray(rule.bias)))
    for k, r in enumerate(rule.receptors):
        x = list(_from(r.onset, np.asarray(r.constant)))
        for receptor, *ends in into:
            if receptor == k:
                x = [x[0] + ends[0], x[1] + ends[1]]
        u = settled(np.asarray(r.alpha), np.asarray(r.initial), x[0], x[1])
        if rule.synapse == "synchronous":
            u = np.minimum(u[0], r.initial), np.maximum(u[1], r.initial)
        total = [total[0] + u[0], total[1] + u[1]]
    return total[0], total[1]


def highest(each: Population, drive: Interval) -> Array:
    """The most that p can be before the first spike, (*shape)."""
    rule = each.rule
    if isinstance(rule, Registers):
        beta = realised_beta(np.asarray(rule.dv))
        high = np.maximum(settled(beta, np.asarray(rule.initial_v), *drive)[1], drive[1])
    else:
        high = settled(np.asarray(rule.beta), np.asarray(rule.initial), *drive)[1]
        for floor in (rule.floor, rule.state_floor):
            high = high if floor is None else np.maximum(high, floor)
    return np.broadcast_to(high, each.shape)


def lowest(each: Population, drive: Interval, theta: Array) -> Array:
    """The least that p can be if every step before spiked, (*shape); -inf where nothing is claimed."""
    rule = each.rule
    nothing = np.full(each.shape, -np.inf)
    rests = rule.refractory is not None and rule.refractory.steps > 0
    if rests or rule.adaptation is not None:
        return nothing
    if isinstance(rule, Registers):
        beta, initial = realised_beta(np.asarray(rule.dv)), np.asarray(rule.initial_v)
    else:
        beta, initial = np.asarray(rule.beta), np.asarray(rule.initial)
        if any(r.reset for r in rule.receptors):
            return nothing
    reset = rule.reset
    if reset.kind != "none" and reset.when != "now":
        return nothing
    after = {"none": theta, "to": np.asarray(reset.value), "by": theta - reset.value}[reset.kind]
    least = beta * np.minimum(initial, after) + drive[0]
    return np.broadcast_to(np.where(beta >= 0, least, -np.inf), each.shape)


def threshold(each: Population) -> Array | None:
    """In the units of the membrane, (*shape)."""
    if isinstance(each.rule, Registers):
        theta = None if each.rule.vth is None else np.asarray(each.rule.vth) * 2.0**STATE_SHIFT
    else:
        theta = None if each.rule.threshold is None else np.asarray(each.rule.threshold)
    return None if theta is None else np.broadcast_to(theta, each.shape)


def bounds(network: Network) -> dict[str, tuple[Array, Array, Array]]:
    """(theta, least, most) by population with a threshold; see `lowest` and `highest`."""
    heard: dict[str, Array] = {i.name: np.ones(i.shape) for i in network.inputs if i.kind in ("binary", "constant")}
    heard |= {each.name: np.ones(each.shape) for each in network.populations if each.rule.spiking}
    found: dict[str, tuple[Array, Array, Array]] = {}
    waiting = {each.name for each in network.populations if each.rule.spiking}
    while waiting:
        again: set[str] = set()
        for each in network.populations:
            theta = threshold(each)
            if each.name not in waiting or theta is None:
                continue
            drive = _drive(network, each, heard)
            most = highest(each, drive)
            found[each.name] = theta, lowest(each, drive, theta), most
            silent = most <= theta - _slack(theta, most)
            if (silent & (heard[each.name] > 0)).any():
                heard[each.name] = np.where(silent, 0.0, heard[each.name])
                again |= {p.target for p in network.projections if p.source == each.name}
        waiting = again & found.keys()
    return found


def _slack(theta: Array, value: Array) -> Array:
    return ROUNDING * np.maximum(np.abs(theta), np.abs(np.where(np.isfinite(value), value, 0.0)))


def every_threshold_can_be_reached(subject: Subject) -> Iterator[Case]:
    """sup p > theta for some legal input; else the neuron can never spike, which is proven (see the module).

    Source: the geometric series of the update rule; inputs that carry counts or real numbers have no bound.
    """
    for name, (theta, _, most) in bounds(subject.folded).items():
        bad = most <= theta - _slack(theta, most)
        if bad.any():
            at = int(np.where(bad, most / np.where(theta > 0, theta, 1.0), -np.inf).argmax())
            reached, needed = float(most.flat[at]), float(theta.flat[at])
            what = f"{some(bad)} can never spike: with all that helps at its maximum the membrane reaches at most"
            fix = f"lower the threshold below {reached:.4g}" if reached > 0 else "give it excitatory weights"
            fix += ", or scale its weights up (a gain of dt/tau may have been applied twice)" if bad.all() else ""
            fix += "" if bad.all() else ", or prune what cannot spike"
            unit = " state units" if subject.network.form == "integer" else ""
            yield Case(f"population {name!r}", f"{what} {reached:.4g}{unit}, its threshold is {needed:.4g}", fix)


def no_threshold_is_always_passed(subject: Subject) -> Iterator[Case]:
    """inf p <= theta for some legal input; else the neuron spikes in every step, which is proven (see the module).

    Source: induction over the steps; claimed for resets in the step of the spike, without refractory period and
    adaptation.
    """
    for name, (theta, least, _) in bounds(subject.folded).items():
        bad = least > theta + _slack(theta, least)
        if bad.any():
            low = float(least[bad].min())
            what = f"{some(bad)} spikes in every step, whatever comes in: the membrane is at least {low:.4g}"
            what += f" before each reset, its threshold is {float(theta[bad].max()):.4g}"
            yield Case(f"population {name!r}", what, "lower its bias, or raise its threshold")


CHECKS = (
    Check("SD227", "warning", "nothing", every_threshold_can_be_reached),
    Check("SD228", "warning", "nothing", no_threshold_is_always_passed),
)
