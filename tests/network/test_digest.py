"""The hash of a network: of what it computes, and of nothing else."""

import numpy as np
import pytest
from random_networks import float_network, integer_network

from snndeploy.network import Dense, Projection
from snndeploy.network.digest import network_hash


@pytest.mark.parametrize("make", [float_network, integer_network])
def test_the_same_network_has_the_same_hash(make):
    one, two = (make(np.random.default_rng(4)) for _ in range(2))
    assert network_hash(one) == network_hash(two.with_(provenance={"from": "elsewhere"}))
    hashes = {network_hash(make(np.random.default_rng(seed))) for seed in range(20)}
    assert len(hashes) == 20


def test_one_bit_of_a_weight_changes_it():
    network = float_network(np.random.default_rng(0), frozenset())
    first, *others = network.projections
    weight = first.maps[0].weight.copy()
    weight[0, 0] = np.nextafter(weight[0, 0], 9.0)
    moved = Projection(first.source, first.target, (Dense(weight),), first.delay, first.receptor, None, first.name)
    assert network_hash(network.with_(projections=(moved, *others))) != network_hash(network)
    assert network_hash(network.with_(dt=2e-3)) != network_hash(network)
