"""Registers of a target: decays, truncation, biases and room, each beside the integer reference."""

from __future__ import annotations

import numpy as np
import pytest
from one_population import found, net

from snndeploy.engines import run
from snndeploy.engines.reference.integer_rule import decay
from snndeploy.network import Receptor, Registers, Reset, Rule
from snndeploy.quantize import quantize


def test_a_slow_decay_is_noticed_with_what_quantize_makes_of_it():
    beta = 1 - 1.4 / 4096
    network = net(Rule(beta))
    (bad,) = found("SD223", network, "loihi2")
    made = 1 - int(quantize(network, "loihi2").population["p"].rule.dv) / 4096
    assert f"becomes {made:.8g}" in bad.what
    assert f"off by up to {1.4 - 1:.0%}" in bad.what
    assert f"beta = {made:.8g}" in bad.fix
    assert found("SD223", net(Rule(made)), "loihi2") == []
    assert found("SD223", net(Rule(0.9)), "loihi2") == []
    assert found("SD223", net(Rule(0.9, receptors=(Receptor(beta),))), "loihi1")


@pytest.mark.parametrize("dv", [1, 3, 40, 4095])
def test_no_state_but_zero_decays_to_itself_and_small_ones_fall_by_one(dv):
    y = np.arange(-(2**15), 2**15)
    after = decay(y, np.asarray(4096 - dv))
    assert y[after == y].tolist() == [0]
    small = (np.abs(y) <= 4096 // dv) & (y != 0)
    assert (np.abs(y - after)[small] == 1).all()


@pytest.mark.parametrize(("du", "dv"), [(4095, 10), (100, 40), (300, 30), (4095, 4095), (30, 0)])
def test_truncation_takes_no_more_than_said(du, dv):
    """The integer membrane beside the same recursion without truncation."""
    rng = np.random.default_rng([du, dv])
    rule = Registers(du, dv, 131071)
    weight = rng.integers(-1, 2, (6, 5)) * 2
    x = (rng.random((2000, 3, 5)) < 0.2).astype(int)
    trace = run(net(rule, weight), x, record=("spikes", "v"))
    assert not trace.spikes["p"].any()
    alpha, beta = 1 - (du + 1) / 4096, 1 - dv / 4096
    u = v = np.zeros((3, 6))
    worst = 0.0
    for t in range(2000):
        u = alpha * u + x[t] @ weight.T * 64
        v = beta * v + u
        worst = max(worst, np.abs(trace.v["p"][t] - v).max())
    if dv:
        loss = (1 + (alpha > 0) / (1 - alpha)) / (1 - beta)
        assert worst <= loss
        if 1 < dv < 1000:
            assert worst > 0.1 * loss


def test_truncation_is_noticed_in_both_forms():
    (bad,) = found("SD224", net(Registers(4095, 4, 100), [[2, 4]]), "loihi2")
    assert "can take 1,024 state units" in bad.what
    assert "threshold 6,400 (limit 5%)" in bad.what
    assert "below 1,024 units they fall by one per step" in bad.what
    assert found("SD224", net(Registers(4095, 400, 100), [[2, 4]]), "loihi2") == []
    slow = Rule(1 - 2 / 4096, receptors=(Receptor(1 - 4 / 4096),))
    assert found("SD224", net(slow), "loihi2")
    assert found("SD224", net(Rule(0.9)), "loihi2") == []


@pytest.mark.parametrize("bias", [1, 2, 5, 9])
def test_a_small_bias_settles_where_it_is_said_to(bias):
    dv = 41
    v = run(net(Registers(4095, dv, 131071, bias), [[2]]), np.zeros((500, 1, 1), int), record=("v",)).v["p"][-1, 0, 0]
    assert v == 4096 * (bias - 1) // dv + 1
    (bad,) = found("SD225", net(Registers(4095, dv, 1000, bias), [[2]]), "loihi2")
    assert f"reduced by {1 / bias:.0%}" in bad.what


def test_a_bias_below_resolution_is_noticed_before_it_vanishes():
    network = net(Rule(0.9, bias=5e-8))
    (bad,) = found("SD225", network, "loihi2")
    assert "rounded to nothing" in bad.what
    assert not np.any(quantize(network, "loihi2").population["p"].rule.bias_mant)
    for bias in (0.0, 0.01, -0.2):
        assert found("SD225", net(Rule(0.9, bias=bias)), "loihi2") == []
    assert found("SD225", network) == []


def test_a_large_fan_in_is_noticed_and_the_next_larger_is_refused():
    def wide(n: int):
        return net(Rule(0.9, receptors=(Receptor(0.9),)), np.full((2, n), 0.5))

    assert found("SD226", wide(100), "loihi2") == []
    (bad,) = found("SD226", wide(1000), "loihi2")
    assert "fan-in 1,000" in bad.what
    quantize(wide(1000), "loihi2")
    assert found("SD607", wide(1000), "loihi2") == []
    (bad,) = found("SD607", wide(10000), "loihi2")
    assert bad.severity == "error"


def test_a_current_that_may_wrap_is_noticed_and_does_wrap():
    safe, wraps = (net(Registers(40, 0, 131071, reset=Reset("to", 0)), np.full((1, n), 254)) for n in (1, 40))
    assert found("SD226", safe, "loihi2") == []
    (bad,) = found("SD226", wraps, "loihi2")
    assert "it would wrap around" in bad.what
    u = run(wraps, np.ones((60, 1, 40), int), record=("u",)).u["p"]
    assert u.min() < 0
