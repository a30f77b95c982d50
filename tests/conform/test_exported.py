"""ONNX files: what onnxruntime computes from the file alone, what the file says, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_networks import EVERY, float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform import exported
from snndeploy.engines import onnx as engine
from snndeploy.errors import MissingEngineError, SnnDeployError, VerdictError
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Rule

pytestmark = pytest.mark.skipif(engine.missing() is not None, reason=str(engine.missing()))
EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "onnx_alone.py"
ALL = ("spikes", "u", "v")


def alone(path, inputs, steps, batch):
    """Everything that a file gives, by name, as somebody without snndeploy runs it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    kinds = {"bool": bool, "float": np.float32, "double": np.float64}
    types = {each.name: each.type[7:-1] for each in session.get_inputs()}
    types = {name: kinds.get(kind, kind) for name, kind in types.items()}
    given = {each["tensor"]: np.asarray(inputs[name]) for name, each in json.loads(about["inputs"]).items()}
    pairs = json.loads(about["states"])
    shapes = {each.name: [batch if n == "batch" else n for n in each.shape] for each in session.get_inputs()}
    held = {before: np.zeros(shapes[before], types[before]) for before, _ in pairs}
    names = [each.name for each in session.get_outputs()]
    rows = {name: [] for name in names}
    single = about["graph"] == "step"
    cuts = range(steps) if single else ([slice(0, 3), slice(3, None)] if pairs else [slice(None)])
    for cut in cuts:
        feed = {name: x[cut].astype(types[name]) for name, x in given.items()}
        found = dict(zip(names, session.run(None, feed | held), strict=True))
        held = {before: found[after] for before, after in pairs}
        for name in names:
            rows[name].append(found[name])
    return {name: np.stack(each) if single else np.concatenate(each) for name, each in rows.items() if each[0].ndim}


@pytest.mark.parametrize("seed", range(24))
def test_the_file_alone_computes_the_integers(seed, tmp_path):
    rng = np.random.default_rng(100 + seed)
    network = integer_network(rng, EVERY, extreme=seed % 2 == 0, kind="counts" if seed % 5 == 0 else "binary")
    x = spikes_for(rng, network, 9, 2)
    expected = sd.run(network, x, record=ALL)
    for form, states in (("step", False), ("sequence", False), ("sequence", True)):
        path, batch = tmp_path / "x.onnx", 2 if seed % 3 == 0 else None
        names = sd.export(network, path, form, batch=batch, states=states, record=ALL, everywhere=True)
        found = alone(path, x, 9, 2)
        for what in ALL:
            for name, rows in getattr(expected, what).items():
                np.testing.assert_array_equal(found[getattr(names, what)[name]], rows, err_msg=f"{form} {what} {name}")


@pytest.mark.parametrize("seed", range(24))
def test_the_file_alone_computes_the_floats(seed, tmp_path):
    rng = np.random.default_rng(200 + seed)
    network = float_network(rng, kind=("binary", "counts", "real")[seed % 3])
    x = spikes_for(rng, network, 9, 2)
    expected = sd.run(network, x, record=("spikes", "v"))
    for form, states in (("step", False), ("sequence", False), ("sequence", True)):
        path = tmp_path / "x.onnx"
        names = sd.export(network, path, form, dtype="float64", states=states, record=ALL, everywhere=True)
        found = alone(path, x, 9, 2)
        for name, rows in expected.spikes.items():
            np.testing.assert_array_equal(found[names.spikes[name]], rows, err_msg=f"{form} {name}")
        for name, rows in expected.v.items():
            np.testing.assert_allclose(found[names.v[name]], rows, atol=1e-9, err_msg=f"{form} {name}")


@pytest.mark.parametrize("form", ["step", "sequence"])
@pytest.mark.parametrize("integer", [True, False])
def test_the_example_needs_neither_torch_nor_snndeploy(form, integer, tmp_path):
    rng = np.random.default_rng(3)
    network = integer_network(rng, extreme=True) if integer else float_network(rng)
    x = spikes_for(rng, network, 12, 2)["in"]
    sd.export(network, tmp_path / "m.onnx", form)
    np.save(tmp_path / "x.npy", x)
    loaded = "assert not {'torch', 'snndeploy', 'onnx', 'nir', 'scipy'} & set(sys.modules), sorted(sys.modules)"
    code = f"import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0]); {loaded}"
    given = [sys.executable, "-c", code, str(EXAMPLE), "m.onnx", "x.npy"]
    said = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    counts = json.loads(said.stdout.rsplit(":", 1)[1])
    trace = sd.run(network, x)
    name = network.outputs[0]
    rows = trace.spikes[name] if name in trace.spikes else trace.v[name]
    np.testing.assert_allclose(counts, rows.sum(axis=0).reshape(2, -1), rtol=1e-5, atol=1e-5)
    assert len([line for line in EXAMPLE.read_text().splitlines() if line.strip()]) <= 25


