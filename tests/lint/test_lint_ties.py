"""Lattices and near misses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_population import found, net

from snndeploy.conform import compare
from snndeploy.engines import run
from snndeploy.lint.ties import common_step
from snndeploy.network import Receptor, Registers, Reset, Rule

LATTICE = [[0.25, 0.5], [0.75, -0.25]]


@given(
    st.lists(st.integers(-200, 200), min_size=2, max_size=30),
    st.floats(1e-3, 10, allow_nan=False),
    st.booleans(),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_step_of_a_lattice_is_found(multiples, step, single):
    whole = np.array([*multiples, 199, 200])
    values = (whole * step).astype(np.float32).astype(np.float64) if single else whole * step
    assert common_step(values) == pytest.approx(step, rel=1e-4)


def test_trained_weights_have_no_step():
    rng = np.random.default_rng(0)
    for size in (3, 30, 3000):
        assert common_step(rng.normal(0, 0.3, size)) is None
        assert common_step(rng.normal(0, 0.3, size).astype(np.float32).astype(np.float64)) is None
    assert common_step(np.zeros(3)) is None


def test_a_threshold_on_the_lattice_is_noticed_and_half_a_step_changes_no_spike():
    rule = Rule(1.0, 1.0, bias=0.25, reset=Reset("by", 1.0))
    (bad,) = found("SD229", net(rule, LATTICE))
    assert "multiples of 0.25" in bad.what
    assert "1.125 where equality must not spike" in bad.fix
    x = (np.random.default_rng(0).random((200, 4, 2)) < 0.4).astype(int)
    moved, inclusive = (net(replace(rule, threshold=theta), LATTICE) for theta in (1.125, 0.875))
    spikes = run(net(rule, LATTICE), x).spikes["p"]
    assert np.array_equal(run(moved, x).spikes["p"], spikes)
    at_least = net(replace(rule, threshold=np.nextafter(1.0, 0)), LATTICE)
    assert np.array_equal(run(inclusive, x).spikes["p"], run(at_least, x).spikes["p"])
    assert not np.array_equal(run(inclusive, x).spikes["p"], spikes)
    assert found("SD229", at_least)


@pytest.mark.parametrize(
    "network",
    [
        net(Rule(0.9, 1.0), LATTICE),
        net(Rule(1.0, 1.0, (Receptor(0.8),)), LATTICE),
        net(Rule(1.0, 1.1732051), LATTICE),
        net(Rule(1.0, 1.0)),
        net(Rule(1.0, 1.0), LATTICE, kind="real"),
        net(Rule(1.0, None, reset=Reset("none")), LATTICE),
        net(Registers(4095, 0, 100), [[2, 4]]),
    ],
)
def test_off_the_lattice_is_silent(network):
    assert found("SD229", network) == []


def test_near_misses_are_counted():
    """Tenths are not dyadic: sums of them miss 1 by rounding. Quarters hit it exactly, and nothing is rounded."""
    x = (np.random.default_rng(0).random((50, 4, 2)) < 0.5).astype(int)
    tenths = net(Rule(1.0, 1.0), [[0.1, 0.3], [0.2, 0.4]])
    (bad,) = found("SD230", tenths, data=x)
    v = run(net(Rule(1.0, 1.0), [[0.1, 0.3], [0.2, 0.4]]), x, record=("v",)).v["p"]
    drive = x @ np.array([[0.1, 0.2], [0.3, 0.4]])
    candidate = np.concatenate([np.zeros((1, 4, 2)), v[:-1]]) + drive
    close = int((np.abs(candidate - 1) < 1e-5).sum())
    assert close > 5
    assert f"{close} of 400 bins" in bad.what
    assert found("SD230", net(Rule(1.0, 1.0), LATTICE), data=x) == []
    assert found("SD230", net(Rule(0.9)), data=x) == []


def test_whatever_compare_calls_a_tie_was_counted():
    """float32 and float64 differ in proven ties only; each is among the bins that were counted."""
    ties = 0
    for seed in range(12):
        rng = np.random.default_rng([seed, 5])
        network = net(Rule(float(rng.choice([1.0, 0.5])), 1.0), rng.integers(-3, 6, (6, 5)) / 10)
        x = (rng.random((60, 4, 5)) < 0.4).astype(int)
        same = compare(*(run(network, x, "torch", ("spikes", "v"), dtype=d) for d in ("float64", "float32")))
        assert same.agrees
        if not same.identical:
            ties += 1
            assert found("SD230", network, data=x)
    assert ties > 3
