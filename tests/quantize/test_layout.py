"""Weights spread over projections: each in exactly one, the network the same, formats as fine as they can be."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import PLAIN, float_network, spikes_for

from snndeploy.engines import run
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule
from snndeploy.network.maps import chain_matrix
from snndeploy.placement import place
from snndeploy.quantize import prepared, quantize
from snndeploy.quantize.choice import whole_name
from snndeploy.quantize.layout import by_sign, by_sign_and_size, by_size, spread

SHARES = (by_sign, partial(by_size, octaves=2, bands=3), partial(by_sign_and_size, octaves=1, bands=4))


@pytest.mark.parametrize("share", SHARES)
def test_the_parts_are_the_network(share):
    for seed in range(5):
        rng = np.random.default_rng([seed, 5])
        net = prepared(float_network(rng, PLAIN))
        apart = spread(net, share)
        known = frozenset(p.name for p in net.projections)
        for p in net.projections:
            shape = net.shapes[p.source]
            parts = [q for q in apart.projections if whole_name(q.name, known) == p.name]
            matrices = [chain_matrix(q.maps, shape) for q in parts]
            assert abs(sum(matrices) - chain_matrix(p.maps, shape)).max() == 0
            assert sum(m.nnz for m in matrices) == chain_matrix(p.maps, shape).nnz
        x = spikes_for(rng, net, 15, 2)
        one, two = run(net, x), run(apart, x)
        assert np.mean([np.mean(one.spikes[n] == two.spikes[n]) for n in one.spikes]) > 0.999


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(1, 3), st.integers(1, 5))
def test_bands_hold_each_weight_once_and_are_as_wide_as_said(values, octaves, bands):
    weight = np.array(values)
    shares = by_size(weight, octaves, bands)
    assert np.all(sum(mask.astype(int) for _, mask in shares) == 1)
    for _, mask in shares[:-1]:
        sizes = np.abs(weight[mask])
        if sizes.size:
            assert sizes.max() <= sizes.min() * 2**octaves * (1 + 1e-9)


def network(weight) -> Network:
    weight = np.asarray(weight)
    feed = Projection("in", "p", (Dense(weight),))
    return Network(
        1e-3, (Input("in", weight.shape[1:]),), (Population("p", weight.shape[:1], Rule(0.9, 1.0)),), (feed,), ("p",)
    )


def test_signs_apart_use_the_lowest_bit_and_the_axons_are_counted():
    rng = np.random.default_rng(1)
    net = network(rng.uniform(0.05, 0.9, (20, 12)) * rng.choice([-1, 1], (20, 12)))
    mixed, apart = (quantize(net, "loihi1", method=m) for m in ("exponents", "signs+exponents"))
    assert [p.format.sign for p in apart.projections] == ["excitatory", "inhibitory"]
    assert not np.any(mixed.projections[0].maps[0].weight % 2)
    assert all(np.any(p.maps[0].weight % 2) for p in apart.projections)
    (one,), (two,) = (place(made, "loihi1").cores for made in (mixed, apart))
    assert (one.input_axons, two.input_axons) == (12, 24)
    assert one.synapses == two.synapses == 240


def test_bands_keep_small_weights_beside_large_ones():
    weight = np.geomspace(1e-2, 8.0, 40).reshape(4, 10)
    net = network(weight)
    plain, fine = (quantize(net, "loihi1", method=m) for m in ("exponents", "bands+exponents"))
    errors = []
    for made in (plain, fine):
        scale = made.population["p"].rule.scale / 64
        total = sum(p.maps[0].weight * 2.0**p.format.exponent for p in made.projections)
        errors.append(np.abs(total / scale / weight - 1).max())
    assert errors[0] > 0.3
    assert errors[1] < 0.05
    assert sum(np.count_nonzero(p.maps[0].weight) for p in fine.projections) == 40


def test_bands_that_come_to_one_format_are_one_projection():
    """All of these weights fit exponent 0 at any scale that the threshold allows."""
    net = network(np.geomspace(1e-4, 1e-2, 12).reshape(2, 6))
    made = quantize(net, "loihi1", method="bands")
    formats = [(p.format.exponent, p.format.sign) for p in made.projections]
    assert len(formats) == len(set(formats))
