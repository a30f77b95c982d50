"""Ties are proven: float32 runs against the float64 definition."""

from dataclasses import replace

import numpy as np
import pytest
from random_networks import EVERY, float_network, spikes_for
from tie_networks import BOTH, coarse, layers, spikes

from snndeploy.conform import compare
from snndeploy.engines import run
from snndeploy.network import Dense, Reset, Rule
from snndeploy.network.maps import Conv, Map


def test_tenths_that_straddle_the_threshold_are_ties():
    """0.1 + 0.2 is above 0.3 in float64, and float32(0.1) + float32(0.2) is not."""
    weight, theta = np.array([[0.1, 0.2]]), np.float64(0.3)
    network = layers([weight], Rule(beta=0.0, threshold=theta))
    x = np.ones((5, 1, 2))
    a, b = run(network, x, "reference", BOTH), run(network, x, "torch", BOTH)
    assert a.spikes["p0"].all()
    assert not b.spikes["p0"].any()
    same = compare(a, b)
    assert same.verdict == "identical but for 5 proven ties"
    assert same.agrees
    assert not same.identical
    assert same.first.tie
    assert same.first.trace == "b"
    assert (same.first.step, same.first.population, same.first.index, same.first.batch) == (0, "p0", (0,), 0)
    assert (same.first.spike_a, same.first.spike_b) == (True, False)
    assert same.first.margin == pytest.approx(5.55e-17, rel=0.01)
    assert abs(same.first.margin) <= same.first.bound < 1e-6
    assert same.fault is None
    assert compare(b, a).verdict == same.verdict


def test_one_tie_that_moves_everything_behind_it_is_one_tie():
    """The tie of step 0 sets off a recurrent loop that keeps the two runs apart for good."""
    rule = Rule(beta=0.0, threshold=0.3)
    network = layers([np.array([[0.1, 0.2]]), np.full((50, 1), 0.5)], rule, recurrent=np.array([[1.0]]))
    x = np.zeros((100, 1, 2))
    x[0] = 1
    same = compare(run(network, x, "reference", BOTH), run(network, x, "torch", BOTH))
    assert same.verdict == "identical but for 1 proven tie"
    assert sum(row.differing for row in same.table) == 100 + 50 * 100


@pytest.mark.parametrize(
    ("reset", "grid"),
    [
        (Reset(), 256),
        (Reset(), 32),
        (Reset("by", 1.0), 10),
        (Reset("by", 1.0, "next"), 10),
        (Reset("by", 1.0, "residual"), 10),
        (Reset("to", 0.0, "next"), 16),
        (Reset("to", 0.0, "residual"), 16),
    ],
)
def test_cascades_of_coarse_weights_are_few_ties(reset, grid):
    """beta 0.9 and coarse weights tie in practice, and each tie moves what lies behind it."""
    bins, ties, most = 0, 0, 0.0
    for seed in range(5):
        rng = np.random.default_rng([7, seed])
        weights = coarse(rng, (16, 24, 24, 8), grid)
        network = layers(weights, Rule(beta=np.float64(np.float32(0.9)), reset=reset))
        x = spikes(rng, 120, 16, 16)
        same = compare(run(network, x, "reference", BOTH), run(network, x, "torch", BOTH))
        assert same.agrees, f"seed {seed}\n{same}"
        differing = sum(row.differing for row in same.table)
        assert (same.ties > 0) == (differing > 0)
        assert same.ties <= differing
        bins, ties = bins + differing, ties + same.ties
        most = max(most, differing / max(1, same.ties))
    assert ties > 0
    assert most > 3


def test_float32_is_never_different_over_every_rule_with_coarse_weights():
    def round_(each: Map) -> Map:
        if isinstance(each, (Dense, Conv)):
            return replace(each, weight=np.round(each.weight * 10) / 10)
        return each

    tied = 0
    for seed in range(40):
        rng = np.random.default_rng([8, seed])
        network = float_network(rng, EVERY, str(rng.choice(["binary", "counts"])))
        populations = []
        for p in network.populations:
            rule = replace(p.rule, beta=np.float64(np.float32(np.round(p.rule.beta, 1))))
            if rule.spiking:
                rule = replace(rule, threshold=np.maximum(np.round(rule.threshold * 10), 1) / 10)
            rule = replace(
                rule,
                bias=np.round(rule.bias * 10) / 10,
                receptors=tuple(
                    replace(r, constant=np.round(r.constant * 10) / 10, gain=np.ceil(r.gain * 10) / 10)
                    for r in rule.receptors
                ),
            )
            populations.append(replace(p, rule=rule))
        projections = tuple(replace(p, maps=tuple(map(round_, p.maps))) for p in network.projections)
        network = network.with_(populations=tuple(populations), projections=projections)
        x = spikes_for(rng, network, 40, 8)
        same = compare(run(network, x, "reference", BOTH), run(network, x, "torch", BOTH))
        assert same.agrees, f"seed {seed}\n{same}\n{network}"
        tied += same.ties
    assert tied > 5


def test_generic_weights_are_identical():
    for seed in range(25):
        rng = np.random.default_rng([9, seed])
        network = float_network(rng, EVERY, str(rng.choice(["binary", "counts", "real"])))
        x = spikes_for(rng, network, 50, 4)
        same = compare(run(network, x, "reference", BOTH), run(network, x, "torch", BOTH))
        assert same.identical, f"seed {seed}\n{same}"


def test_two_float32_runs_are_compared_through_the_definition():
    network = layers([np.array([[0.1, 0.2]])], Rule(beta=0.0, threshold=0.3))
    x = np.ones((5, 1, 2))
    b, c = run(network, x, "torch", BOTH), run(network, x, "torch", BOTH, dtype="float64")
    assert compare(b, c).verdict == "identical but for 5 proven ties"


def test_without_all_spikes_nothing_is_proven():
    network = layers([np.array([[0.1, 0.2]]), np.ones((1, 1))], Rule(beta=0.0, threshold=0.3))
    x = np.ones((5, 1, 2))
    a, b = run(network, x, "reference"), run(network, x, "torch")
    same = compare(a, replace(b, spikes={"p1": b.spikes["p1"]}))
    assert same.verdict == "different"
    assert same.fault is None
    assert any("cannot be proven" in note and "'p0'" in note for note in same.notes)
