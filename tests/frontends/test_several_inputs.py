"""Modules with several inputs and outputs, through every engine, a file, and the integers of a chip.

The expectation is the module's own code, stepped by hand in float64; no engine has a part in it.
"""

import numpy as np
import pytest
from joined import DT, PLACES, by_hand, random_joined

import snndeploy as sd
from snndeploy.network.arrays import equal

SEEDS = 26
POPULATIONS = {"last": "last_lif", "right": "right_lif", "values": "head"}


def assert_outputs(network, trace, expected):
    """Each output in its place: spikes in every bin, values to float64."""
    assert network.outputs == tuple(POPULATIONS[name] for name in expected)
    for name, values in expected.items():
        if name == "values":
            np.testing.assert_allclose(trace.v["head"], values, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_array_equal(trace.spikes[POPULATIONS[name]], values != 0, err_msg=name)


@pytest.mark.parametrize("framework", ["snntorch", "norse"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_network_computes_what_the_module_does(framework, seed, tmp_path):
    module, given = random_joined(seed, framework)
    expected = by_hand(module, given)
    network = sd.capture(module, given, DT)
    assert list(network.input) == ["x", "y"]
    trace = sd.run(network, given, record=("spikes", "v"))
    assert_outputs(network, trace, expected)
    for engine in ("torch", framework):
        assert sd.compare(trace, sd.run(network, given, engine, ("spikes", "v"))).agrees, engine
    sd.write(network, tmp_path / "two.nir")
    assert equal(sd.read(tmp_path / "two.nir"), network)


@pytest.mark.parametrize("framework", ["snntorch", "norse"])
def test_the_instances_are_many_and_alive(framework):
    """All places of the loop and all kinds of input occur, and nearly all outputs spike."""
    kinds, places, silent, outputs = set(), set(), 0, 0
    for seed in range(SEEDS):
        module, given = random_joined(seed, framework)
        places.add(module.place)
        kinds |= {
            "binary" if {*np.unique(x)} <= {0, 1} else "real" if x.min() < 0 else "counts" for x in given.values()
        }
        for values in by_hand(module, given).values():
            outputs += 1
            silent += not values.any()
    assert places == set(PLACES)
    assert kinds == {"binary", "counts", "real"}
    assert silent < 0.15 * outputs, (silent, outputs)


@pytest.mark.parametrize("framework", ["snntorch", "norse"])
@pytest.mark.parametrize("seed", range(0, SEEDS, 5))
def test_lava_and_the_other_framework(framework, seed):
    module, given = random_joined(seed, framework)
    network = sd.capture(module, given, DT)
    trace = sd.run(network, given, record=("spikes", "v"))
    assert sd.compare(trace, sd.run(network, given, "lava", ("spikes", "v"))).identical
    rebuild = {"snntorch": sd.to_snntorch, "norse": sd.to_norse}
    for name, build in rebuild.items():
        try:
            again = build(network)
        except sd.errors.SnnDeployError as problem:
            assert {f.code for f in problem.findings} == {"SD330"}, problem
            assert name != framework, problem
            continue
        back = sd.capture(again, given, DT)
        assert list(back.input) == ["x", "y"]
        assert back.outputs == network.outputs
        assert sd.compare(trace, sd.run(back, given, record=("spikes", "v"))).agrees


@pytest.mark.parametrize("framework", ["snntorch", "norse"])
@pytest.mark.parametrize("seed", [1, 2, 4, 7, 13])
def test_the_integers_are_the_same_bits_everywhere(framework, seed, tmp_path):
    module, given = random_joined(seed, framework)
    network = sd.capture(module, given, DT)
    integers = sd.quantize(network, "loihi2", given)
    assert [each.name for each in integers.given] == ["x", "y"]
    sd.write(integers, tmp_path / "q.nir")
    loaded = sd.read(tmp_path / "q.nir")
    definition = sd.run(integers, given, record=("spikes", "u", "v"))
    for engine in ("torch", "lava"):
        assert sd.compare(definition, sd.run(loaded, given, engine, ("spikes", "u", "v"))).identical, engine
    assert sd.place(integers, "loihi2")
