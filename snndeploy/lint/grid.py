"""What the registers of a target leave of decays, biases and thresholds, before a scale is chosen.

A float network is looked at in its prepared form and at the finest scale that any register allows, so that what is
found here stays, whatever scale `quantize` takes. An integer network is looked at as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from snndeploy.lint.check import Case, Check, Subject, some
from snndeploy.network.arrays import Array
from snndeploy.network.registers import STATE_SHIFT, Registers
from snndeploy.network.table import number
from snndeploy.passes.change import float_rules
from snndeploy.quantize.certificate import overflows
from snndeploy.quantize.grid import decays, realised_alpha, realised_beta
from snndeploy.quantize.problem import COARSEST, RESOLVED

TAU_ERROR = 0.05
TRUNCATION = 0.05
BIAS_UNITS = 10


@dataclass(frozen=True, eq=False)
class State:
    """One population in state units. scale: of the float form, state units per unit; None in the integer form."""

    name: str
    shape: tuple[int, ...]
    alpha: Array
    beta: Array
    theta: Array | None
    bias: Array
    scale: float | None
    limit: str = ""

    @property
    def where(self) -> str:
        return f"population {self.name!r}"

    @property
    def at_best(self) -> str:
        if self.scale is None:
            return ""
        return f" at {self.scale / 2**STATE_SHIFT:.3g} LSB per unit, the finest scale that {self.limit} allows"


def _states(subject: Subject) -> Iterator[State]:
    for problem in subject.problems:
        rule, limits = problem.rule, problem.limits()
        if not limits or subject.target is None:
            continue
        limit = min(limits, key=limits.__getitem__)
        scale = limits[limit] * 2**STATE_SHIFT
        du, dv = decays(np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta), subject.target)
        theta = None if rule.threshold is None else np.asarray(rule.threshold) * scale
        bias = np.abs(rule.bias) * scale
        yield State(
            problem.name, problem.shape, realised_alpha(du), realised_beta(dv), theta, np.asarray(bias), scale, limit
        )
    for each in subject.network.populations:
        if isinstance(each.rule, Registers):
            r = each.rule
            alpha, beta = realised_alpha(np.asarray(r.du)), realised_beta(np.asarray(r.dv))
            theta = None if r.vth is None else np.asarray(r.vth) * 2.0**STATE_SHIFT
            bias = np.abs(np.asarray(r.bias_mant) * 2.0 ** np.asarray(r.bias_exp))
            yield State(each.name, each.shape, alpha, beta, theta, bias, None)


def decays_are_near_the_grid_of_the_registers(subject: Subject) -> Iterator[Case]:
    """|tau'/tau - 1| <= 5 %, tau = 1/(1 - decay), decay' = 1 - round(4096·(1 - decay))/4096.

    Source: du and dv have 12 bits (lava-nc 0.10.0, PyLifModelBitAcc; Davies et al., IEEE Micro 38(1), 2018).
    """
    if subject.target is None:
        return
    for each, rule in float_rules(subject.network):
        pairs = [("beta", np.asarray(rule.beta), realised_beta(decays(np.zeros(()), rule.beta, subject.target)[1]))]
        for k, r in enumerate(rule.receptors):
            made = realised_alpha(decays(np.asarray(r.alpha), np.zeros(()), subject.target)[0])
            pairs.append((f"receptors[{k}].alpha", np.asarray(r.alpha), made))
        for path, wanted, made in pairs:
            with np.errstate(divide="ignore", invalid="ignore"):
                off = np.where((wanted < 1) & (made < 1), np.abs((1 - wanted) / (1 - made) - 1), 0.0)
            bad = off > TAU_ERROR
            if bad.any():
                at = int(off.argmax())
                a, b = float(wanted.flat[at]), float(made.flat[at])
                what = f"the time constant of {some(bad)} is off by up to {off.max():.0%} (limit {TAU_ERROR:.0%})"
                what += f": {path} = {a:.8g} becomes {b:.8g}, {1 / (1 - a):.4g} steps become {1 / (1 - b):.4g}"
                fix = f"train with {path} = {b:.8g}, or with a longer dt"
                yield Case(f"population {each.name!r}, {path}", what, fix)


def truncation_is_small_against_the_threshold(subject: Subject) -> Iterator[Case]:
    """(1 + 1/(1 - alpha'))/(1 - beta') <= 5 % of theta, in state units: the most that truncation takes from v.

    A decay truncates toward zero and so takes less than one unit per step more than it should, from u and from v, and
    what is missing decays like the rest. No state but 0 decays to itself, as floor(y·d/4096) < y for d < 4096 and
    y >= 1; instead, below 4096/dv units a state falls by one unit per step, which is faster than any exponential.
    Source: lava-nc 0.10.0, PyLifModelBitAcc; geometric series.
    """
    for state in _states(subject):
        if state.theta is None:
            continue
        u = np.where(state.alpha > 0, 1 / (1 - state.alpha), 0.0)
        leaks = state.beta < 1
        loss = np.where(leaks, (1 + u) / np.where(leaks, 1 - state.beta, 1.0), 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(state.theta > 0, loss / state.theta, 0.0)
        bad = part > TRUNCATION
        if bad.any():
            at = int(part.argmax())
            shape = np.broadcast_shapes(loss.shape, state.theta.shape)
            lost, theta = (float(np.broadcast_to(y, shape).flat[at]) for y in (loss, state.theta))
            zone = 1 / (1 - float(np.broadcast_to(state.beta, shape).flat[at]))
            what = f"truncation can take {lost:,.0f} state units from {some(bad)}, {part.max():.0%} of the threshold"
            what += f" {theta:,.0f} (limit {TRUNCATION:.0%}){state.at_best}; below {zone:,.0f} units they fall by one"
            yield Case(state.where, what + " per step", "use faster decays or a longer dt, or lower the fan-in")


def biases_are_above_the_resolution(subject: Subject) -> Iterator[Case]:
    """|bias| >= 10 state units where the membrane leaks, and >= 1/2 anywhere: below, it is rounded away.

    A bias of B units settles, with a decay that truncates, at the first y with ceil(y·dv/4096) = B: near
    4096·(B - 1)/dv instead of 4096·B/dv, so that 1/B of it is lost.
    Source: lava-nc 0.10.0, PyLifModelBitAcc: the bias is added to v in state units, 1/64 of a weight LSB.
    """
    for state in _states(subject):
        gone = (state.bias > 0) & (state.bias < 0.5)
        weak = (state.bias > 0) & (state.bias < BIAS_UNITS) & (state.beta < 1)
        bad = gone | weak
        if bad.any():
            least = float(np.broadcast_to(state.bias, bad.shape)[bad].min())
            lost = "rounded to nothing" if least < 0.5 else f"reduced by {1 / least:.0%} by the truncating decay"
            what = f"the bias of {some(bad)} is only {least:.3g} state units{state.at_best}: it is {lost}"
            what += f" (limit {BIAS_UNITS} units)"
            fix = "leave so small a bias out, or lower the fan-in or the threshold so that a finer scale fits"
            yield Case(state.where, what, fix)


def the_worst_case_leaves_room_for_the_threshold(subject: Subject) -> Iterator[Case]:
    """theta·S >= 64 LSB at the largest S with max(P, N)·64·S/(1 - alpha) <= 2^23 - 1, and every other register held.

    P and N are the sums of positive and of negative weights: a large fan-in forces a coarse scale, lest u wraps. Of an
    integer network: its certificate, by bounds alone.
    Source: `quantize/certificate`, `quantize/problem.py`; below 8 LSB `quantize` refuses (SD607).
    """
    if subject.target is None:
        return
    for problem in subject.problems:
        limits = problem.limits()
        if not limits or not problem.rule.spiking:
            continue
        limit = min(limits, key=limits.__getitem__)
        left = float(problem.theta.min()) * limits[limit]
        if COARSEST <= left < RESOLVED:
            fan_in = max((d.weight.shape[-1] for d in problem.drives if d.row is None), default=0)
            said = f" (fan-in {fan_in:,})" if fan_in and "arrives" in limit else ""
            what = f"{limit}{said} leaves {left:.3g} LSB for its threshold {number(problem.theta)}"
            what += f", {RESOLVED} are wanted"
            yield Case(f"population {problem.name!r}", what, "lower the weights or the fan-in against the threshold")
    if subject.network.form == "integer":
        for found in overflows(subject.network, subject.target, subject.largest):
            yield Case(found.where, found.what, found.fix)


CHECKS = (
    Check("SD223", "warning", "a target", decays_are_near_the_grid_of_the_registers),
    Check("SD224", "warning", "a target", truncation_is_small_against_the_threshold),
    Check("SD225", "warning", "a target", biases_are_above_the_resolution),
    Check("SD226", "warning", "a target", the_worst_case_leaves_room_for_the_threshold),
)
