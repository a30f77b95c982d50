"""The rounding bound holds, and it is small."""

from dataclasses import replace

import numpy as np
from random_networks import EVERY, float_network, spikes_for
from tie_networks import BOTH, coarse, layers, spikes

from snndeploy.conform import compare
from snndeploy.conform.align import align
from snndeploy.conform.replay import steps
from snndeploy.engines import run
from snndeploy.network import Rule


def test_the_bound_holds_and_is_not_vacuous():
    """|float32 membrane - definition| <= bound in every bin of every rule, and the bound stays small."""
    ratios, used = [], []
    for seed in range(30):
        rng = np.random.default_rng([12, seed])
        network = float_network(rng, EVERY, str(rng.choice(["binary", "counts", "real"])))
        x = spikes_for(rng, network, 40, 3)
        b = run(network, x, "torch", BOTH)
        _, view, _ = align(run(network, x, "reference", BOTH), b, "find")
        for each in network.populations:
            for t, done in enumerate(steps(network, view, each, np.arange(3))):
                apart = np.abs(done.state.v - b.v[each.name][t])
                assert (apart <= done.error.v).all(), (seed, each.name, t, (apart - done.error.v).max())
                used.append(float((apart / np.maximum(done.error.v, 1e-30)).max()))
                if each.rule.spiking:
                    assert (done.rank == 2).all() or (np.abs(done.margin[done.rank == 1]) < 1e-5).all()
                    ratios.append(float(np.median(done.bound / done.state.theta)))
    assert np.median(ratios) < 3e-5
    # of the bound, the worst bin of a step uses a good part: it is not far from the truth
    assert np.median(used) > 0.005


def test_the_bound_of_a_wide_layer_is_small():
    rng = np.random.default_rng(13)
    weights = coarse(rng, (784, 200, 10), 2**14)
    network = layers(weights, Rule(beta=np.float64(np.float32(0.9))))
    x = spikes(rng, 50, 4, 784, 0.15)
    a = run(network, x, "reference", BOTH)
    flipped = {name: s.copy() for name, s in a.spikes.items()}
    flipped["p1"][49] ^= True
    same = compare(a, replace(run(network, x, "torch", BOTH), spikes=flipped))
    assert same.verdict == "different"
    assert max(row.bound for row in same.table) < 1e-4
