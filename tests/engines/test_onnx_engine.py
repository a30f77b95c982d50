"""The ONNX engine: both graphs, both forms, against the definition."""

import numpy as np
import pytest
from random_networks import EVERY, float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy.engines import onnx as engine
from snndeploy.engines.onnx import execute
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Input, Network, Population, Projection, Reset, Rule

pytestmark = pytest.mark.skipif(engine.missing() is not None, reason=str(engine.missing()))
ALL = ("spikes", "u", "v")
GRAPHS = ("step", "sequence")


def assert_same_bits(ours, theirs):
    for what in ALL:
        one, two = getattr(ours, what), getattr(theirs, what)
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_array_equal(two[name], one[name], err_msg=f"{what} {name}")


@pytest.mark.parametrize("seed", range(200))
def test_integers_are_the_same_bits(seed):
    rng = np.random.default_rng(5000 + seed)
    network = integer_network(rng, EVERY, extreme=seed % 2 == 0, kind="counts" if seed % 7 == 0 else "binary")
    x = spikes_for(rng, network, 20, 2)
    expected = sd.run(network, x, record=ALL)
    for graph in GRAPHS:
        assert_same_bits(expected, sd.run(network, x, engine="onnx", record=ALL, graph=graph))


@pytest.mark.parametrize("seed", range(200))
def test_floats_agree_with_the_definition(seed):
    rng = np.random.default_rng(6000 + seed)
    network = float_network(rng, kind=("binary", "counts", "real")[seed % 3])
    x = spikes_for(rng, network, 20, 2)
    expected = sd.run(network, x, record=ALL)
    for graph in GRAPHS:
        for dtype in ("float32", "float64")[seed % 2 :: 2] if seed >= 40 else ("float32", "float64"):
            found = sd.run(network, x, engine="onnx", record=ALL, graph=graph, dtype=dtype)
            verdict = sd.compare(expected, found)
            assert verdict.agrees, f"{graph} {dtype}: {verdict}"
            if dtype == "float64" and verdict.identical:
                for what in ("u", "v"):
                    for name, rows in getattr(expected, what).items():
                        np.testing.assert_allclose(getattr(found, what)[name], rows, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_chunks_and_steps_change_nothing(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    network = integer_network(rng, EVERY, extreme=True)
    x = spikes_for(rng, network, 23, 3)
    whole = sd.run(network, x, engine="onnx", record=ALL)
    monkeypatch.setattr("snndeploy.engines.onnx.execute.CHUNK_NUMBERS", 1)
    assert_same_bits(whole, sd.run(network, x, engine="onnx", record=ALL))
    monkeypatch.setattr("snndeploy.engines.onnx.execute.chunk_size", lambda network, steps, batch: 5)
    assert_same_bits(whole, sd.run(network, x, engine="onnx", record=ALL))


@pytest.mark.parametrize(
    ("options", "code"),
    [({"dtype": "float16"}, "SD521"), ({"graph": "loop"}, "SD521"), ({"threads": -1}, "SD521"), ({"x": 1}, "SD503")],
)
def test_options_are_checked(options, code):
    network = float_network(np.random.default_rng(0))
    x = spikes_for(np.random.default_rng(0), network, 2, 1)
    with pytest.raises(SnnDeployError, match=code):
        sd.run(network, x, engine="onnx", **options)


def test_integers_have_no_float_type():
    network = integer_network(np.random.default_rng(0))
    x = spikes_for(np.random.default_rng(0), network, 2, 1)
    with pytest.raises(SnnDeployError, match="SD521"):
        sd.run(network, x, engine="onnx", dtype="float32")


def test_a_model_beyond_two_gibibytes_is_refused(monkeypatch):
    monkeypatch.setattr("snndeploy.frontends.onnx.model.SIZE_MAX", 10)
    network = float_network(np.random.default_rng(0))
    with pytest.raises(SnnDeployError, match="SD540"):
        sd.run(network, spikes_for(np.random.default_rng(0), network, 2, 1), engine="onnx")


def test_a_state_beyond_float32_is_refused():
    rule = Rule(beta=1.0, threshold=None, reset=Reset("none"))
    network = Network(
        1e-3,
        (Input("in", (1,), "real"),),
        (Population("out", (1,), rule),),
        (Projection("in", "out", (Dense(np.array([[1.0]])),)),),
        ("out",),
    )
    x = np.full((4, 1, 1), 3e38)
    with pytest.raises(SnnDeployError, match="SD543.*left float32"):
        sd.run(network, x, engine="onnx")
    assert sd.run(network, x, engine="onnx", dtype="float64").v["out"][-1] == pytest.approx(1.2e39)


def test_windows_are_counted_where_memory_is_bounded():
    conv = Conv(np.ones((8, 4, 5, 5)))
    network = Network(
        1e-3,
        (Input("in", (4, 12, 12)),),
        (Population("out", (8, 8, 8), Rule(beta=0.5)),),
        (Projection("in", "out", (conv,)),),
        ("out",),
    )
    # 64 places of 100 taps each
    assert execute.chunk_size(network, 10**6, 10) * 10 * 6400 <= execute.CHUNK_NUMBERS


@pytest.mark.parametrize("graph", GRAPHS)
def test_only_what_is_asked_for_leaves_the_graph(graph):
    rng = np.random.default_rng(8)
    network = integer_network(rng, EVERY)
    assert len(network.populations) > 1
    x = spikes_for(rng, network, 12, 2)
    name = network.outputs[0]
    whole, part = (sd.run(network, x, "onnx", ALL, graph=graph, only=only) for only in (None, (name,)))
    assert set(part.v) == {name} < set(whole.v)
    np.testing.assert_array_equal(part.v[name], whole.v[name])
    outputs = [{each.name for each in running.get_outputs()} for running, _ in execute._sessions[network].values()]
    other = next(each.name for each in network.populations if each.name != name)
    assert [f"{other}.v" in names for names in outputs] == [True, False]
