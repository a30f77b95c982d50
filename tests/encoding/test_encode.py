"""Networks on events: what they mean, the same bits on every engine and in a file, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.encoding import costs, encoded_as, events
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Conv,
    Decision,
    Dense,
    Flatten,
    Graded,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Rule,
    spec,
)
from snndeploy.quantize import report


def network(alpha=0.0, kind="real", rng=None) -> Network:
    rng = rng or np.random.default_rng(0)
    return Network(
        1e-3,
        (Input("x", (1, 6, 6), kind),),
        (
            Population("a", (3, 4, 4), Rule(0.9, 1.0, (Receptor(alpha, constant=0.05),))),
            Population("o", (4,), Rule(0.8)),
        ),
        (
            Projection("x", "a", (Conv(rng.normal(0.05, 0.2, (3, 1, 3, 3))),)),
            Projection("a", "o", (Flatten(), Dense(rng.normal(0.1, 0.2, (4, 48))))),
        ),
        ("o",),
        Decision("o"),
    )


def pixels(seed=1, signed=False, steps=16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.integers(0, 17, (2, 5, 1, 6, 6)) / 16, steps // 2, axis=0)
    return x * 2 - 1 if signed else x


ENGINES = ("reference", "torch", "lava", "onnx")
WAYS = ("graded", "graded:bits=3", "planes", "planes:code=unary,most=16", "rate", "rate:code=bernoulli,seed=3")
WAYS += ("delta", "delta:most=16")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
@pytest.mark.parametrize("how", WAYS)
def test_every_encoding_gives_the_same_bits_on_every_engine_and_in_a_file(how, target, signed, tmp_path):
    net, x = network(), pixels(signed=signed)
    if (
        target == "loihi1"
        and (how.startswith("graded") or "most=16" in how.removeprefix("planes"))
        and "p" not in how[:1]
    ):
        with pytest.raises(SnnDeployError, match="SD611 input 'x'"):
            sd.quantize(net, target, x, encoding=how)
        return
    made = sd.quantize(net, target, x, encoding=how)
    first, *others = (sd.run(made, x, engine, ("spikes", "u", "v")) for engine in ENGINES)
    assert first.spikes["o"].sum() > 5
    for other in others:
        for what in ("spikes", "u", "v"):
            for name, array in getattr(first, what).items():
                assert np.array_equal(array, getattr(other, what)[name])
    sd.write(made, tmp_path / "q.nir")
    again = sd.read(tmp_path / "q.nir")
    assert [repr(e) for e in again.encodings] == [repr(e) for e in made.encodings]
    assert np.array_equal(sd.run(again, x).spikes["o"], first.spikes["o"])
    assert report(net, made)
    assert sd.certify(made, data=x).proven
    plain = again.with_(encodings=())
    assert np.array_equal(sd.run(plain, events(made, x)).spikes["o"], first.spikes["o"])
    assert sd.place(made, target).cores


@pytest.mark.parametrize("how", ["graded", "planes", "planes:code=unary,most=16", "counts"])
def test_an_exact_encoding_moves_no_spike(how):
    kind = "counts" if how == "counts" else "real"
    net, x = network(kind=kind), pixels() * (16 if kind == "counts" else 1)
    target = "loihi1" if kind == "counts" else "loihi2"
    made = sd.encode(net, target, x, how)
    (cost,) = costs(net, made, x)
    assert (cost.error, cost.largest_error, cost.moved, cost.kept) == (0, 0, 0, 1)
    one, two = sd.run(net, x), sd.run(made, x)
    assert all(np.array_equal(one.spikes[n], two.spikes[n]) for n in one.spikes)
    assert sd.compare(one, two).agrees


def test_the_float_network_computes_with_what_the_events_are_worth():
    """An independent run: the network on values as the encoder's own decoding gives them."""
    net, x = network(), pixels(signed=True)
    for how in ("graded:bits=2", "planes:most=3", "rate", "delta:most=3", "delta"):
        made = sd.encode(net, "loihi2", x, how)
        worth = made.encodings[0].decode(events(made, x))
        assert np.abs(worth - x).max() > 0.01
        one, two = sd.run(net, worth), sd.run(made, x)
        assert sum(int(np.sum(one.spikes[n] != two.spikes[n])) for n in one.spikes) <= 2, how  # rounding of sums


