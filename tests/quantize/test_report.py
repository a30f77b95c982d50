"""The report says what was realised, against values worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Dense,
    Format,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Registers,
    Reset,
    Rule,
    Sparse,
)
from snndeploy.quantize import quantize, report
from snndeploy.quantize.decay_report import decays_of, least_arrival, text


def network(beta: float = 0.9) -> Network:
    weight = Dense([[0.5, -0.25], [1.0, 0.75]])
    return Network(
        1e-3,
        (Input("in", (2,)),),
        (Population("p", (2,), Rule(beta, 1.0, (Receptor(0.7),))),),
        (Projection("in", "p", (weight,)),),
        ("p",),
    )


def test_decays_threshold_and_weights_are_those_of_the_registers():
    (row,) = report(network(), quantize(network(), "loihi1"))
    assert row.beta == (0.9, (4096 - 410) / 4096)
    assert row.alpha == (0.7, (4096 - 1229) / 4096)
    assert row.tau_error == pytest.approx(1 - 0.1 * 4096 / 410)
    assert row.theta[1] == pytest.approx(1.0, abs=1e-3)
    (weights,) = row.weights
    assert weights.projection == "in->p"
    assert weights.error < 0.01
    assert 6 < weights.bits <= 8
    assert weights.clipped == 0
    assert json.loads(json.dumps(row.as_dict()))["population"] == "p"


def test_a_membrane_without_memory_keeps_one_part_in_4096():
    (row,) = report(network(0.0), quantize(network(0.0), "loihi1"))
    assert row.beta == (0.0, 1 / 4096)


def test_networks_that_do_not_belong_together_are_refused():
    made = quantize(network(), "loihi1")
    other = network().with_(
        inputs=(Input("other", (2,)),), projections=(Projection("other", "p", (Dense(np.eye(2)),)),)
    )
    for pair in ((made, made), (network(), network()), (other, made)):
        with pytest.raises(SnnDeployError, match="SD209 report"):
            report(*pair)


def test_time_constants_and_what_truncation_takes_are_those_of_the_registers():
    made = quantize(network(), "loihi1")
    (row,) = report(network(), made)
    u, v = row.decays
    assert (u.state, v.state) == ("u", "v")
    assert (u.asked, v.asked) == (pytest.approx(1 / 0.3), pytest.approx(10))
    assert (u.realised, v.realised) == (4096 / 1229, 4096 / 410)
    assert v.error == pytest.approx(row.tau_error, abs=1e-3)
    told = text([("p", row.decays, row.least)], 1e-3)
    assert "10 steps (10 ms)" in told
    assert json.loads(json.dumps(row.as_dict()))["decays"][1]["linear"] == 9


@pytest.mark.parametrize("dv", [1, 2, 7, 64, 410, 1024, 4095])
def test_losses_are_those_of_every_state(dv):
    """Counted over all states of a period, by the arithmetic itself."""
    (found,) = decays_of(Rule(1 - dv / 4096), Registers(4095, dv, 100))
    y = np.arange(1, 2**20)
    kept = (y * (4096 - dv)) >> 12
    assert found.linear == y[(y - kept) == 1].max()
    assert not (kept == y).any()
    assert found.lost == pytest.approx(np.mean((y * (4096 - dv) / 4096 - kept)[: 4096 * 64]), abs=1e-5)


@pytest.mark.parametrize("du", [0, 5, 1229, 4095])
@pytest.mark.parametrize("dv", [0, 1, 410, 4095])
@pytest.mark.parametrize(("vth", "bias"), [(3, 0), (500, 0), (500, 90), (500, -700), (2, 1000)])
def test_the_least_input_spikes_and_one_less_never_does(du, dv, vth, bias):
    rule = Registers(du, dv, vth, bias, 0, reset=Reset("to", 0))
    least = int(least_arrival(rule))

    def spikes(count: int) -> bool:
        """The arithmetic of `network/registers.py` in whole numbers, until it spikes or stands still."""
        u = v = 0
        while True:
            before = u, v
            u = (u * (4095 - du) >> 12) + (count << 6)
            v = (abs(v) * (4096 - dv) >> 12) * (1 if v >= 0 else -1) + u + bias
            if v > vth << 6:
                return True
            if (u, v) == before or v < -(2**23):
                return False

    assert spikes(least)
    assert least == 0 or not spikes(least - 1)


def test_the_least_input_is_that_of_an_engine():
    rule = Registers(1229, 410, 500, 90, 0, reset=Reset("to", 0))
    least = int(least_arrival(rule))
    one = Sparse(np.ones((1, 1), np.int64), (1,), (1,))
    net = Network(
        1e-3,
        (Input("in", (1,), "counts"),),
        (Population("p", (1,), rule),),
        (Projection("in", "p", (one,), format=Format(0, 8, "excitatory")),),
        ("p",),
    )
    counts = np.broadcast_to(np.array([least - 1, least]).reshape(1, 2, 1), (400, 2, 1))
    silent, busy = run(net, counts).spikes["p"].sum(axis=(0, 2))
    assert silent == 0
    assert busy > 0
