"""The rounding bound holds, and it is small."""

from dataclasses import replace
from itertools import product

import numpy as np
from random_networks import EVERY, PLAIN, float_network, spikes_for
from tie_networks import BOTH, coarse, layers, spikes

from snndeploy.conform import compare
from snndeploy.conform.align import align
from snndeploy.conform.replay import steps
from snndeploy.conform.rounding import Rounding, _grain, quantum
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Flatten, Pool, Reset, Rule, Scale


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


def test_the_bound_holds_in_the_units_of_a_framework():
    """Rebuilt modules divide weights and shift membranes; their membranes stay within the bound, which stays small."""
    ratios = []
    for seed in range(24):
        rng = np.random.default_rng([15, seed])
        network = float_network(rng, PLAIN, str(rng.choice(["binary", "counts", "real"])))
        x = spikes_for(rng, network, 40, 2)
        framework = ("snntorch", "norse")[seed % 2]
        try:
            b = run(network, x, framework, BOTH)
        except SnnDeployError as problem:
            assert {each.code for each in problem.findings} == {"SD330"}
            continue
        assert b.converted
        assert b.dtype == "float32"
        _, view, _ = align(run(network, x, "reference", BOTH), b, "find")
        for each in network.populations:
            if each.name not in b.v:
                assert any("v is not recorded" in note for note in b.notes)
                continue
            for t, done in enumerate(steps(network, view, each, np.arange(2))):
                apart = np.abs(done.state.v - b.v[each.name][t])
                assert (apart <= done.error.v).all(), (seed, each.name, t, (apart - done.error.v).max())
                if each.rule.spiking:
                    ratios.append(float(np.median(done.bound / done.state.theta)))
    assert len(ratios) > 500
    assert np.median(ratios) < 6e-5


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


def test_every_weight_of_a_map_is_a_multiple_of_its_grain():
    """A window of four that hangs over the border divides by three, and thirds have no grain."""
    rng = np.random.default_rng(14)
    maps = [Dense(rng.integers(-9, 9, (3, 4)) / 8), Scale(np.array([0.75, -0.5]))]
    maps += [Conv(rng.integers(-9, 9, (3, 2, 2, 2)) / 4), Flatten(0, -1, 3)]
    for kind, ceil, counted, pad in product(("sum", "average"), (False, True), (False, True), (0, 1)):
        maps.append(Pool((4, 4), (3, 3), (pad, pad), kind, ceil, counted))
    shapes = {Dense: (4,), Scale: (2,)}
    for each in maps:
        weights = each.matrix(shapes.get(type(each), (2, 6, 6))).data
        assert _grain(each) <= quantum(weights).min(), each
    assert _grain(Pool((4, 4), (4, 4))) == 1 / 16


def test_a_sum_in_any_order_is_within_the_bound():
    """Added one after the other to 1, small terms are lost in float32: a valid order, and the worst."""
    weight = np.concatenate([[1.0], np.full(4095, 2.0**-25)])[None]
    network = layers([weight], Rule(beta=0.0, threshold=None, reset=Reset("none")))
    a = run(network, np.ones((1, 1, 4096)), "reference", BOTH)
    for lost, agrees in ((0.0, True), (4 * 4096 * 2.0**-24, False)):
        lower = np.cumsum(weight[0].astype(np.float32))[-1] - np.float32(lost)
        b = replace(a, engine="another", dtype="float32", v={"p0": np.full_like(a.v["p0"], lower)})
        assert a.v["p0"].item() - lower > 1e-4
        assert compare(a, b).agrees == agrees


def test_what_a_type_holds_exactly_has_no_error():
    rounding = Rounding(Rule(0.5), (1,), "float32")
    assert rounding.misfit(0.5) == 0
    assert rounding.misfit(0.1) == abs(float(np.float32(0.1)) - 0.1) > 0
    exact, error = np.ones(1, bool), np.full(1, 1e-3)
    assert rounding._rounded(exact, np.full(1, 2.0**23), np.ones(1), error) == 0
    # 2^24 + 1 is the first whole number that float32 lacks
    assert rounding._rounded(exact, np.full(1, 2.0**24 + 1), np.ones(1), error) == error
