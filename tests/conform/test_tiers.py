"""Verdicts in tiers, against hand-made rasters, closed forms and the elephant package."""

import warnings
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tie_networks import BOTH, changed, generic, layers, spikes

from snndeploy.conform.tiers import TIERS, Tolerances, at_least
from snndeploy.conform.tiers.distances import coincidence, van_rossum, victor_purpura
from snndeploy.conform.tiers.grade import grade
from snndeploy.conform.tiers.trains import EARLY, EXTRA, LATE, MATCHED, MISSING, constant_lag, jitter, match
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Rule

ALL = ("spikes", "u", "v")


def rasters(seed, steps=60, trains=9, rate=0.15):
    rng = np.random.default_rng(seed)
    return [rng.random((steps, trains)) < rate for _ in range(2)]


def small():
    rng = np.random.default_rng(3)
    weights = [rng.normal(0.3, 0.5, (7, 6)), rng.normal(0.3, 0.5, (4, 7))]
    network = layers(weights, Rule(beta=0.9)).with_(decision=Decision("p1"))
    x = spikes(rng, 40, 5, 6)
    return network, run(network, x, "reference", ALL)


def test_every_tier_is_reached_by_a_run_that_deserves_it():
    _, a = small()
    assert grade(a, a).tier == "state-identical"
    assert grade(a, replace(a, u={}, v={})).tier == "spike-identical"

    late = {n: np.concatenate([np.zeros_like(s[: i + 1]), s[: -i - 1]]) for i, (n, s) in enumerate(a.spikes.items())}
    lagging = grade(a, replace(a, spikes=late, u={}, v={}))
    assert lagging.tier == "lag"
    assert [each.lag for each in lagging.layers] == [1, 2] == [each.predicted for each in lagging.layers]
    assert lagging.cost == 1
    both = {n: np.concatenate([np.zeros_like(s[:2]), s[:-2]]) for n, s in a.spikes.items()}
    same = grade(a, replace(a, spikes=both, u={}, v={}))
    assert (same.tier, same.cost, [each.lag for each in same.layers]) == ("lag", None, [2, 2])

    moved = {n: s.copy() for n, s in a.spikes.items()}
    at = next(t for t in range(5, 30) if moved["p0"][t, 0, 0] and not moved["p0"][t + 1 : t + 3, 0, 0].any())
    moved["p0"][[at, at + 2], 0, 0] = False, True
    jittered = grade(a, replace(a, spikes=moved, u={}, v={}))
    assert (jittered.tier, jittered.jitter) == ("jitter", 2)
    assert jittered.layers[0].late == 1
    assert jittered.layers[0].matched == jittered.layers[0].spikes_a - 1
    assert grade(a, replace(a, spikes=moved, u={}, v={}), Tolerances(jitter=1)).tier == "rate"

    gone = {n: s.copy() for n, s in a.spikes.items()}
    gone["p0"][at, 0, 0] = False
    assert grade(a, replace(a, spikes=gone, u={}, v={})).tier == "rate"
    assert grade(a, replace(a, spikes=gone, u={}, v={}), Tolerances(rate=0)).tier == "decision"
    swapped = {n: s.copy() for n, s in a.spikes.items()}
    swapped["p1"] = ~swapped["p1"]
    assert grade(a, replace(a, spikes=swapped, u={}, v={})).tier == "different"


def test_a_float32_run_with_ties_reaches_that_tier_and_no_higher():
    found = set()
    for seed in range(3):
        network, x, a = generic(seed)
        found.add(grade(a, run(network, x, "torch", BOTH)).tier)
    assert found <= {"spike-identical", "ties"}
    network, x, a = generic(1)
    assert grade(a, run(changed(network, "p1", threshold=1.05), x, "torch", BOTH)).tier not in TIERS[:4]


def test_the_order_of_tiers():
    assert at_least("state-identical", "ties")
    assert not at_least("lag", "ties")
    assert at_least("rate", "rate")


def test_a_tier_that_is_none_is_refused():
    from snndeploy.conform.tiers.definition import tier_named

    with pytest.raises(SnnDeployError, match="SD720"):
        tier_named("identical")


