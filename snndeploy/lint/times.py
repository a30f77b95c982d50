"""Time constants and dt: seconds taken for milliseconds, and memories shorter than the step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.lint.check import Case, Check, Subject, some
from snndeploy.network.arrays import Array
from snndeploy.network.rule import Rule
from snndeploy.passes.change import float_rules

DT = (1e-6, 0.2)
TAU = (1e-4, 2.0)


def _decays(rule: Rule) -> list[tuple[str, str, Array]]:
    """(path, "membrane" or "current", factor per step)."""
    currents = [(f"receptors[{k}].alpha", "current", np.asarray(r.alpha)) for k, r in enumerate(rule.receptors)]
    return [("beta", "membrane", np.asarray(rule.beta)), *currents]


def _times(factor: Array, dt: float) -> Array:
    """tau = dt/(1 - factor) in seconds; NaN where a factor of 0 or less or of 1 has none."""
    with np.errstate(divide="ignore"):
        return np.where((factor > 0) & (factor < 1), dt / (1 - factor), np.nan)


def dt_is_a_plausible_step(subject: Subject) -> Iterator[Case]:
    """1 µs <= dt <= 0.2 s.

    dt never changes a spike here, but tau = dt/(1 - beta) is what a file says. Sensors and chips step between
    microseconds and tenths of a second; 1 and 0.5 are milliseconds, or no time at all.
    Source: our own range; Loihi steps in about 1 µs to 1 ms (Davies et al., IEEE Micro 38(1), 2018).
    """
    dt, low, high = subject.network.dt, *DT
    if low <= dt <= high:
        return
    unit, meant = ("milliseconds", dt * 1e-3) if dt > high else ("kiloseconds", dt * 1e3)
    taus = [_times(value, dt) for _, rule in float_rules(subject.network) for *_, value in _decays(rule)]
    known = [float(np.nanmedian(tau)) for tau in taus if not np.isnan(tau).all()]
    implied = f"; its time constants would be about {np.median(known):g} s" if known else ""
    what = f"dt = {dt:g} s is outside {low:g}..{high:g} s{implied}"
    yield Case("network", what, f"say dt in seconds (dt = {meant:g} if {unit} were meant); no spike changes")


def time_constants_are_plausible(subject: Subject) -> Iterator[Case]:
    """0.1 ms <= tau = dt/(1 - beta) <= 2 s, and the same for alpha; silent where dt itself is not plausible.

    Milliseconds taken for seconds make tau = 10 ms a membrane of 10 s, which forgets nothing; seconds taken for
    milliseconds make it 10 µs, which remembers nothing.
    Source: membranes 1 to 100 ms, synapses 1 to 200 ms: Gerstner et al., Neuronal Dynamics, 2014, chapters 1 and 3;
    the range leaves a factor of 10 on both sides.
    """
    dt, (low, high) = subject.network.dt, TAU
    if not DT[0] <= dt <= DT[1]:
        return
    for each, rule in float_rules(subject.network):
        for path, kind, factor in _decays(rule):
            tau = _times(factor, dt)
            for bad, unit, times in ((tau > high, "milliseconds", 1e-3), (tau < low, "microseconds", 1e3)):
                if not bad.any():
                    continue
                worst = float(tau[bad].max() if times < 1 else tau[bad].min())
                meant = 1 - dt / (worst * times)
                fix = f"check dt and the unit of tau ({unit} are given in seconds here)"
                if 0 <= meant < 1:
                    fix += f"; tau = {worst * times:g} s is {path} = {meant:.6g}"
                what = f"tau of the {kind} is {worst:.4g} s in {some(bad)}, outside {low:g}..{high:g} s"
                what += f" ({path} = {1 - dt / worst:.8g}, dt = {dt:g} s)"
                yield Case(f"population {each.name!r}, {path}", what, fix)


def time_constants_span_two_steps(subject: Subject) -> Iterator[Case]:
    """tau >= 2·dt, which is beta >= 1/2, and the same for alpha; 0 means no memory and is silent.

    At tau = 2·dt forward Euler's 1 - dt/tau = 0.5 and the exponential exp(-dt/tau) = 0.607 are already 18 % apart: the
    step, not the time constant, decides what the neuron does.
    Source: the two schemes; they agree to first order in dt/tau only.
    """
    for each, rule in float_rules(subject.network):
        for path, kind, factor in _decays(rule):
            short = (factor > 0) & (factor < 0.5)
            if short.any():
                what = f"the {kind} of {some(short)} has a time constant below two steps"
                what += f" ({path} = {factor[short].min():g}, limit 0.5)"
                fix = f"train with a shorter dt if the time constant matters, or {path} = 0 for no memory"
                yield Case(f"population {each.name!r}", what, fix)


CHECKS = (
    Check("SD220", "warning", "nothing", dt_is_a_plausible_step),
    Check("SD221", "warning", "nothing", time_constants_are_plausible),
    Check("SD222", "note", "nothing", time_constants_span_two_steps),
)