def test_the_file_says_what_it_is(tmp_path):
    import onnx

    rng = np.random.default_rng(5)
    network = integer_network(rng, EVERY, extreme=True)
    path = tmp_path / "m.onnx"
    sd.export(network, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    about = {each.key: each.value for each in model.metadata_props}
    assert model.producer_name == "snndeploy"
    assert float(about["dt"]) == network.dt
    assert json.loads(about["decision"]) == {"population": network.decision.population, "rule": network.decision.rule}
    for each in network.populations:
        assert f"population {each.name}" in about
        assert json.loads(about["units"])[each.name]["scale"] == each.rule.scale
    assert "clip24" in about["equation"]
    dims = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["time", "batch", *network.inputs[0].shape]
    assert all(node.name for node in model.graph.node)


def one_layer(name="out", source="in", integer=False, weight=1.0, kind="binary"):
    if integer:
        rule, maps, form = Registers(du=4095, dv=100, vth=2), (Dense(np.array([[64, 32]])),), Format()
    else:
        rule, maps, form = Rule(beta=0.5), (Dense(np.array([[weight, 0.5]])),), None
    population = Population(name, (1,), rule)
    projection = Projection(source, name, maps, format=form, name="w")
    return Network(1e-3, (Input(source, (2,), kind),), (population,), (projection,), (name,))


@pytest.mark.parametrize("name", ["step", "in.v", "batch", "out.spikes", "x" * 5000, "é ψ", 'a"b\\c', "time"])
@pytest.mark.parametrize("form", ["step", "sequence"])
def test_any_name_will_do(name, form, tmp_path):
    network = one_layer(name, "in" if form == "step" else f"{name}.v", integer=True)
    path = tmp_path / "m.onnx"
    names = sd.export(network, path, form, record=ALL)
    x = np.random.default_rng(0).integers(0, 2, (6, 3, 2))
    source = network.inputs[0].name
    found = alone(path, {source: x}, 6, 3)
    np.testing.assert_array_equal(found[names.spikes[name]], sd.run(network, x).spikes[name])


def test_a_file_that_fails_its_proof_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_text("before")
    network, other = one_layer(integer=True), one_layer(integer=True)
    other = other.with_(populations=(Population("out", (1,), Registers(du=4095, dv=100, vth=40)),))
    built = exported.build
    monkeypatch.setattr(exported, "build", lambda network, settings: built(other, settings))
    with pytest.raises(VerdictError, match="SD542.*differ in"):
        sd.export(network, path)
    wrong = one_layer(weight=1.5)
    monkeypatch.setattr(exported, "build", lambda network, settings: built(wrong, settings))
    with pytest.raises(VerdictError, match="SD542"):
        sd.export(one_layer(weight=0.75), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_that_onnx_does_not_take_is_not_written(tmp_path, monkeypatch):
    def broken(network, settings):
        model, names = built(network, settings)
        model.graph.node[0].op_type = "NoSuchOperator"
        return model, names

    built = exported.build
    monkeypatch.setattr(exported, "build", broken)
    with pytest.raises(VerdictError, match="SD542.*onnx finds fault"):
        sd.export(one_layer(), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"form": "loop"}, "SD541.*'loop'"),
        ({"dtype": "float16"}, "SD541.*float16"),
        ({"batch": 0}, "SD541.*batch of 0"),
        ({"opset": 12}, "SD541.*21..28"),
        ({"largest": {"in": 3}}, "SD541.*no input that counts"),
        ({"record": ("w",)}, "SD102"),
    ],
)
def test_settings_are_checked(settings, told, tmp_path):
    with pytest.raises(SnnDeployError, match=told):
        sd.export(one_layer(), tmp_path / "m.onnx", **settings)
    assert not list(tmp_path.iterdir())


def test_all_wrong_settings_are_told_at_once(tmp_path):
    with pytest.raises(SnnDeployError) as told:
        sd.export(one_layer(integer=True), tmp_path / "m.onnx", "loop", dtype="float64", batch=-1)
    assert len(told.value.findings) == 3


