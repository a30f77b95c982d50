"""snnTorch's Alpha: two currents that get the same input, and a membrane that is nothing but their difference.

Its gain is computed from the decays, ln α / (ln β - ln α) + 1, so that only rules with this gain are Alpha's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from snndeploy.frontends.rebuild.layers import single
from snndeploy.network.arrays import Array, equal
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Rule

# of the gain, which torch computes in float32
TOLERANCE = 1e-6


def scale(slow: Array, fast: Array) -> Array:
    """The gain of the slow current; the fast one's is the same with a minus."""
    a, b = single(slow), single(fast)
    return np.asarray((torch.log(a) / (torch.log(b) - torch.log(a)) + 1).numpy(), np.float64)


def is_alpha(rule: Rule) -> bool:
    """snnTorch's Alpha computes this rule, if both receptors get the same."""
    if len(rule.receptors) != 2 or rule.threshold is None or np.any(rule.beta) or np.any(rule.bias):
        return False
    slow, fast = rule.receptors
    decays = (np.asarray(slow.alpha), np.asarray(fast.alpha))
    if not np.all((decays[1] > 0) & (decays[0] > decays[1]) & (decays[0] < 1)):
        return False
    clears = slow.reset and fast.reset
    zero = (rule.reset.kind, rule.reset.when) == ("to", "next") and not np.any(rule.reset.value) and clears
    none = rule.reset.kind == "none" and not (slow.reset or fast.reset)
    rests = any(np.any(r.initial) or (np.any(r.constant) and r.onset) for r in rule.receptors) or np.any(rule.initial)
    other = rule.refractory or rule.adaptation or rule.floor is not None or rule.state_floor is not None
    if not (zero or none) or rests or other or rule.synapse != "sequential":
        return False
    tau = scale(*decays)
    near = [np.abs(np.asarray(r.gain) - t) <= TOLERANCE * np.abs(tau) for r, t in ((slow, tau), (fast, -tau))]
    return all(bool(np.all(each)) for each in near) and equal(slow.constant, fast.constant)


def joined(network: Network) -> tuple[Network, frozenset[str]]:
    """The network with one projection where an Alpha gets the same on both receptors, and the names of the Alphas."""
    found: set[str] = set()
    dropped: set[str] = set()
    for each in network.populations:
        pairs = _pairs(network, each)
        if isinstance(each.rule, Rule) and is_alpha(each.rule) and pairs is not None:
            found.add(each.name)
            dropped |= pairs
    projections = tuple(p for p in network.projections if p.name not in dropped)
    return replace(network, projections=projections), frozenset(found)


def _pairs(network: Network, each: Population) -> set[str] | None:
    """The projections into receptor 1, if each is the double of one into receptor 0."""
    first = [p for p in network.into(each.name) if p.receptor == 0]
    second = [p for p in network.into(each.name) if p.receptor == 1]
    for p in first:
        double = next((q for q in second if _same(p, q)), None)
        if double is None:
            return None
        second.remove(double)
    return None if second else {p.name for p in network.into(each.name) if p.receptor == 1}


def _same(p: Projection, q: Projection) -> bool:
    return (p.source, p.delay) == (q.source, q.delay) and equal(p.maps, q.maps)
