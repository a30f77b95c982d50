"""A projection may hold no map at all: what the source emits arrives as it is."""

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.network import Input, Network, Population, Projection
from snndeploy.network.rule import Reset, Rule


@pytest.mark.parametrize("engine", ["reference", "torch", "lava", "onnx"])
@pytest.mark.parametrize("delay", [0, 2])
def test_spikes_pass_a_projection_without_maps_unchanged(engine, delay):
    rule = Rule(0.0, threshold=0.5, reset=Reset("to", 0.0))
    to = (Projection("in", "a", ()), Projection("a", "b", (), delay=delay))
    net = Network(1e-3, (Input("in", (3,)),), (Population("a", (3,), rule), Population("b", (3,), rule)), to, ("b",))
    x = np.random.default_rng(0).random((9, 2, 3)) < 0.5
    spikes = sd.run(net, x, engine).spikes
    assert np.array_equal(spikes["a"], x)
    assert np.array_equal(spikes["b"], np.concatenate([np.zeros((delay, 2, 3), bool), x])[:9])