@pytest.mark.parametrize(("largest", "dtype"), [(255, "uint8"), (256, "int32"), (2**31 - 1, "int32")])
def test_counts_have_the_type_that_holds_them(largest, dtype, tmp_path):
    network = one_layer(integer=True, kind="counts")
    names = sd.export(network, tmp_path / "m.onnx", largest=largest)
    assert names.types["in"] == dtype
    x = np.random.default_rng(0).integers(0, largest + 1, (8, 3, 2))
    found = alone(tmp_path / "m.onnx", {"in": x}, 8, 3)
    np.testing.assert_array_equal(found["out.spikes"], sd.run(network, x).spikes["out"])


@pytest.mark.parametrize(("largest", "dtype"), [(None, "int8"), (127, "int8"), (128, "int32")])
def test_signed_numbers_have_the_type_that_holds_them(largest, dtype, tmp_path):
    network = one_layer(integer=True, kind="signed")
    assert sd.export(network, tmp_path / "m.onnx", largest=largest).types["in"] == dtype
    most = largest or 127
    x = np.random.default_rng(0).integers(-most, most + 1, (8, 3, 2))
    found = alone(tmp_path / "m.onnx", {"in": x}, 8, 3)
    np.testing.assert_array_equal(found["out.spikes"], sd.run(network, x).spikes["out"])


def test_a_bias_per_sample_is_refused(tmp_path):
    network = one_layer(integer=True)
    biased = network.with_(inputs=(*network.inputs, Input("more", (1,), "bias", population="out")))
    with pytest.raises(SnnDeployError, match="SD541.*'more' is a bias per sample"):
        sd.export(biased, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_with_encodings_takes_their_events(tmp_path):
    import onnx

    x = np.random.default_rng(0).random((12, 3, 2))
    network = sd.encode(one_layer(kind="real"), "loihi2", x, "rate")
    names = sd.export(network, tmp_path / "m.onnx", sample=x)
    about = {each.key: each.value for each in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert list(json.loads(about["encodings"])) == ["in"]
    assert set(names.inputs) == {each.name for each in network.given}


def test_counts_beyond_the_type_are_refused(tmp_path):
    network = one_layer(integer=True, kind="counts")
    with pytest.raises(SnnDeployError, match=r"SD541.*300.*Fix: largest=300"):
        sd.export(network, tmp_path / "m.onnx", sample=np.full((3, 1, 2), 300))
    with pytest.raises(SnnDeployError, match="SD541.*outside"):
        sd.export(network, tmp_path / "m.onnx", largest=2**31)


def test_a_number_beyond_float32_is_refused(tmp_path):
    with pytest.raises(SnnDeployError, match="SD543.*1e[+]39"):
        sd.export(one_layer(weight=1e39), tmp_path / "m.onnx")
    sd.export(one_layer(weight=1e39), tmp_path / "m.onnx", dtype="float64")


def test_no_onnx_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "missing", lambda: "onnx not installed Fix: pip install onnx")
    with pytest.raises(MissingEngineError, match="SD502.*pip install onnx"):
        sd.export(one_layer(), tmp_path / "m.onnx")


def test_a_runtime_that_does_not_take_the_model_is_told(tmp_path, monkeypatch):
    def refuses(content, threads=0):
        raise RuntimeError("opset 28 is under development")

    monkeypatch.setattr("snndeploy.engines.onnx.execute.session", refuses)
    with pytest.raises(VerdictError, match="SD542.*does not run it: opset 28.*Fix: opset=21"):
        sd.export(one_layer(), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_an_older_opset(tmp_path):
    import onnx

    sd.export(one_layer(), tmp_path / "m.onnx", opset=21)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 21


def test_the_command(tmp_path, capsys):
    network = one_layer(integer=True)
    sd.write(network, tmp_path / "m.nir")
    given = ["export", str(tmp_path / "m.nir"), "--onnx", str(tmp_path / "m.onnx"), "--form", "step", "--batch", "2"]
    assert cli.main([*given, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["form"] == "step"
    assert said["outputs"]["spikes"] == {"out": "out.spikes"}
    assert said["states"][0] == {"before": "out.v.before", "after": "out.v.after", "dtype": "int32", "shape": [2, 1]}
    assert cli.main(given) == 0
    assert "out.v.before -> out.v.after" in capsys.readouterr().out
    for wrong in (["--form", "loop"], ["--batch", "many"], ["--batch", "0"], ["--opset", "3"], ["--dtype", "float64"]):
        assert cli.main([*given, *wrong, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"][0]["code"] in ("SD800", "SD541")
    for output in (tmp_path / "m.nir", tmp_path, tmp_path / "no" / "m.onnx"):
        assert cli.main([*given[:3], str(output), "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"][0]["code"] == "SD802"
