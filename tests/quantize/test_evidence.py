"""The quadratic form is the squared error of the membrane: against a membrane computed one step after the other."""

from __future__ import annotations

import numpy as np
import pytest

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.network import Conv, Dense, Flatten, Input, Network, Population, Projection, Receptor, Reset, Rule
from snndeploy.quantize import prepared, quantize
from snndeploy.quantize.evidence import WIDTH, form, membranes

CHIP = targets.load("loihi2")


def recurrent(rng, rule: Rule) -> Network:
    return Network(
        1e-3,
        (Input("in", (5,)),),
        (Population("h", (4,), rule),),
        (
            Projection("in", "h", (Dense(rng.normal(0.3, 0.5, (4, 5))),), 2),
            Projection("h", "h", (Dense(rng.normal(-0.2, 0.4, (4, 4))),), 1),
        ),
        ("h",),
    )


def teacher(network: Network, x: np.ndarray):
    return run(network, x, record=("spikes", "u", "v"))


def membrane(network: Network, weights: list[np.ndarray], trace, reset: bool) -> np.ndarray:
    """v with other weights, fed and reset by the spikes of the trace; decays as registers hold them."""
    rule = network.population["h"].rule
    alpha = 1 - np.rint(4096 * (1 - rule.receptors[0].alpha)) / 4096
    beta = 1 - np.rint(4096 * (1 - rule.beta)) / 4096
    x, s = trace.inputs["in"], trace.spikes["h"]
    u = v = np.zeros(s.shape[1:])
    rows = []
    for t in range(len(x)):
        into = x[t - 2] @ weights[0].T if t >= 2 else 0.0
        into = into + (s[t - 1] @ weights[1].T if t >= 1 else 0.0)
        u = alpha * u + into
        v = beta * v + u
        rows.append(v)
        if reset:
            v = np.where(s[t], 0.0, v)
    return np.stack(rows)


@pytest.mark.parametrize("reset", [Reset("to", 0.0), Reset("by", 1.0)])
def test_the_form_is_the_weighted_squared_error_of_the_membrane(reset):
    rng = np.random.default_rng(3)
    network = recurrent(rng, Rule(0.875, 1.0, (Receptor(0.5),), reset=reset))
    trace = teacher(network, (rng.random((40, 6, 5)) < 0.4).astype(np.int64))
    assert trace.spikes["h"].mean() > 0.02
    found = form(network, "h", trace, CHIP)
    assert found is not None
    exact = [p.maps[0].weight for p in network.projections]
    other = [w + rng.normal(0, 0.02, w.shape) for w in exact]
    to = reset.kind == "to"
    a, b = (membrane(network, w, trace, to) for w in (exact, other))
    omega = 1 / (1 + ((membranes(network.population["h"], trace) - 1.0) / WIDTH) ** 2)
    wanted = (omega * (b - a) ** 2).mean(axis=(0, 1))
    np.testing.assert_allclose(found.loss(np.concatenate(other, axis=1)), wanted, rtol=2e-2, atol=1e-6)


def test_what_is_compared_with_the_threshold_decides_the_spikes():
    rng = np.random.default_rng(4)
    for reset in (Reset("to", 0.0), Reset("by", 1.0), Reset("by", 1.0, "next")):
        network = recurrent(rng, Rule(0.9, 1.0, (Receptor(0.3),), bias=0.02, bias_onset=3, reset=reset, initial=0.3))
        trace = teacher(network, (rng.random((30, 4, 5)) < 0.4).astype(np.int64))
        assert np.array_equal(membranes(network.population["h"], trace) > 1.0, trace.spikes["h"])


def test_rounding_against_membranes_brings_them_closer():
    better = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        network = recurrent(rng, Rule(0.9, 1.0, (Receptor(0.6),)))
        x = (rng.random((60, 20, 5)) < 0.3).astype(np.int64)
        found = form(prepared(network), "h", teacher(network, x), CHIP)
        losses = []
        for method in ("adaptive", "membranes"):
            made = quantize(network, "loihi2", x, method)
            scale = made.population["h"].rule.scale / 64
            weights = [p.maps[0].weight * 2.0**p.format.exponent / scale for p in made.projections]
            losses.append(found.loss(np.concatenate(weights, axis=1)).mean())
        better.append(losses[1] / losses[0])
    assert np.median(better) < 0.7
    assert max(better) < 1.3


def test_convolutions_share_one_form():
    rng = np.random.default_rng(5)
    conv = Conv(rng.normal(0, 0.5, (3, 2, 3, 3)), stride=(2, 2), padding=((1, 0), (0, 1)))
    shape = conv.shape_out((2, 7, 7))
    network = Network(
        1e-3,
        (Input("in", (2, 7, 7)),),
        (Population("c", shape, Rule(0.5, 1.0, reset=Reset("none"))),),
        (Projection("in", "c", (conv,)),),
        ("c",),
    )
    x = (rng.random((12, 3, 2, 7, 7)) < 0.3).astype(np.int64)
    trace = teacher(network, x)
    found = form(network, "c", trace, CHIP)
    assert found.quadratic.shape == (1, 18, 18)
    other = conv.weight + rng.normal(0, 0.1, conv.weight.shape)
    u = v = 0.0
    errors = []
    for t in range(12):
        u = Conv(other - conv.weight, conv.stride, conv.padding).apply(x[t].astype(float))
        v = 0.5 * v + u
        errors.append(v)
    wanted = np.square(errors).mean(axis=(0, 1, 3, 4))
    np.testing.assert_allclose(found.loss(other.reshape(3, -1)), wanted, rtol=0.02)


def test_layers_without_a_form_have_none():
    rng = np.random.default_rng(6)
    network = Network(
        1e-3,
        (Input("in", (2, 4)),),
        (Population("p", (2, 3), Rule(0.5, 1.0)), Population("q", (2,), Rule(0.5, 1.0))),
        (
            Projection("in", "p", (Dense(rng.normal(0, 1, (3, 4))),)),
            Projection("p", "q", (Flatten(0, -1, 2), Dense(rng.normal(0, 1, (2, 6))))),
        ),
        ("q",),
    )
    trace = teacher(network, (rng.random((10, 2, 2, 4)) < 0.3).astype(np.int64))
    assert form(network, "p", trace, CHIP) is None
    assert form(network, "q", trace, CHIP) is not None
