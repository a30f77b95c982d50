"""Membranes that meet the threshold exactly, or within rounding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.lint.check import Case, Check, Subject
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population
from snndeploy.network.rule import Rule
from snndeploy.passes.change import float_rules

LEVELS = 512
# numbers that float32 does not hold are this far from the multiple that was meant, relative to the largest
NEAR = 2.0**-23


def common_step(values: Array) -> float | None:
    """The largest step of which all values are multiples, as near as float32 holds them; None if there is none.

    A step below 1/512 of the largest value counts as none: every set of floats has one far down.
    """
    sizes = np.unique(np.abs(values[values != 0]))
    if sizes.size == 0 or sizes.size > LEVELS:
        return None
    sizes = sizes[::-1]
    top = step = float(sizes[0])
    for i in range(1, len(sizes)):
        rest = float(sizes[i])
        # Euclid, with remainders to the nearest multiple; what is left of a lattice is a whole step or rounding
        while rest > top / LEVELS / 4:
            step, rest = rest, abs(step - rest * round(step / rest))
        if step < 0.9 * top / LEVELS:
            return None
        # the remainders have collected roundings: fit the step to all values so far
        times = np.rint(sizes[: i + 1] / step)
        step = float((sizes[: i + 1] @ times) / (times @ times))
        if np.any(np.abs(sizes[: i + 1] - times * step) > NEAR * top):
            return None
    return step


def _values(network: Network, each: Population, rule: Rule) -> Array:
    """Everything that a membrane between two resets is a sum of, and the threshold."""
    found = [np.asarray(rule.bias), np.asarray(rule.initial), np.asarray(rule.threshold)]
    if rule.reset.kind != "none":
        found.append(np.asarray(rule.reset.value))
    for r in rule.receptors:
        found += [np.asarray(r.constant), np.asarray(r.initial)]
    for p in network.into(each.name):
        weights: list[Any] = [m.weight for m in p.maps if m.weighted]  # type: ignore[attr-defined]
        found += [w if isinstance(w, np.ndarray) else np.asarray(w.data) for w in weights]
    return np.concatenate([value.reshape(-1) for value in found])


def thresholds_lie_off_the_lattice_of_the_weights(subject: Subject) -> Iterator[Case]:
    """No step h with w, b, reset and theta all in h·Z where beta and alpha are 0 or 1: the membrane is in h·Z too.

    Then p = theta happens exactly. An engine that computes in another order or type, or compares with >= (Lava's
    ATRLIF), decides such bins otherwise. theta + h/2 gives the same spikes without ties.
    Source: closure of h·Z under addition; with generic weights > and >= agreed in 500,000 bins, with dyadic ones they
    differed in 1 to 2 %.
    """
    network = subject.folded
    for each, rule in float_rules(network):
        real = any(
            p.source in network.input and network.input[p.source].kind == "real" for p in network.into(each.name)
        )
        analogue = any(
            p.source in network.population and not network.population[p.source].rule.spiking
            for p in network.into(each.name)
        )
        whole = all(np.isin(y, (0.0, 1.0)).all() for y in (rule.beta, *(r.alpha for r in rule.receptors)))
        if rule.threshold is None or real or analogue or not whole:
            continue
        step = common_step(_values(network, each, rule))
        if step is not None:
            theta = float(np.max(rule.threshold))
            what = f"weights, bias, reset and threshold are multiples of {step:.6g}, and it keeps all or nothing: the"
            what += f" membrane hits the threshold {theta:.9g} exactly"
            nearest = float(np.rint(theta / step) * step)
            fix = f"move the threshold half a step: {nearest + step / 2:.6g} where equality must not spike,"
            yield Case(f"population {each.name!r}", what, f"{fix} {nearest - step / 2:.6g} where it must")


def few_membranes_come_within_rounding_of_the_threshold(subject: Subject) -> Iterator[Case]:
    """|p - theta| > the float32 rounding bound in every bin of the data.

    Within it frameworks and this definition may decide differently and both be right; each such bin can move all
    spikes that follow. The bound is that of `snndeploy.compare`.
    Source: `conform/rounding.py`: Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1.
    """
    seen = None if subject.data is None else subject.data.seen
    for name, close in ({} if seen is None else seen.close).items():
        if seen is not None and close:
            what = f"{close:,} of {seen.looked[name]:,} bins come within float32's rounding bound of the threshold"
            fix = "expect ties there (compare proves them), or move the threshold off the sums of the weights"
            yield Case(f"population {name!r}", what, fix)


CHECKS = (
    Check("SD229", "note", "nothing", thresholds_lie_off_the_lattice_of_the_weights),
    Check("SD230", "note", "data", few_membranes_come_within_rounding_of_the_threshold),
)