def test_a_pair_of_axons_is_one_signed_axon():
    net, x = network(), pixels(signed=True)
    one, two = (sd.quantize(net, target, x, encoding="delta") for target in ("loihi2", "loihi1"))
    assert [each.kind for each in one.inputs] == ["signed"]
    assert [(each.name, each.kind) for each in two.inputs] == [("x+", "binary"), ("x-", "binary")]
    into = {p.name: p for p in two.into("a")}
    up, down = (into[f"x->a{end}"].maps[0].weight for end in "+-")
    assert np.array_equal(up, -down)
    a, b = (sd.run(each, x, record=("spikes", "u", "v")) for each in (one, two))
    if np.array_equal(one.into("a")[0].maps[0].weight, up):
        assert np.array_equal(a.u["a"], b.u["a"])
    assert "up or down" in two.provenance["encoding of x"]


def test_a_delta_current_is_bounded_by_the_values_not_by_the_number_of_events():
    """Every event at its worst would need 4096 times the range; the bound of the certificate holds on the data."""
    net, x = network(), pixels(signed=True, steps=200)
    made = sd.quantize(net, "loihi2", x, encoding="delta:most=16")
    proof = sd.certify(made, data=x)
    bound = next(each for each in proof.bounds if (each.population, each.register) == ("a", "u"))
    weight = (
        np.abs(made.into("a")[0].maps[0].weight).reshape(3, -1).sum(axis=1) * 2.0 ** made.into("a")[0].format.exponent
    )
    assert bound.high.max() < 64 * weight.max() * 17 + 4098
    u = sd.run(made, x, record=("u",)).u["a"]
    assert np.all(u <= bound.high)
    assert np.all(u >= bound.low)
    assert proof.proven


def test_delta_is_refused_where_the_current_has_other_work():
    x = pixels()
    with pytest.raises(SnnDeployError, match="has a memory of its own"):
        sd.encode(network(0.5), "loihi2", x, "delta")
    net = network()
    back = Projection("o", "a", (Dense(np.ones((48, 4))),), 1)
    loop = net.with_(
        projections=(*net.projections, replace(back, maps=(Dense(np.ones((4, 4))),), target="o", source="o"))
    )
    sd.encode(loop, "loihi2", x, "delta")
    feed = Network(
        1e-3, (Input("x", (3,), "real"),), (Population("p", (3,), Rule(0.9)),),
        (Projection("x", "p", (Dense(np.eye(3)),)), Projection("p", "p", (Dense(np.eye(3)),), 1)), ("p",),
    )  # fmt: skip
    with pytest.raises(SnnDeployError, match="takes p->p too"):
        sd.encode(feed, "loihi2", np.ones((4, 1, 3)), "delta")


def test_real_input_is_never_encoded_without_being_told():
    net, x = network(), pixels()
    with pytest.raises(SnnDeployError, match=r"SD207 input 'x': it is real.*choose an encoding: .*graded"):
        sd.quantize(net, "loihi2", x)
    counts = network(kind="counts")
    with pytest.raises(SnnDeployError, match="SD207 input 'x': it is counts.*encoding='counts', exact"):
        sd.quantize(counts, "loihi1", x * 16)
    for how, said in (
        ("nonsense", "no such encoding"),
        ("graded:bits", "not of the form"),
        ({"y": "rate"}, "no such input"),
    ):
        with pytest.raises(SnnDeployError, match=f"SD611.*{said}"):
            sd.encode(net, "loihi2", x, how)
    with pytest.raises(SnnDeployError, match="SD611 .*nothing needs to be encoded"):
        sd.encode(network(kind="binary"), "loihi2", x > 0.5, "rate")
    with pytest.raises(SnnDeployError, match="SD606"):
        sd.encode(net, "loihi2", None, "rate")


def test_a_network_with_a_wrong_encoding_is_not_legal():
    net, x = network(), pixels()
    made = sd.encode(net, "loihi2", x, "graded")
    good = made.encodings[0]
    for wrong, code in (
        (replace(good, step=-1.0), "SD105"),
        (replace(good, input="y"), "SD102"),
        (replace(good, shape=(36,)), "SD103"),
        (replace(good, beyond="wrap"), "SD105"),
    ):
        assert code in {f.code for f in spec.findings(made.with_(encodings=(wrong,)))}
    assert "SD101" in {f.code for f in spec.findings(made.with_(encodings=(good, good)))}
    assert isinstance(good, Graded)


