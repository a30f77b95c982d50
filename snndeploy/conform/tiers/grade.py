"""`grade`: the strongest tier that two traces satisfy, population by population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snndeploy.conform.align import View, align, check, common
from snndeploy.conform.compare import compare
from snndeploy.conform.result import Comparison, Row
from snndeploy.conform.statistics import mcnemar, wilson
from snndeploy.conform.tiers.definition import TIERS, Tier
from snndeploy.conform.tiers.distances import coincidence, van_rossum, victor_purpura
from snndeploy.conform.tiers.result import Decided, Layer, States, Tolerances, Verdict
from snndeploy.conform.tiers.trains import (
    EARLY,
    EXTRA,
    LATE,
    MATCHED,
    MISSING,
    constant_lag,
    jitter,
    match,
    rate_distance,
)
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import DECAY_MAX, Registers
from snndeploy.network.timing import latencies, update_order

# costs per projection that lags are held against
COSTS = (1, -1, 2, -2, 3, -3, 4, -4)


def grade(a: Trace, b: Trace, tolerances: Tolerances | None = None, labels: Array | None = None) -> Verdict:
    """Two traces of one input in tiers; see `tiers.definition` for what each tier says.

    Args:
        tolerances: what the weaker tiers allow; None: the defaults.
        labels: int64 (samples,), the class of each sample.

    Raises:
        SnnDeployError SD701, SD702, SD703: the traces cannot be compared.
    """
    chosen = Tolerances() if tolerances is None else tolerances
    check(a, b)
    same = compare(a, b)
    x, y, _ = align(a, b, "find")
    rows = {row.population: row for row in same.table}
    order = [name for group in update_order(a.network) for name in group if name in common(a, b)]
    layers = [_layer(x, y, name, rows[name], same, chosen) for name in order]
    cost, predicted = _cost(a.network, {each.population: each.lag for each in layers})
    layers = [_predicted(each, predicted) for each in layers]
    decided = decisions(a, b, labels)
    tier = _overall(layers, same, decided, chosen)
    notes = tuple(note for note in same.notes if not note.startswith("with a lag of"))
    return Verdict(same.a, same.b, tier, tuple(layers), cost, decided, same, None, chosen, notes)


def states(a: View, b: View, name: str) -> States:
    """Whether all that a population carries from step to step is equal, bit for bit."""
    rules = [view.trace.network.population[name].rule for view in (a, b)]
    if isinstance(rules[0], Registers) != isinstance(rules[1], Registers):
        return "differ"
    rule = rules[0]
    filtered = (
        bool((np.asarray(rule.du) != DECAY_MAX).any())
        if isinstance(rule, Registers)
        else any(np.asarray(r.alpha).any() for r in rule.receptors)
    )
    known = True
    for what in ("v", "u"):
        one, two = a.get(what), b.get(what)
        if name in one and name in two:
            if not np.array_equal(one[name], two[name]):
                return "differ"
        elif what == "v" or filtered:
            known = False
    return "identical" if known else "not recorded"


def _layer(a: View, b: View, name: str, row: Row, same: Comparison, chosen: Tolerances) -> Layer:
    """One population; what only an emitted membrane shows is told by `row`."""
    held = states(a, b, name)
    if name not in a.spikes or name not in b.spikes:
        # it emits v
        equal = row.faults == 0 and (row.differing == 0 or same.agrees)
        tier: Tier = "different"
        if equal:
            tier = "state-identical" if held == "identical" else "spike-identical"
        return Layer(
            name, tier, 0 if equal else None, None, 0 if equal else None, 0.0, 0, 0, 0, 0, 0, 0, 0, held, 0, 0, 1
        )
    one, two = (view.spikes[name].reshape(view.steps, -1) for view in (a, b))
    total = int(one.sum())
    if np.array_equal(one, two):
        tier = "state-identical" if held == "identical" else "spike-identical"
        lag = 0 if total else None
        return Layer(name, tier, lag, None, 0, 0.0, total, total, matched=total, states=held)
    pairs = match(one, two, chosen.jitter)
    moved, apart = jitter(one, two), rate_distance(one, two)
    lag = constant_lag(one, two, chosen.lag)
    tier = "different"
    if same.agrees:
        tier = "ties"
    elif lag is not None:
        tier = "lag"
    elif moved is not None and moved <= chosen.jitter:
        tier = "jitter"
    elif apart <= chosen.rate:
        tier = "rate"
    lively = one.any(axis=0) | two.any(axis=0)
    one, two = one[:, lively], two[:, lively]
    return Layer(
        name,
        tier,
        lag,
        None,
        moved,
        apart,
        total,
        int(two.sum()),
        pairs.count(MATCHED),
        pairs.count(EARLY),
        pairs.count(LATE),
        pairs.count(MISSING),
        pairs.count(EXTRA),
        held,
        float(van_rossum(one, two, chosen.tau).mean()),
        float(victor_purpura(one, two, chosen.cost).mean()),
        _known_mean(coincidence(one, two, chosen.near)),
    )


def _known_mean(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _predicted(each: Layer, predicted: Mapping[str, int]) -> Layer:
    return replace(each, predicted=predicted.get(each.population)) if each.lag is not None else each


def _cost(network: Network, lags: Mapping[str, int | None]) -> tuple[int | None, Mapping[str, int]]:
    """The steps per projection that explain all lags, and what they predict."""
    found = {name: lag for name, lag in lags.items() if lag is not None}
    if not any(found.values()):
        return None, dict.fromkeys(found, 0)
    for cost in COSTS:
        try:
            late = latencies(network, abs(cost))
        except SnnDeployError:
            continue  # a loop has too little delay for this cost
        predicted = {name: late[name] if cost > 0 else -late[name] for name in found}
        if predicted == found:
            return cost, predicted
    return None, {}


def _overall(layers: list[Layer], same: Comparison, decided: Decided | None, chosen: Tolerances) -> Tier:
    tiers = [each.tier for each in layers]
    if all(tier == "state-identical" for tier in tiers):
        return "state-identical"
    if all(tier in TIERS[:2] for tier in tiers):
        return "spike-identical"
    if same.agrees:
        return "ties"
    spiking = [each for each in layers if each.spikes_a or each.spikes_b or each.tier == "different"]
    if all(each.lag is not None for each in spiking):
        return "lag"
    if all(each.jitter is not None and each.jitter <= chosen.jitter for each in spiking):
        return "jitter"
    if all(each.tier != "different" and each.rate <= chosen.rate for each in spiking):
        return "rate"
    return "decision" if decided is not None and decided.same == decided.samples else "different"


def decisions(a: Trace, b: Trace, labels: Array | None = None) -> Decided | None:
    """Both runs' decisions; None where the network decides nothing, or what it needs was not recorded."""
    if a.network.decision is None or b.network.decision is None or a.raw or b.raw:
        return None
    try:
        one, two = a.decisions(), b.decisions()
    except SnnDeployError:
        return None
    samples, same = len(one), int((one == two).sum())
    if labels is None:
        return Decided(samples, same, wilson(same, samples))
    first, second = np.asarray(one == labels), np.asarray(two == labels)
    count, other = int(first.sum()), int(second.sum())
    return Decided(
        samples,
        same,
        wilson(same, samples),
        count,
        other,
        wilson(count, samples),
        wilson(other, samples),
        int((first & ~second).sum()),
        int((second & ~first).sum()),
        mcnemar(first, second),
    )
