"""The report says what was realised, against values worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.quantize import quantize, report


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
