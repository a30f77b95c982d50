"""Units: seconds, milliseconds, and memories shorter than a step."""

from __future__ import annotations

import numpy as np
import pytest
from one_population import found, net

from snndeploy.network import Receptor, Rule


@pytest.mark.parametrize(("dt", "fires"), [(1.0, True), (0.5, True), (1e-7, True), (1e-3, False), (1e-4, False)])
def test_dt_in_milliseconds_is_noticed(dt, fires):
    bad = found("SD220", net(Rule(0.9), dt=dt))
    assert bool(bad) == fires
    if fires:
        assert f"dt = {dt:g} s" in bad[0].what
        assert f"about {dt / (1 - 0.9):g} s" in bad[0].what
        assert found("SD221", net(Rule(0.9), dt=dt)) == []


def test_dt_that_was_meant_is_named():
    (bad,) = found("SD220", net(Rule(1.0), dt=1.0))
    assert "dt = 0.001 if milliseconds were meant" in bad.fix
    assert "time constants" not in bad.what


def test_a_tau_in_milliseconds_is_noticed_and_the_beta_that_was_meant_is_named():
    """tau = 10 ms, written as 10 in a file that is read in seconds."""
    beta = 1 - 1e-3 / 10.0
    (bad,) = found("SD221", net(Rule(beta)))
    assert "tau of the membrane is 10 s" in bad.what
    assert "tau = 0.01 s is beta = 0.9" in bad.fix


def test_a_tau_that_is_too_short_is_noticed_in_currents_and_single_neurons():
    alpha = np.array([0.5, 1 - 1e-6 / 1e-5])
    (bad,) = found("SD221", net(Rule(0.99999, receptors=(Receptor(alpha),)), dt=1e-6))
    assert bad.where == "population 'p', receptors[0].alpha"
    assert "2 of 2" in bad.what
    (bad,) = found("SD221", net(Rule(np.array([0.9, 0.99999]))))
    assert "1 of 2 neurons (1)" in bad.what


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 1.0])
def test_usual_time_constants_are_silent(beta):
    assert found("SD221", net(Rule(beta, receptors=(Receptor(0.8),)))) == []


def test_a_time_constant_below_two_steps_is_noticed():
    (bad,) = found("SD222", net(Rule(np.array([0.9, 0.3]))))
    assert "1 of 2 neurons (1)" in bad.what
    assert "beta = 0.3, limit 0.5" in bad.what
    (bad,) = found("SD222", net(Rule(0.9, receptors=(Receptor(0.49),))))
    assert "current" in bad.what
    for beta in (0.0, 0.5, 1.0):
        assert found("SD222", net(Rule(beta))) == []