def test_decisions_with_labels_are_counted_and_tested():
    _, a = small()
    other = {n: s.copy() for n, s in a.spikes.items()}
    other["p1"][:, 0] = False
    labels = a.decisions()
    found = grade(a, replace(a, spikes=other), labels=labels).decided
    b = replace(a, spikes=other).decisions()
    assert (found.right_a, found.right_b) == (5, int((b == labels).sum()))
    assert found.same == found.right_b
    assert found.only_a == 5 - found.right_b
    # exact binomial: n differing samples, all of them right in a
    assert found.p == pytest.approx(min(1.0, 2 * 0.5**found.only_a) if found.only_a else 1.0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_jitter_is_that_of_a_best_matching_by_brute_force(data):
    steps, n = 9, data.draw(st.integers(0, 4))
    pick = st.lists(st.integers(0, steps - 1), min_size=n, max_size=n, unique=True)
    one, two = data.draw(pick), data.draw(pick)
    a, b = (np.isin(np.arange(steps), each)[:, None] for each in (one, two))
    from itertools import permutations

    best = min(max((abs(x - y) for x, y in zip(one, order, strict=True)), default=0) for order in permutations(two))
    assert jitter(a, b) == best


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_a_matching_pairs_each_spike_once_and_as_many_as_can_be(seed, window):
    rng = np.random.default_rng(seed)
    a, b = (rng.random((14, 1)) < 0.35 for _ in range(2))
    found = match(a, b, window)
    assert np.array_equal(found.a > 0, a)
    assert np.array_equal(found.b > 0, b)
    for kind in (MATCHED, EARLY, LATE):
        assert found.count(kind) == np.count_nonzero(found.b == kind)
    assert found.count(MATCHED) == np.count_nonzero(a & b)
    # the rest is a bipartite matching on a line, of greatest size: networkx knows it
    import networkx as nx

    left, right = (np.flatnonzero(x[:, 0]) for x in (a & ~b, b & ~a))
    graph = nx.Graph()
    graph.add_nodes_from(("a", t) for t in left)
    graph.add_edges_from((("a", s), ("b", t)) for s in left for t in right if abs(s - t) <= window)
    most = len(nx.bipartite.maximum_matching(graph, [("a", t) for t in left])) // 2 if graph.edges else 0
    assert found.count(EARLY) + found.count(LATE) == most
    assert found.count(MISSING) == left.size - most
    assert found.count(EXTRA) == right.size - most


def test_a_constant_lag_is_the_smallest_that_fits():
    a = np.zeros((20, 2), bool)
    a[[3, 7], 0] = True
    assert constant_lag(a, np.roll(a, 2, axis=0), 5) == 2
    assert constant_lag(a, np.roll(a, -3, axis=0), 5) == -3
    assert constant_lag(a, np.roll(a, 6, axis=0), 5) is None
    assert constant_lag(np.zeros_like(a), np.zeros_like(a), 5) is None


@pytest.mark.parametrize("tau", [1.5, 10.0, 100.0])
def test_van_rossum_is_elephants(tau):
    neo, quantities, elephant = packages()
    a, b = rasters(int(tau))
    ours = van_rossum(a, b, tau)
    for i in range(a.shape[1]):
        trains = [neo.SpikeTrain(np.flatnonzero(x[:, i]) * quantities.ms, t_stop=100 * quantities.ms) for x in (a, b)]
        theirs = elephant.van_rossum_distance(trains, time_constant=tau * quantities.ms)[0, 1]
        assert ours[i] == pytest.approx(float(theirs), abs=1e-9)


@pytest.mark.parametrize("cost", [0.0, 0.05, 0.3, 1.0, 3.0])
def test_victor_purpura_is_elephants(cost):
    neo, quantities, elephant = packages()
    a, b = rasters(int(cost * 100), rate=0.2)
    b[:, 0] = False
    a[:, 1] = False
    ours = victor_purpura(a, b, cost)
    for i in range(a.shape[1]):
        trains = [neo.SpikeTrain(np.flatnonzero(x[:, i]) * quantities.ms, t_stop=100 * quantities.ms) for x in (a, b)]
        theirs = elephant.victor_purpura_distance(trains, cost_factor=cost / quantities.ms)[0, 1]
        assert ours[i] == pytest.approx(float(theirs), abs=1e-9)


def packages():
    pytest.importorskip("elephant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import elephant.spike_train_dissimilarity as elephant
        import neo
        import quantities
    return neo, quantities, elephant


def test_distances_in_closed_form():
    a, b = np.zeros((50, 3), bool), np.zeros((50, 3), bool)
    a[10] = True
    b[15, 0] = True
    assert van_rossum(a, b, 5.0)[0] == pytest.approx(np.sqrt(2 - 2 * np.exp(-1)))
    assert van_rossum(a, b, 5.0)[1] == 1
    assert victor_purpura(a, b, 0.1).tolist() == [0.5, 1, 1]
    assert victor_purpura(a, b, 5.0).tolist() == [2, 1, 1]


def test_the_coincidence_factor_is_one_for_equal_and_zero_for_independent_trains():
    rng = np.random.default_rng(0)
    a, b = (rng.random((4000, 200)) < 0.02 for _ in range(2))
    assert coincidence(a, a, 2).tolist() == [1.0] * 200
    # the formula counts coincidences of a Poisson train to first order of its rate
    assert abs(coincidence(a, b, 0).mean()) < 0.01
    assert abs(coincidence(a, b, 2).mean()) < 0.06
    near = np.roll(a, 1, axis=0)
    assert coincidence(a, near, 2).mean() > 0.9


def test_all_distances_are_metrics_on_random_trains():
    a, b = rasters(1, trains=20)
    c, _ = rasters(2, trains=20)
    for distance in (lambda x, y: van_rossum(x, y, 4.0), lambda x, y: victor_purpura(x, y, 0.4)):
        assert np.all(distance(a, a) == 0)
        for x, y in combinations((a, b, c), 2):
            assert np.allclose(distance(x, y), distance(y, x))
        assert np.all(distance(a, c) <= distance(a, b) + distance(b, c) + 1e-9)
