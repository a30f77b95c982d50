"""Networks with several inputs as modules of either framework: called by hand, and captured back."""

import numpy as np
import pytest
import torch
from random_networks import PLAIN, float_network, spikes_for
from rebuilding import DT, assert_same_spikes

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule

BOTH = pytest.mark.parametrize("framework", ["snntorch", "norse"])


def build(framework, network, *args):
    return getattr(sd, f"to_{framework}")(network, *args)


def with_more_inputs(rng, network):
    """One or two further inputs, late or not, into populations that are vectors."""
    flat = [p.name for p in network.populations if len(p.shape) == 1]
    inputs, projections = [*network.inputs], [*network.projections]
    for name in ("second.in", "x")[: int(rng.integers(1, 3))]:
        size, target = int(rng.integers(2, 6)), network.population[str(rng.choice(flat))]
        inputs.append(Input(name, (size,), "counts" if name == "x" else "binary"))
        weight = rng.normal(0.1, 0.5, (*target.shape, size)).astype(np.float32).astype(np.float64)
        projections.append(Projection(name, target.name, (Dense(weight),), int(rng.integers(0, 3))))
    return network.with_(inputs=tuple(inputs), projections=tuple(projections))


@BOTH
@pytest.mark.parametrize("seed", range(12))
def test_random_networks_come_back(framework, seed):
    rng = np.random.default_rng(300 + seed)
    network = with_more_inputs(rng, float_network(rng, PLAIN - {"convolution"}))
    x = spikes_for(rng, network, 20, 2)
    try:
        module = build(framework, network, x)
    except SnnDeployError as problem:
        assert framework == "norse", problem
        assert {f.code for f in problem.findings} == {"SD330"}
        assert "inputs" not in str(problem)
        return
    again = sd.capture(module, x, DT)
    assert list(again.input) == list(network.input)
    assert again.outputs == network.outputs
    assert_same_spikes(network, again, x, least=0)


@BOTH
def test_called_by_hand(framework):
    rng = np.random.default_rng(0)
    weights = [rng.normal(0.4, 0.5, (4, n)).astype(np.float32).astype(np.float64) for n in (3, 2)]
    network = Network(
        DT,
        (Input("left", (3,)), Input("right", (2,))),
        (Population("a", (4,), Rule(beta=0.75)), Population("b", (4,), Rule(beta=0.5))),
        (
            Projection("left", "a", (Dense(weights[0]),)),
            Projection("right", "a", (Dense(weights[1]),), 2),
            Projection("a", "b", (Dense(np.eye(4)),)),
        ),
        ("b", "a"),
    )
    x = {each.name: (rng.random((30, 3, *each.shape)) < 0.5).astype(np.float32) for each in network.inputs}
    module = build(framework, network, x)
    expected = sd.run(network, x)
    for how in (
        lambda left, right: {"left": left, "right": right},
        lambda left, right: {"right": right, "left": left},
        lambda left, right: (left, right),
        lambda left, right: [left, right],
    ):
        state = None
        for t in range(30):
            b, a, state = module(how(torch.as_tensor(x["left"][t]), torch.as_tensor(x["right"][t])), state)
            np.testing.assert_array_equal(a.detach().numpy() != 0, expected.spikes["a"][t])
            np.testing.assert_array_equal(b.detach().numpy() != 0, expected.spikes["b"][t])
    assert expected.spikes["b"].any()
    assert sd.run(network, x, framework).engine.endswith("(rebuilt)")


@BOTH
def test_populations_whose_names_a_module_has_itself(framework):
    names = ("inputs", "outputs", "nodes", "shapes", "reach")
    rule = Rule(beta=0.75)
    rng = np.random.default_rng(0)
    ways = [("in", each, 0) for each in names] + [("inputs", "reach", 1)]
    projections = [Projection(a, b, (Dense(rng.normal(0.4, 0.3, (3, 3))),), late) for a, b, late in ways]
    network = Network(
        DT, (Input("in", (3,)),), tuple(Population(n, (3,), rule) for n in names), tuple(projections), names[1:]
    )
    x = (rng.random((20, 2, 3)) < 0.5).astype(np.float32)
    again = sd.capture(build(framework, network, {"in": x}), x, DT)
    a, b = sd.run(network, x), sd.run(again, x)
    for before, after in zip(network.outputs, again.outputs, strict=True):
        np.testing.assert_array_equal(a.spikes[before], b.spikes[after])
        assert a.spikes[before].any()
