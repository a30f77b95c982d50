"""Layered networks for the tests of ties and faults."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np

from snndeploy.engines import run
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule

BOTH = ("spikes", "v")


def layers(weights, rule, kind="binary", recurrent=None):
    """Dense layers of one rule, in -> p0 -> p1 -> ..."""
    names = ["in", *(f"p{i}" for i in range(len(weights)))]
    populations = tuple(Population(n, (w.shape[0],), rule) for n, w in zip(names[1:], weights, strict=True))
    projections = [Projection(names[i], names[i + 1], (Dense(w),)) for i, w in enumerate(weights)]
    if recurrent is not None:
        projections.append(Projection("p0", "p0", (Dense(recurrent),), delay=1))
    inputs = (Input("in", (weights[0].shape[1],), kind),)
    return Network(1e-3, inputs, populations, tuple(projections), (names[-1],))


def coarse(rng, sizes, grid=256, scale=1.0):
    """Weights that are multiples of 1 / grid."""
    pairs = pairwise(sizes)
    return [np.round(rng.normal(0.1, scale / np.sqrt(m), (n, m)) * grid) / grid for m, n in pairs]


def spikes(rng, steps, batch, size, rate=0.3):
    return (rng.random((steps, batch, size)) < rate).astype(np.int64)


@cache
def generic(seed, beta=0.875, steps=100, batch=120):
    """A three-layer network of generic weights, its input, and its reference trace."""
    rng = np.random.default_rng(seed)
    sizes = (20, 25, 25, 25)
    weights = [rng.normal(0.12, 1 / np.sqrt(m), (n, m)).astype(np.float32) for m, n in pairwise(sizes)]
    network = layers(weights, Rule(beta=beta))
    x = spikes(rng, steps, batch, sizes[0])
    return network, x, run(network, x, "reference", BOTH)


def changed(network, name, **changes):
    """The network with one population's rule changed."""
    return network.with_(
        populations=tuple(
            replace(p, rule=replace(p.rule, **changes)) if p.name == name else p for p in network.populations
        )
    )


def with_weight(network, target, change):
    projections = tuple(
        replace(p, maps=(Dense(change(np.array(p.maps[0].weight))),)) if p.target == target else p
        for p in network.projections
    )
    return network.with_(projections=projections)
