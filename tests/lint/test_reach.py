"""What is proven holds in every run, and is said as soon as it is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from one_population import found, net
from random_networks import EVERY, PLAIN, float_network, integer_network, spikes_for

from snndeploy.engines import run
from snndeploy.lint.check import Subject
from snndeploy.lint.reach import _slack, bounds, settled
from snndeploy.network import Receptor, Registers, Reset, Rule
from snndeploy.network.maps import chain_matrix


@pytest.mark.parametrize(("beta", "alpha"), [(0.9, 0.0), (0.5, 0.8), (0.0, 0.0), (0.95, 0.9)])
def test_never_is_said_exactly_where_full_input_does_not_reach_the_threshold(beta, alpha):
    weight = np.array([[0.3, -0.7, 0.2], [0.1, 0.1, 0.1]])
    top = 0.5 / (1 - beta) / (1 - alpha)
    for theta, never in ((0.999 * top, False), (1.001 * top, True)):
        rule = Rule(beta, np.array([theta, 0.25]), (Receptor(alpha),))
        bad = [f for f in found("SD227", net(rule, weight)) if "(0)" in f.what]
        assert bool(bad) == never
        x = np.broadcast_to([1, 0, 1], (2000, 1, 3))
        assert run(net(rule, weight), x).spikes["p"][..., 0].any() == (not never)


def test_never_names_value_and_threshold():
    (bad,) = found("SD227", net(Rule(0.5, 3.0), [[0.5, 0.25], [2.0, 1.0]]))
    assert "1 of 2 neurons (0) can never spike" in bad.what
    assert "at most 1.5, its threshold is 3" in bad.what
    assert "below 1.5" in bad.fix
    (bad,) = found("SD227", net(Rule(0.5, 3.0), [[-0.5, -0.25]]))
    assert "give it excitatory weights" in bad.fix


def test_what_feeds_on_the_silent_is_silent_too():
    network = net(Rule(0.5, 3.0), [[0.5, 0.25]])
    second = net(Rule(0.5, 0.1), [[0.5]])
    p = replace(second.projections[0], source="p", target="q", name="p->q")
    q = replace(second.populations[0], name="q")
    whole = network.with_(populations=(*network.populations, q), projections=(*network.projections, p))
    assert [f.where for f in found("SD227", whole)] == ["population 'p'", "population 'q'"]


@pytest.mark.parametrize("kind", ["counts", "real"])
def test_input_without_bound_proves_nothing(kind):
    assert found("SD227", net(Rule(0.9, 100.0), kind=kind)) == []
    assert bool(found("SD227", net(Rule(0.9, 100.0), [[-1.0]], kind=kind))) == (kind == "counts")


@pytest.mark.parametrize(
    ("reset", "least"),
    [(Reset("to", 0.0), 1.0), (Reset("by", 1.0), 1.0), (Reset("none"), 0.5), (Reset("to", -0.5), 1.25)],
)
def test_always_is_said_exactly_where_silence_passes_the_threshold(reset, least):
    """Without input, beta 1/2, theta 1: to 0 and by 1 start from 0; none starts above 1, after a first step from 0."""
    for bias, always in ((least * 1.01 + 0.51 * (least < 1), True), (least * 0.99, False)):
        rule = Rule(0.5, 1.0, bias=bias, reset=reset)
        assert bool(found("SD228", net(rule, [[0.5]]))) == always
        spikes = run(net(rule, [[0.5]]), np.zeros((50, 1, 1), int)).spikes["p"]
        assert spikes.all() == always


@pytest.mark.parametrize("form", ["float", "integer"])
def test_what_is_proven_holds_for_random_networks(form):
    never = always = 0
    for seed in range(120):
        rng = np.random.default_rng([seed, 11])
        if form == "float":
            network = float_network(rng, EVERY, "binary")
            factor = rng.choice([0.02, 1.0, 6.0])
        else:
            network = integer_network(rng, PLAIN, extreme=bool(seed % 2))
            factor = rng.choice([0.01, 1.0, 20.0])
        populations = []
        for each in network.populations:
            name = "threshold" if form == "float" else "vth"
            old = getattr(each.rule, name)
            theta = (
                None
                if old is None
                else old * factor
                if form == "float"
                else np.minimum(old * factor, 131071).astype(int)
            )
            populations.append(replace(each, rule=replace(each.rule, **{name: theta})))
        network = network.with_(populations=tuple(populations))
        x = spikes_for(rng, network, 40, 6)["in"]
        x[:, 0], x[:, 1] = 0, 1
        first = network.projections[0]
        sums = chain_matrix(first.maps, network.shapes["in"])
        x[:, 2] = (np.asarray(sums.todense()).sum(axis=0) > 0).reshape(x.shape[2:])
        spikes = run(network, x).spikes
        for name, (theta, least, most) in bounds(Subject(network).folded).items():
            silent, on = most <= theta - _slack(theta, most), least > theta + _slack(theta, least)
            assert not (silent & on).any()
            assert not spikes[name][:, :, silent].any(), (seed, name)
            assert spikes[name][:, :, on].all(), (seed, name)
            never += int(silent.sum())
            always += int(on.sum())
    assert never > 100
    assert always >= 10


def test_bounds_of_a_recursion_hold_and_are_reached():
    rng = np.random.default_rng(0)
    for _ in range(200):
        factor = rng.choice([0.0, 0.3, 0.9, 1.0, -0.4])
        initial, low, width = rng.normal(), rng.normal(), rng.choice([0.0, 1.0])
        ends = settled(np.asarray(factor), np.asarray(initial), np.asarray(low), np.asarray(low + width))
        for x, end, best in ((low, ends[0], min), (low + width, ends[1], max)):
            y, seen = initial, []
            for _ in range(300):
                y = factor * y + x
                seen.append(y)
            extreme = best(seen)
            assert best(extreme, float(end)) == pytest.approx(float(end))
            if factor >= 0 and np.isfinite(end):
                assert extreme == pytest.approx(float(end), abs=1e-6)
            if factor == 1 and np.isinf(end):
                assert best(seen) == seen[-1]


def test_integers_that_wrap_prove_nothing():
    network = net(Registers(0, 0, 131071, bias_mant=-4096, bias_exp=7), np.full((1, 40), 254))
    assert found("SD227", network) == []
