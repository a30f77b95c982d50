"""The promise itself: inside a form, every engine computes the same spikes.

Float: what a snnTorch or Norse module does, the captured network does on every engine, in every bin but proven ties.
Integer: spikes, u and v are the same bits on every engine.
"""

import numpy as np
import pytest
from random_modules import DT, SNNTORCH_RESETS, random_module, random_sample
from random_networks import PLAIN, float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy.frontends import capture
from snndeploy.network.arrays import equal

ALL = ("spikes", "u", "v")
SNNTORCH = [("snntorch", kind, reset) for kind in ("leaky", "synaptic") for reset in SNNTORCH_RESETS]
NORSE = [("norse", kind, ("", False)) for kind in ("lifbox", "lif", "iaf", "li", "libox")]
SEEDS = 13


def agreeing(network, x, engine, expected, **options):
    found = sd.run(network, x, engine=engine, record=("spikes", "v"), **options)
    verdict = sd.compare(expected, found)
    assert verdict.agrees, f"{engine}: {verdict}"
    return verdict


@pytest.mark.parametrize(("framework", "kind", "reset"), SNNTORCH + NORSE)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_engine_computes_what_the_module_does(framework, kind, reset, seed):
    module, shape = random_module(seed, framework, kind, reset)
    x = random_sample(seed, shape)
    network = capture(module, x, dt=DT)
    definition = sd.run(network, x, record=("spikes", "v"))
    verdicts = [agreeing(network, x, engine, definition) for engine in (framework, "torch", "lava", "onnx")]
    # float64 engines share the definition's parameters: they have no reason to differ at all
    assert verdicts[2].identical


@pytest.mark.parametrize("seed", range(200))
def test_integers_are_the_same_bits_everywhere(seed):
    rng = np.random.default_rng(seed)
    kind = "counts" if seed % 10 == 0 else "binary"
    network = integer_network(rng, PLAIN | {"onset"}, extreme=seed % 2 == 0, kind=kind)
    x = spikes_for(rng, network, 20, 2)
    definition = sd.run(network, x, record=ALL)
    for engine in ("torch", "lava", "onnx"):
        found = sd.run(network, x, engine=engine, record=ALL)
        for what in ALL:
            ours, theirs = getattr(definition, what), getattr(found, what)
            assert ours.keys() == theirs.keys()
            for name in ours:
                np.testing.assert_array_equal(theirs[name], ours[name], err_msg=f"{engine} {what} {name}")
        assert sd.compare(definition, found).identical


@pytest.mark.parametrize("seed", range(6))
def test_the_official_runtime_computes_the_same_bits(seed):
    rng = np.random.default_rng(1000 + seed)
    network = integer_network(rng, PLAIN | {"onset"}, extreme=seed % 2 == 0)
    x = spikes_for(rng, network, 12, 2)
    definition = sd.run(network, x, record=ALL)
    found = sd.run(network, x, engine="lava", record=ALL, mode="runtime")
    for what in ALL:
        for name, array in getattr(definition, what).items():
            np.testing.assert_array_equal(getattr(found, what)[name], array, err_msg=f"{what} {name}")


@pytest.mark.parametrize("seed", range(60))
def test_a_file_gives_back_the_same_network(seed, tmp_path):
    rng = np.random.default_rng(seed)
    network = float_network(rng) if seed % 2 else integer_network(rng, PLAIN | {"onset"}, extreme=True)
    sd.write(network, tmp_path / "model.nir")
    assert equal(sd.read(tmp_path / "model.nir"), network)


@pytest.mark.parametrize("seed", range(20))
def test_quantised_modules_are_the_same_bits_everywhere(seed, tmp_path):
    framework, kind, reset = (SNNTORCH + NORSE[:3])[seed % 15]
    module, shape = random_module(seed, framework, kind, reset)
    x = random_sample(seed, shape, steps=30, batch=2)
    integers = sd.quantize(capture(module, x, dt=DT), target="loihi2", calibration=x)
    sd.write(integers, tmp_path / "q.nir")
    loaded = sd.read(tmp_path / "q.nir")
    definition = sd.run(integers, x, record=ALL)
    for engine in ("reference", "torch", "lava", "onnx"):
        assert sd.compare(definition, sd.run(loaded, x, engine=engine, record=ALL)).identical
    assert sd.place(integers, target="loihi2")
