"""What sets in later than step 0, as something that is under way: no layer and no neuron counts steps, delays do.

One neuron that spikes in every step, whatever the input, is the source: a constant c from step d on is
a projection of weight c that is d steps late. A bias b from step d on that stands beside a current of decay alpha is,
within it, b from d on and -alpha·b from d + 1 on: the current that these make is b.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from scipy import sparse

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Dense, Map, Shape, Sparse
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Receptor, Reset, Rule

# (population, receptor, from which step on, constant)
Late = tuple[str, int, int, Array]


def started(network: Network, more: list[Late], filtered: bool) -> Network:
    """The network, every constant of which is on from step 0.

    Args:
        more: constants beside those of the rules.
        filtered: a bias has to come with the current where all receptors have the same.
    """
    found = list(more)
    populations: list[Population] = []
    for each in network.populations:
        assert isinstance(each.rule, Rule)
        rule, late = _rule(each.name, each.rule, filtered)
        found += late
        populations.append(replace(each, rule=rule))
    network = network.with_(populations=tuple(populations))
    if not found:
        return network
    taken = {*network.shapes, *(p.name for p in network.projections)}
    on = _new("on", taken)
    rule = Rule(beta=0.0, threshold=0.5, receptors=(Receptor(constant=1.0),), reset=Reset("none"))
    given = network.given[0]
    nothing = Sparse(sparse.csr_array((1, prod(given.shape))), given.shape, (1,))
    ways = [Projection(given.name, on, (nothing,), name=_new(f"{given.name}->{on}", taken))]
    for target, k, onset, constant in found:
        maps = (_weights(constant, network.shapes[target]),)
        ways.append(Projection(on, target, maps, onset, k, name=_new(f"{on}->{target}", taken)))
    return network.with_(
        populations=(*network.populations, Population(on, (1,), rule)), projections=(*network.projections, *ways)
    )


def _new(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _weights(constant: Array, shape: Shape) -> Map:
    column = np.broadcast_to(constant, shape).reshape(-1, 1)
    return Dense(column) if len(shape) == 1 else Sparse(sparse.csr_array(column), (1,), shape)


def _rule(name: str, rule: Rule, filtered: bool) -> tuple[Rule, list[Late]]:
    found: list[Late] = []
    receptors: list[Any] = []
    for k, r in enumerate(rule.receptors):
        if np.any(r.constant) and r.onset > 0:
            found.append((name, k, r.onset, np.asarray(r.constant)))
            r = replace(r, constant=np.zeros(()))
        receptors.append(replace(r, onset=0))
    if np.any(rule.bias) and rule.bias_onset > 0:
        alpha, bias = np.asarray(receptors[0].alpha), np.asarray(rule.bias)
        same = filtered and all(np.all(np.asarray(r.alpha) == alpha) for r in receptors)
        alpha = alpha if same else np.zeros(())
        found.append((name, len(receptors), rule.bias_onset, bias))
        if np.any(alpha):
            found.append((name, len(receptors), rule.bias_onset + 1, -alpha * bias))
        receptors.append(Receptor(alpha=alpha))
        rule = replace(rule, bias=0.0, bias_onset=0)
    return replace(rule, receptors=tuple(receptors)), found
