"""The first layer on the host: the pair computes what the whole does, and what cannot be parted is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.encoding import costs, events
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Dense, Host, Input, Network, Population, Projection, Receptor, Rule, spec


def network(**changes) -> Network:
    rng = np.random.default_rng(0)

    def feed(a, b, shape, delay=0):
        return Projection(a, b, (Dense(rng.normal(0.2, 0.5, shape)),), delay)

    rule = Rule(0.9, 1.0, (Receptor(0.4),))
    return Network(
        1e-3,
        (Input("x", (6,), "real"), Input("b", (3,))),
        (Population("h", (8,), replace(rule, value=1.5)), Population("g", (5,), rule), Population("o", (4,), rule)),
        (
            feed("x", "h", (8, 6)),
            feed("b", "h", (8, 3)),
            feed("h", "h", (8, 8), 1),
            feed("h", "g", (5, 8)),
            feed("h", "o", (4, 8), 2),
            feed("g", "o", (4, 5)),
            feed("b", "o", (4, 3)),
        ),
        ("o",),
        Decision("o"),
    ).with_(**changes)


def data():
    rng = np.random.default_rng(1)
    return {"x": rng.normal(0, 1, (30, 5, 6)), "b": (rng.random((30, 5, 3)) < 0.3).astype(int)}


def test_the_pair_computes_what_the_whole_network_does(tmp_path):
    net, x = network(), data()
    made = sd.encode(net, "loihi1", x, "host")
    assert [p.name for p in made.populations] == ["g", "o"]
    assert {each.name: each.kind for each in made.inputs} == {"h": "binary", "b": "binary"}
    host = made.encodings[0].network
    assert [p.name for p in host.populations] == ["h"]
    whole, pair = sd.run(net, x), sd.run(made, x)
    assert whole.spikes["o"].sum() > 20
    assert np.array_equal(pair.inputs["h"], whole.spikes["h"])
    for name in ("g", "o"):
        assert np.array_equal(whole.spikes[name], pair.spikes[name])
    (cost,) = costs(net, made, x)
    assert (cost.error, cost.moved, cost.axons) == (None, 0, 8)
    assert "h on the host, in float64" in cost.said
    integers = sd.quantize(net, "loihi1", x, encoding="host")
    first, *others = (sd.run(integers, x, e, ("spikes", "u", "v")) for e in ("reference", "torch", "lava", "onnx"))
    for other in others:
        assert all(np.array_equal(first.v[n], other.v[n]) for n in first.v)
    assert np.array_equal(first.inputs["h"], whole.spikes["h"])
    assert "h on the host" in integers.provenance["encoding of x"]
    sd.write(integers, tmp_path / "q.nir")
    again = sd.read(tmp_path / "q.nir")
    assert isinstance(again.encodings[0], Host)
    assert np.array_equal(sd.run(again, x).spikes["o"], first.spikes["o"])
    assert np.array_equal(events(again, x)["h"], events(made, x)["h"])


def test_all_real_inputs_of_a_population_go_with_it():
    net, x = network(), data()
    two = (net.inputs[0], replace(net.inputs[1], kind="real"))
    projections = tuple(p for p in net.projections if p.name != "b->o")
    made = sd.encode(net.with_(inputs=two, projections=projections), "loihi1", x, "host")
    assert len(made.encodings) == 1
    assert [each.name for each in made.encodings[0].given] == ["x", "b"]
    with pytest.raises(SnnDeployError, match="SD611 .*'o' is an output; nothing would run on the chip"):
        sd.encode(net.with_(inputs=two), "loihi1", x, "host")


def test_what_cannot_be_parted_is_refused():
    net, x = network(), data()
    back = Projection("o", "h", (Dense(np.ones((8, 4))),), 1)
    with pytest.raises(SnnDeployError, match="SD611 .*'o' feeds back into 'h'"):
        sd.encode(net.with_(projections=(*net.projections, back)), "loihi1", x, "host")
    mute = tuple(replace(p, rule=replace(p.rule, threshold=None)) if p.name == "h" else p for p in net.populations)
    with pytest.raises(SnnDeployError, match="SD611 .*'h' has no threshold"):
        sd.encode(net.with_(populations=mute), "loihi1", x, "host")
    with pytest.raises(SnnDeployError, match="SD611 .*no setting 'bits'"):
        sd.encode(net, "loihi1", x, "host:bits=3")


def test_a_file_with_a_wrong_host_is_not_legal():
    made = sd.encode(network(), "loihi1", data(), "host")
    good = made.encodings[0]
    for wrong in (
        replace(good, network=good.network.with_(outputs=())),
        replace(good, network=made),
        replace(good, input="y"),
        replace(good, shape=(7,)),
    ):
        assert "SD105" in {f.code for f in spec.findings(made.with_(encodings=(wrong,)))}