def test_verbs_take_what_the_encodings_take():
    net, x = network(), pixels()
    labels = sd.run(net, x).decisions()
    made = sd.quantize(net, "loihi2", x, encoding="graded:bits=4")
    costly = sd.budget(net, made, x, labels)
    assert costly.whole.samples == 5
    rows = sd.compare_methods(net, "loihi1", x, ["adaptive", "split"], labels=labels, encoding="delta")
    assert [row.refused for row in rows] == ["", "", ""]
    assert not [f for f in sd.lint(made, "loihi2", {"x": x, "labels": labels}) if f.severity == "error"]
    done = sd.finetune(net, "loihi2", (x, labels), encoding="graded:bits=4", epochs=2, batch=5)
    assert done.network.encodings
    assert sd.finetune(net, "loihi2", (x, labels), start=made, epochs=1, batch=5).network.encodings
    assert encoded_as(net, made).input["x"].kind == "counts"
    chosen = sd.quantize(net, "loihi2", x, method="auto", encoding="graded")
    assert chosen.encodings
    with pytest.raises(SnnDeployError, match="SD807 .*an axon for each sign"):
        sd.finetune(net, "loihi1", (x, labels), encoding="delta", epochs=1)


def test_several_inputs_have_encodings_of_their_own():
    rng = np.random.default_rng(3)
    net = Network(
        1e-3,
        (Input("x", (4,), "real"), Input("y", (4,), "real"), Input("z", (4,))),
        (Population("p", (3,), Rule(0.9)),),
        tuple(Projection(n, "p", (Dense(rng.normal(0.2, 0.3, (3, 4))),)) for n in "xyz"),
        ("p",),
    )
    given = {"x": rng.random((8, 3, 4)), "y": rng.normal(0, 1, (8, 3, 4)), "z": rng.random((8, 3, 4)) < 0.3}
    made = sd.quantize(net, "loihi2", given, encoding={"x": "rate", "y": "graded:bits=10"})
    assert {each.name: each.kind for each in made.inputs} == {"x": "binary", "y": "signed", "z": "binary"}
    one, two = (sd.run(made, given, engine) for engine in ("reference", "lava"))
    assert np.array_equal(one.spikes["p"], two.spikes["p"])
    assert len(costs(net, made, given)) == 2
    with pytest.raises(SnnDeployError, match="SD102 input 'w'"):
        sd.run(made, {**given, "w": given["x"]})


def test_the_command_line(tmp_path, capsys):
    net, x = network(), pixels()
    sd.write(net, tmp_path / "m.nir")
    np.save(tmp_path / "x.npy", x)
    files = [str(tmp_path / name) for name in ("m.nir", "x.npy", "q.nir", "t.npz")]
    quantise = ["quantize", files[0], "--target", "loihi2", "--calibration", files[1], "-o", files[2], "--json"]
    assert cli.main(quantise) == 2
    assert "choose an encoding" in capsys.readouterr().out
    assert cli.main([*quantise, "--encoding", "graded:bits=3"]) == 0
    told = json.loads(capsys.readouterr().out)
    (cost,) = told["encodings"]
    assert cost["encoding"] == "graded"
    assert cost["moved"] > 0
    assert cost["axons"] == 36
    assert cli.main(["run", files[2], "--input", files[1], "-o", files[3], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = sd.read(files[2])
    assert told["spikes"]["o"] == int(sd.run(made, x).spikes["o"].sum())
    assert cli.main(["compare", files[2], "--input", files[1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agrees"]
    np.save(tmp_path / "e.npy", events(made, x)["x"])
    assert cli.main(["run", files[2], "--input", str(tmp_path / "e.npy"), "--events", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spikes"] == told["spikes"]
    np.save(tmp_path / "big.npy", x * 3)
    assert cli.main(["run", files[2], "--input", str(tmp_path / "big.npy"), "--json"]) == 2
    assert "SD612" in capsys.readouterr().out
    whole = sd.evaluate(made, files[1], output=tmp_path / "e.npz", shard_size=2)
    assert whole.as_dict()["spikes"]["o"] == told["spikes"]["o"]
    assert all(each.agrees for each in sd.compare_engines(made, files[1], ["reference", "torch"], shard_size=3))
    with pytest.raises(SnnDeployError, match="SD612 .*sample 0"):
        sd.evaluate(made, x * 3)
