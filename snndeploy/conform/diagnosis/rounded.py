"""Why a float network and its integer form part: which rounding moved the first spike.

The neuron of the first difference is run by itself on the spikes that came into it, as the float network has it, with
each part of its integers alone, and with each part left out. The part that moves the decision by itself is the cause;
if none does, the part without which it does not move; else the one that moves p - θ the furthest.
"""

from __future__ import annotations

import numpy as np

from snndeploy.conform.align import View, align
from snndeploy.conform.budget.mixture import DECAYS, LEVELS, PARTS, STATES, WEIGHTS, mixture, start
from snndeploy.conform.compare import compare
from snndeploy.conform.diagnosis.evidence import gather
from snndeploy.conform.diagnosis.predict import Variant, state_of
from snndeploy.conform.diagnosis.result import Cause, Diagnosis, Kind
from snndeploy.conform.result import Comparison, First
from snndeploy.engines.trace import Trace
from snndeploy.network.network import Network
from snndeploy.network.registers import STATE_SHIFT, Registers
from snndeploy.network.rule import Rule
from snndeploy.quantize import prepared

KINDS: dict[str, Kind] = {DECAYS: "decay", WEIGHTS: "weight", LEVELS: "threshold", STATES: "state"}


def rounded(a: Trace, b: Trace, comparison: Comparison | None = None) -> Diagnosis:
    """The diagnosis of a float and an integer trace.

    Raises:
        SnnDeployError SD701, SD702, SD703: the traces cannot be compared.
    """
    same = compare(a, b) if comparison is None else comparison
    x, y, _ = align(a, b, "find")
    floating, whole = (x, y) if a.network.form == "float" else (y, x)
    mark = "b" if whole is y else "a"
    first = same.first
    if first is None or first.what != "spikes":
        text = "no spike differs" if first is None else "membranes differ in units of their own; no spike does"
        return Diagnosis(first, Cause("unknown", text), None, True, "")
    cause = _cause(floating, whole, first)
    return Diagnosis(first, cause, first.population, True, mark)  # type: ignore[arg-type]


def _cause(floating: View, whole: View, first: First) -> Cause:
    made = whole.trace.network
    ready = prepared(floating.trace.network)
    if dict(ready.shapes) != dict(made.shapes) or not floating.trace.network.population.get(first.population):
        return Cause("unknown", "the two are not a network and its integer form")
    own = margin(ready, made, (), floating, first)
    every = margin(ready, made, PARTS, floating, first)
    if own is None or every is None:
        return Cause("unknown", "what came into the neuron was not recorded")
    if (own > 0) == (every > 0):
        text = "the neuron decides alike on the spikes of the float network: what came into it differs"
        return Cause("input", text, explained=0, bins=1)
    alone = {part: margin(ready, made, (part,), floating, first) or 0.0 for part in PARTS}
    others = {part: tuple(p for p in PARTS if p != part) for part in PARTS}
    without = {part: margin(ready, made, others[part], floating, first) or 0.0 for part in PARTS}
    moving = [part for part in PARTS if (alone[part] > 0) != (own > 0)]
    needed = [part for part in PARTS if (without[part] > 0) == (own > 0)]
    candidates = [part for part in moving if part in needed] or moving or needed or list(PARTS)
    part = max(candidates, key=lambda each: abs(alone[each] - own))
    kind = KINDS[part]
    if part == LEVELS:
        kind = _level(ready, made, first)
    how = "is needed to move the decision" if part in needed else "moves it most"
    how = "alone moves the decision" if part in moving else how
    shifts = ", ".join(f"{name} {alone[name] - own:+.4g}" for name in PARTS)
    text = f"rounding of {part} {how}: p - θ goes from {own:.4g} to {every:.4g} (each alone: {shifts})"
    also = tuple(f"rounding of {each}" for each in moving if each != part)
    return Cause(kind, text, True, expected=own, found=every, explained=1, bins=1, also=also)


def margin(ready: Network, made: Network, parts: tuple[str, ...], view: View, first: First) -> float | None:
    """p - θ of the neuron in that bin, units of the float membrane, driven by the spikes of a view."""
    network = mixture(ready, made, parts)
    e = gather(network, view, first.population, np.array([first.batch]))
    if e is None:
        return None
    population = network.population[first.population]
    drives = e.drives(e.projections)
    state = start(population, 1) if STATES in parts else state_of(Variant(population.rule, ()), (1, *population.shape))
    for t in range(first.step + 1):
        state.step(t, [each[t] for each in drives])
    registers = made.population[first.population].rule
    assert isinstance(registers, Registers)
    scale = np.broadcast_to(np.asarray(registers.scale), population.shape)
    at = (0, *first.index)
    theta = np.broadcast_to(state.theta, state.p.shape)
    return float((state.p[at] - theta[at]) / scale[first.index])


def _level(ready: Network, made: Network, first: First) -> Kind:
    """Whether it was the threshold or the bias that moved further against its scale."""
    rule, registers = ready.population[first.population].rule, made.population[first.population].rule
    assert isinstance(rule, Rule)
    assert isinstance(registers, Registers)
    shape = made.shapes[first.population]
    scale, theta, level, bias, constant = (
        np.broadcast_to(np.asarray(y, np.float64), shape)[first.index]
        for y in (
            registers.scale,
            0.0 if rule.threshold is None else rule.threshold,
            (np.asarray(0 if registers.vth is None else registers.vth) << STATE_SHIFT),
            rule.bias,
            (np.asarray(registers.bias_mant) << np.asarray(registers.bias_exp)),
        )
    )
    return "bias" if abs(bias * scale - constant) > abs(theta * scale - level) else "threshold"
