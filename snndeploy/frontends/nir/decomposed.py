"""Soft reset by NIR's own primitives: a membrane that nothing resets, a Threshold, and a feedback that subtracts.

With w the membrane that nothing resets and s = w' > threshold, the feedback arrives one step after its spike::

    by a, next       w[t] = beta·w[t-1] + drive - a·s[t-1]                     s = w > threshold: the same operations
    by a, now        w[t] = beta·w[t-1] + drive - beta·a·s[t-1]                s = w > threshold
    by a, residual   w as for now; R[t] = w[t-1] - a·s[t-1] > threshold        s = w - a·R > threshold

"next" is snnTorch's default and comes out bit for bit; the other two are equal up to the rounding of a sum. The
feedback of the first two has no Delay: a Threshold that feeds the membrane in front of it does so one step later, by
the rule that every reader of recurrent NIR graphs follows. "residual" needs explicit Delay nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Dense, Map, Scale, Shape
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Receptor, Reset, Rule

# a feedback of more neurons is a Scale instead of a diagonal matrix
DENSE_LIMIT = 1024
STANDARD = "write it with style='standard', which keeps it in the block"


def decomposed(network: Network) -> Network:
    """The same spikes from populations that plain NIR holds exactly; soft resets become three or four of them.

    Raises:
        SnnDeployError SD415: something has no exact plain form, all of it named.
    """
    raise_errors(_refusals(network))
    taken = {*network.shapes, *(p.name for p in network.projections)}
    populations: list[Population] = []
    projections: list[Projection] = []
    body: dict[str, str] = {}
    for each in network.populations:
        rule = each.rule
        assert isinstance(rule, Rule)
        if rule.reset.kind == "by":
            body[each.name] = _new(f"{each.name}_v", taken)
            parts, ways = _soft(each, rule, body[each.name], taken)
            populations += parts
            projections += ways
        else:
            populations.append(each)
    moved = [replace(p, target=body.get(p.target, p.target), name=p.name) for p in network.projections]
    return network.with_(populations=tuple(populations), projections=(*moved, *projections), source=None)


def _new(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _soft(each: Population, rule: Rule, body: str, taken: set[str]) -> tuple[list[Population], list[Projection]]:
    shape, reset = each.shape, rule.reset
    amount = np.asarray(reset.value) / np.asarray(rule.value)
    late = reset.when != "next"
    weight = -(np.asarray(rule.beta) * amount if late else amount)
    receptors = rule.receptors
    # feedback goes to the membrane itself, unfiltered and as it is
    direct = [k for k, r in enumerate(receptors) if not np.any(r.alpha) and np.all(r.gain == 1)]
    at = direct[0] if direct else len(receptors)
    receptors = receptors if direct else (*receptors, Receptor())
    quiet = Rule(rule.beta, None, receptors, rule.bias, reset=Reset("none"))
    fire = Rule(0.0, rule.threshold, reset=Reset("none"), value=rule.value)
    populations = [Population(body, shape, quiet), Population(each.name, shape, fire)]

    def way(source: str, target: str, factor: Array | None, delay: int = 0, receptor: int = 0) -> Projection:
        maps = () if factor is None else (_diagonal(factor, shape),)
        return Projection(source, target, maps, delay, receptor, name=_new(f"{source}->{target}", taken))

    projections = [way(body, each.name, None), way(each.name, body, weight, 1, at)]
    if reset.when == "residual":
        pending = _new(f"{each.name}_r", taken)
        populations.append(Population(pending, shape, replace(fire, value=1.0)))
        projections.append(way(body, pending, None, 1))
        projections.append(way(each.name, pending, -amount, 1))
        projections.append(way(pending, each.name, -np.asarray(reset.value)))
    return populations, projections


def _diagonal(factor: Array, shape: Shape) -> Map:
    if len(shape) == 1 and prod(shape) <= DENSE_LIMIT:
        return Dense(np.diag(np.broadcast_to(factor, shape)))
    return Scale(factor)


def _refusals(network: Network) -> Iterator[Finding]:
    """Everything that plain NIR has no exact form for."""
    if network.form == "integer":
        what = "registers truncate and saturate, which no primitive of NIR does"
        yield Finding("SD415", "network", what, "decompose the float network that it was quantised from")
        return
    if any(each.kind == "constant" for each in network.inputs):
        yield Finding("SD415", "network", "NIR has no input that is always on", STANDARD)
    for each in network.populations:
        rule = each.rule
        assert isinstance(rule, Rule)
        yield from (
            Finding("SD415", f"population {each.name!r}", what, STANDARD) for what in _inexact(network, each.name, rule)
        )


def _inexact(network: Network, name: str, rule: Rule) -> Iterator[str]:
    soft = rule.reset.kind == "by"
    starts = [rule.initial, *(r.initial for r in rule.receptors)]
    if any(np.any(start) for start in starts):
        yield "NIR has no initial state, and it starts with one other than 0"
    for what, there in (
        ("a refractory period", rule.refractory is not None),
        ("an adaptive threshold", rule.adaptation is not None),
        ("a floor", rule.floor is not None or rule.state_floor is not None),
        ("a current that a spike resets", any(r.reset for r in rule.receptors)),
        ("a membrane that takes its current a step late", rule.synapse == "synchronous"),
        ("a constant that sets in later", rule.bias_onset > 0 or any(r.onset for r in rule.receptors)),
    ):
        if there:
            yield f"NIR has no primitive for {what}"
    if rule.reset.kind == "to" and rule.reset.when != "now":
        yield f"a reset to a value in the step after the spike ({rule.reset.when}) drops input, which NIR cannot say"
    if soft and rule.threshold is not None and np.min(rule.threshold) < 0:
        yield "its threshold is below the initial state, so that its first step has a reset without a spike"
    if soft and not np.all(rule.value):
        yield "it emits 0, and the feedback is made from what it emits"
    for k, receptor in enumerate(rule.receptors):
        fed = any(p.target == name and p.receptor == k for p in network.projections)
        if np.any(receptor.constant) and np.any(receptor.alpha) and not (fed and _carries(network, name, k)):
            yield f"the constant of receptor {k} is filtered, and no layer into it has a bias"


def _carries(network: Network, name: str, k: int) -> bool:
    """Some projection into the receptor ends in a map that can have a bias."""
    return any(
        p.target == name and p.receptor == k and p.maps and p.maps[-1].weighted and p.source != name
        for p in network.projections
    )
