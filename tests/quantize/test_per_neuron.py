"""Scales per neuron: clustered as well as can be, few thresholds, the same bits on Lava."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.network import Conv, Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.placement import place
from snndeploy.quantize import quantize
from snndeploy.quantize.methods.per_neuron import clustered


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(1, 1000), min_size=1, max_size=7), st.integers(1, 4))
def test_clustering_is_the_best_there_is(values, levels):
    tops = np.array(values)
    made = clustered(tops, levels)
    assert np.all(made <= tops)
    assert len(np.unique(made)) <= levels
    cost = np.square(np.log2(tops) - np.log2(made)).sum()
    lowest = tops.min()
    best = np.inf
    for count in range(levels):
        for others in combinations(np.unique(tops), count):
            chosen = np.unique([lowest, *others])
            lowered = chosen[np.searchsorted(chosen, tops, side="right") - 1]
            best = min(best, np.square(np.log2(tops) - np.log2(lowered)).sum())
    assert cost == pytest.approx(best, abs=1e-9)


def network(rng, sizes) -> Network:
    """Neurons whose weights and thresholds differ by the factors `sizes`, alike otherwise."""
    one = rng.normal(0.2, 0.4, (1, 10)) + np.zeros((len(sizes), 1))
    rule = Rule(0.9, np.asarray(sizes), (Receptor(0.5),))
    return Network(
        1e-3,
        (Input("in", (10,)),),
        (Population("p", (len(sizes),), rule),),
        (Projection("in", "p", (Dense(one * np.asarray(sizes)[:, None]),)),),
        ("p",),
    )


def test_neurons_that_differ_by_a_factor_get_the_same_registers():
    rng = np.random.default_rng(0)
    x = (rng.random((60, 8, 10)) < 0.3).astype(np.int64)
    made = quantize(network(rng, [1.0, 3.0, 20.0, 0.7]), "loihi1", x, "per-neuron")
    registers = made.population["p"].rule
    assert len(np.unique(registers.vth)) == 1
    assert np.ptp(made.projections[0].maps[0].weight, axis=0).max() <= 2  # rounded sums may differ in a step
    spikes = run(made, x).spikes["p"]
    assert spikes.sum() > 50


def few_settings(number: int) -> targets.Target:
    """Loihi 1 with fewer thresholds per core."""
    target = targets.load("loihi1")
    fewer = target.core.threshold_settings.model_copy(update={"value": number})
    return target.model_copy(update={"core": target.core.model_copy(update={"threshold_settings": fewer})})


def test_no_more_thresholds_than_a_core_has_settings():
    rng = np.random.default_rng(1)
    net = network(rng, [1.0] * 40)
    p = net.projections[0]
    wild = Dense(p.maps[0].weight * rng.uniform(0.1, 8, (40, 1)))
    net = net.with_(projections=(Projection("in", "p", (wild,)),))
    x = (rng.random((60, 8, 10)) < 0.3).astype(np.int64)
    made = quantize(net, "loihi1", x, "per-neuron")
    assert 3 < len(np.unique(made.population["p"].rule.vth)) <= targets.load("loihi1").core.threshold_settings.value
    assert len(place(made, "loihi1").cores) == 1
    assert 1 < len(np.unique(quantize(net, few_settings(3), x, "per-neuron").population["p"].rule.vth)) <= 3
    one, two = (run(each, x, record=("spikes", "v")) for each in (net, made))
    assert np.mean(one.spikes["p"] == two.spikes["p"]) > 0.99
    quiet = ~one.spikes["p"].any(axis=(0, 1))
    np.testing.assert_allclose(two.membrane("p")[:, :, quiet], one.v["p"][:, :, quiet], atol=0.2)


def test_channels_share_a_scale():
    rng = np.random.default_rng(2)
    conv = Conv(rng.normal(0, 0.4, (4, 1, 3, 3)) * np.array([1, 4, 0.3, 9.0])[:, None, None, None])
    net = Network(
        1e-3,
        (Input("in", (1, 8, 8)),),
        (Population("c", (4, 6, 6), Rule(0.9, 1.0)),),
        (Projection("in", "c", (conv,)),),
        ("c",),
    )
    x = (rng.random((30, 4, 1, 8, 8)) < 0.3).astype(np.int64)
    registers = quantize(net, "loihi2", x, "per-neuron").population["c"].rule
    assert np.shape(registers.vth) == (4, 1, 1)
    assert len(np.unique(registers.vth)) > 1


@pytest.mark.parametrize("method", ["per-neuron", "per-neuron+bands+membranes", "per-neuron+split+signs"])
def test_lava_computes_the_same_bits(method):
    rng = np.random.default_rng(7)
    net = network(rng, [1.0, 2.0, 0.5])
    back = Projection("p", "p", (Dense(rng.normal(-0.5, 0.5, (3, 3))),), 1)
    net = net.with_(projections=(*net.projections, back))
    x = (rng.random((50, 3, 10)) < 0.4).astype(np.int64)
    made = quantize(net, "loihi1", x, method)
    one, two = (run(made, x, engine, ("spikes", "u", "v")) for engine in ("reference", "lava"))
    assert one.spikes["p"].sum() > 20
    for what in ("spikes", "u", "v"):
        assert np.array_equal(getattr(one, what)["p"], getattr(two, what)["p"])
