"""A membrane as a sum: its terms add up, and they are what a hand calculation gives."""

import json

import numpy as np
import pytest
from random_networks import float_network, integer_network, spikes_for
from tie_networks import layers, spikes

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import run, trace_file
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Receptor, Registers, Reset, Rule

ALL = ("spikes", "u", "v")


@pytest.mark.parametrize("make", [float_network, integer_network])
def test_terms_add_up_to_the_membrane_of_any_rule(make):
    """Every reset, filter, floor, adaptation, refractory period, map and delay that random networks have."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        network = make(rng)
        trace = run(network, spikes_for(rng, network, 20, 2), "reference", ALL)
        for each in network.populations:
            index = tuple(int(rng.integers(n)) for n in each.shape)
            step, sample = int(rng.integers(20)), int(rng.integers(2))
            found = sd.why(trace, (each.name, index), step, sample=sample)
            assert found.total == pytest.approx(found.p, rel=1e-9, abs=1e-9)
            assert found.own is None
            stored = trace.v[each.name][(step, sample, *index)]
            plain = each.rule.refractory is None and getattr(each.rule, "state_floor", None) is None
            if not found.spike and plain and each.rule.reset.when == "now":
                assert found.p == pytest.approx(stored, rel=1e-9, abs=1e-9)
                if make is integer_network:
                    # whole numbers add up exactly
                    assert round(found.total) == stored


def test_by_hand():
    """v = 0.5 v + u, u = 0.25 u + x: two events, one and three steps ago."""
    rule = Rule(beta=0.5, threshold=10.0, receptors=(Receptor(alpha=0.25),), bias=0.125)
    network = layers([np.array([[2.0, 3.0]])], rule)
    x = np.zeros((5, 1, 2), int)
    x[1, 0, 0] = x[3, 0, 1] = 1
    found = sd.why(network, "p0[0]", 4, data=x)
    # an event of age n leaves sum_k 0.25^k 0.5^(n-k)
    left = {1: 0.5 + 0.25, 3: 0.125 + 0.25 * 0.25 + 0.0625 * 0.5 + 0.015625}
    assert found.sources[("in", (1,))] == pytest.approx(3 * left[1])
    assert found.sources[("in", (0,))] == pytest.approx(2 * left[3])
    assert next(t.amount for t in found.terms if t.text == "bias") == pytest.approx(0.125 * (2 - 2**-4))
    assert found.margin == pytest.approx(found.total - 10)


def test_a_reset_to_a_value_ends_what_came_before():
    network = layers([np.array([[1.5]])], Rule(beta=0.5, threshold=1.0, reset=Reset("to", 0.25)))
    x = np.array([1, 1, 0, 0])[:, None, None]
    found = sd.why(network, "p0[0]", 3, data=x)
    assert [(t.text, t.amount) for t in found.terms] == [("reset", 0.0625)]
    # subtracted instead, the events stay and the reset is a term
    soft = layers([np.array([[1.5]])], Rule(beta=0.5, threshold=1.0, reset=Reset("by", 1.0)))
    terms = {t.text: t.amount for t in sd.why(soft, "p0[0]", 1, data=x).terms}
    assert terms["reset"] == -0.5


def test_what_roundings_made():
    """A decay of 4095/4096 on a small number loses one unit per step to truncation."""
    rule = Registers(du=4095, dv=1, vth=100, reset=Reset("to", 0))
    network = Network(
        1e-3,
        (Input("in", (1,)),),
        (Population("p", (1,), rule),),
        (Projection("in", "p", (Dense(np.array([[2]])),), format=Format()),),
        ("p",),
    )
    x = np.zeros((11, 1, 1), int)
    x[0] = 1
    found = sd.why(network, "p[0]", 10, data=x)
    assert found.p == 128 - 10
    exact = 128 * (4095 / 4096) ** 10
    assert found.rounding == pytest.approx(118 - exact)
    assert found.sources[("in", (0,))] == pytest.approx(exact)


def test_back_to_the_inputs():
    rng = np.random.default_rng(3)
    network = layers([rng.normal(0.3, 0.5, (7, 6)), rng.normal(0.3, 0.5, (4, 7))], Rule(beta=0.9))
    trace = run(network, spikes(rng, 40, 2, 6), "reference", ALL)
    step, sample, neuron = (int(i) for i in np.argwhere(trace.spikes["p1"])[-1])
    found = sd.why(trace, ("p1", neuron), step, sample=sample, depth=1)
    assert found.spike
    assert found.because
    assert all(each.population == "p0" and each.spike for each in found.because)
    assert all(t.source in ("in", "") for each in found.because for t in each.terms)
    assert "p0[" in str(found)


def test_neurons_that_are_not_there():
    network = layers([np.ones((3, 2))], Rule(beta=0.9))
    trace = run(network, np.ones((5, 1, 2), int), record=("spikes",))
    for neuron, step in (("p0[3]", 1), ("p0", 1), ("p9[0]", 1), ("p0[0]", 5)):
        with pytest.raises(SnnDeployError, match="SD724"):
            sd.why(trace, neuron, step)
    with pytest.raises(SnnDeployError, match="SD724"):
        sd.why(network, "p0[0]", 1)


def test_the_command(tmp_path, capsys):
    network = layers([np.full((3, 2), 0.4)], Rule(beta=0.9))
    trace_file.write(run(network, np.ones((5, 1, 2), int), record=ALL), tmp_path / "t.npz")
    assert cli.main(["why", f"{tmp_path}/t.npz", "p0[1]", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["spike"]
    assert sum(each["amount"] for each in document["terms"]) == pytest.approx(document["p"])
    assert cli.main(["why", f"{tmp_path}/t.npz", "p0[1]", "1"]) == 0
    assert "p0[1] spikes in step 1" in capsys.readouterr().out
    assert cli.main(["why", f"{tmp_path}/t.npz", "p0[9]", "1"]) == 2
