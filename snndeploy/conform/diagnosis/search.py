"""The change of a layer that explains what was recorded of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from snndeploy.conform.diagnosis import numbers, rules, weights
from snndeploy.conform.diagnosis.evidence import Evidence
from snndeploy.conform.diagnosis.hypothesis import Case, Hypothesis, decays_of
from snndeploy.conform.diagnosis.predict import Predicted, Variant, predict
from snndeploy.conform.diagnosis.result import Cause
from snndeploy.network.arrays import Array
from snndeploy.network.registers import Registers

# ratios of two time steps that are tried where states do not tell one
SCALES = (0.1, 0.5, 2.0, 10.0)


def definition(e: Evidence) -> Predicted:
    """What the definition makes of the recorded inputs and states."""
    return predict(e, Variant(e.population.rule, e.projections))


def explain(e: Evidence, base: Predicted | None = None) -> Cause:
    """The cause of what differs: of all hypotheses the one that leaves the fewest bins, then the simplest."""
    case = Case(e, definition(e) if base is None else base)
    bins = int(case.base.bad.size)
    if not case.base.count:
        if case.base.ties.any():
            return Cause("tie", f"{int(case.base.ties.sum())} decisions within rounding", explained=bins, bins=bins)
        return Cause("unknown", "this layer does what it should", explained=bins, bins=bins)
    tried: list[tuple[int, int, int, Hypothesis]] = []
    for place, each in enumerate(hypotheses(case)):
        found = predict(e, each.variant).count
        tried.append((found, each.rank, place, each))
    left, _, _, best = min(tried, key=lambda x: x[:3])
    also = tuple(
        each.text for count, _, _, each in sorted(tried, key=lambda x: x[:3]) if count == left and each is not best
    )
    if left >= case.base.count:
        return Cause("unknown", "no change of this layer that was tried explains it", explained=bins - left, bins=bins)
    return best.cause(bins - left, bins, also[:8])


def hypotheses(case: Case) -> Iterator[Hypothesis]:
    """Those that can be the cause of what differs, given where it does."""
    found: list[Iterator[Hypothesis]] = []
    if case.in_current:
        found += [weights.weights(case), weights.wiring(case), rules.latencies(case), weights.inputs(case)]
    if case.in_decision or case.late:
        found += [rules.comparators(case), numbers.thresholds(case)]
    if case.in_decision or case.in_membrane:
        found += [rules.resets(case), rules.refractories(case)]
    if case.in_membrane:
        found += [rules.orders(case), rules.floors(case), numbers.gains(case)]
    return chain(
        *found,
        numbers.decays(case),
        numbers.biases(case),
        numbers.starts(case),
        rules.arithmetic(case),
        rules.time_steps(case, scales(case)),
    )


def scales(case: Case) -> tuple[float, ...]:
    """dt' / dt as the decays show it: (1 - beta') / (1 - beta), or ln beta' / ln beta."""
    if isinstance(case.rule, Registers):
        return ()
    alphas, beta = decays_of(case.rule)
    found: list[float] = []
    for each in numbers.decays(case):
        rule = each.variant.rule
        assert not isinstance(rule, Registers)
        pairs = [(beta, np.asarray(rule.beta)), *zip(alphas, decays_of(rule)[0], strict=True)]
        for old, new in pairs:
            found += _ratios(case.full(old), case.full(new))
    return tuple(dict.fromkeys(found)) if case.observed else SCALES


def _ratios(old: Array, new: Array) -> list[float]:
    moved = (old != new) & (old < 1) & (old > 0)
    if not moved.any():
        return []
    at = tuple(np.argwhere(moved)[0])
    found = [float((1 - new[at]) / (1 - old[at]))]
    if new[at] > 0:
        found.append(float(np.log(new[at]) / np.log(old[at])))
    return [k for k in found if 1e-3 < k < 1e3 and abs(k - 1) > 1e-9]
