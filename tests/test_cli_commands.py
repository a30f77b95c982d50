"""The commands, end to end on files: from a module file to two traces that are compared."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import trace_file
from snndeploy.network.arrays import equal

MODEL = """
import snntorch as snn
from torch import nn

def build():
    return nn.Sequential(nn.Linear(5, 6), snn.Leaky(beta=0.75, init_hidden=True, reset_mechanism="zero"),
                         nn.Linear(6, 3), snn.Leaky(beta=0.5, init_hidden=True, reset_mechanism="zero"))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with mine.py, w.pt, x.npy, and what capture and quantize make of them."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "mine.py").write_text(MODEL)
    x = (np.random.default_rng(0).random((30, 4, 5)) < 0.5).astype(np.float32)
    np.save(folder / "x.npy", x)
    from snndeploy import models

    torch.manual_seed(3)
    module = models.build(str(folder / "mine.py"))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2)
    torch.save(module.state_dict(), folder / "w.pt")
    give = [f"{folder}/mine.py:build", "--weights", f"{folder}/w.pt", "--sample", f"{folder}/x.npy"]
    assert cli.main(["capture", *give, "--decision", "spike-count", "-o", f"{folder}/m.nir", "--json"]) == 0
    quantize = ["quantize", f"{folder}/m.nir", "--target", "loihi2", "--calibration", f"{folder}/x.npy"]
    assert cli.main([*quantize, "-o", f"{folder}/q.nir", "--json"]) == 0
    return folder


def document(capsys):
    """The one JSON document on stdout; nothing on stderr."""
    out, err = capsys.readouterr()
    assert not err
    return json.loads(out)


def test_the_captured_network_holds_the_weights_of_the_file(files):
    net = sd.read(files / "m.nir")
    state = torch.load(files / "w.pt", weights_only=True)
    assert net.form == "float"
    weights = [each.weight for p in net.projections for each in p.maps if each.weighted]
    assert {w.shape for w in weights} == {(6, 5), (3, 6)}
    for weight in weights:
        name = "0.weight" if weight.shape == (6, 5) else "2.weight"
        assert np.array_equal(weight, state[name].double().numpy())
    assert sd.read(files / "q.nir").form == "integer"


def test_run_and_compare_traces(files, capsys):
    for engine in ("reference", "torch"):
        args = ["run", f"{files}/q.nir", "--input", f"{files}/x.npy", "--engine", engine, "--record", "spikes,u,v"]
        assert cli.main([*args, "-o", f"{files}/{engine}.npz", "--json"]) == 0
        said = document(capsys)
        assert said["steps"] == 30
        assert said["samples"] == 4
        assert sum(said["spikes"].values()) > 0
    assert cli.main(["compare", f"{files}/reference.npz", f"{files}/torch.npz", "--json"]) == 0
    assert document(capsys)["comparisons"][0]["identical"] is True


def test_a_trace_that_was_tampered_with_is_told_apart(files, tmp_path, capsys):
    net, x = sd.read(files / "q.nir"), np.load(files / "x.npy")
    trace = sd.run(net, x, record=("spikes", "u", "v"))
    trace_file.write(trace, tmp_path / "a.npz")
    name = next(iter(trace.spikes))
    trace.spikes[name][7, 2, 1] ^= True
    trace_file.write(trace, tmp_path / "b.npz")
    assert cli.main(["compare", f"{tmp_path}/a.npz", f"{tmp_path}/b.npz", "--json"]) == 1
    first = document(capsys)["comparisons"][0]["first"]
    assert (first["step"], first["population"], first["batch"], first["index"]) == (7, name, 2, [1])


def test_a_trace_comes_back_bit_for_bit(files, tmp_path):
    net, x = sd.read(files / "m.nir"), np.load(files / "x.npy")
    trace = sd.run(net, x, record=("spikes", "u", "v"))
    trace_file.write(trace, tmp_path / "t.npz")
    back = trace_file.read(tmp_path / "t.npz")
    assert equal(back.network, net)
    assert (back.engine, back.dtype, back.latency, back.notes, back.raw) == (
        *(trace.engine, trace.dtype, dict(trace.latency), trace.notes, trace.raw),
    )
    for group in trace_file.GROUPS:
        ours, theirs = getattr(trace, group), getattr(back, group)
        assert set(ours) == set(theirs)
        assert all(equal(ours[each], theirs[each]) for each in ours)


def test_compare_across_engines(files, capsys):
    args = ["compare", f"{files}/m.nir", "--input", f"{files}/x.npy", "--json"]
    assert cli.main(args) == 0
    found = document(capsys)
    assert found["agrees"] is True
    assert len(found["comparisons"]) == 3


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["inspect", "m.nir"], ["float network", "input", "dense 6×5"]),
        (["inspect", "q.nir"], ["integer network", "dv"]),
        (["lint", "m.nir", "--target", "loihi2"], ["nothing in the way"]),
        (["place", "q.nir", "--target", "loihi2"], ["cores of loihi2"]),
        (["place", "q.nir", "--target", "loihi2", "--rates", "0.1", "--arrange", "greedy"], ["cores of loihi2"]),
        (["place", "q.nir", "--target", "loihi2", "--data", "x.npy", "--seed", "3"], ["cores of loihi2"]),
        (["cost", "q.nir", "--target", "loihi2", "--data", "x.npy"], ["per inference", "and static", "Effective_ACs"]),
        (["run", "m.nir", "--input", "x.npy"], ["4 samples of 30 steps", "decisions"]),
    ],
)
def test_readable_text_and_one_json_document(files, capsys, monkeypatch, command, words):
    monkeypatch.chdir(files)
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in words)
    assert cli.main([*command, "--json"]) == 0
    assert isinstance(document(capsys), dict)


def test_doctor_sees_every_engine_run(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    found = document(capsys)
    assert {each["state"] for each in found["engines"].values()} == {"runs"}
    assert found["packages"]["lava-nc"] == "0.10.0"


def test_capture_tells_on_how_many_spikes_it_was_proven(files, tmp_path, capsys):
    """The counts are those of the module itself, run by hand; silence is a warning."""
    from snndeploy import models

    module = models.build(f"{files}/mine.py", f"{files}/w.pt")
    count, spiked = 0, {"1": False, "3": False}
    for step in torch.as_tensor(np.load(files / "x.npy")):
        first = module[1](module[0](step))
        second = module[3](module[2](first))
        count += int(first.sum() + second.sum())
        spiked = {"1": spiked["1"] or bool(first.any()), "3": spiked["3"] or bool(second.any())}
    capsys.readouterr()
    give = ["capture", f"{files}/mine.py:build", "--weights", f"{files}/w.pt", "-o", f"{tmp_path}/m.nir"]
    assert cli.main([*give, "--sample", f"{files}/x.npy", "--json"]) == 0
    proof = document(capsys)["proof"]
    assert proof["verdict"] == f"identical: {count} spikes, 30 steps, 4 samples"
    assert count > 50
    assert proof["silent"] == [name for name, did in spiked.items() if not did]
    np.save(tmp_path / "zeros.npy", np.zeros((4, 1, 5), np.float32))
    assert cli.main([*give, "--sample", f"{tmp_path}/zeros.npy"]) == 0
    told = capsys.readouterr().err
    assert "warning SD317 population '3': it never spikes in the sample" in told


def test_install_lava_installs_it(capsys, monkeypatch):
    from snndeploy.engines.lava import install

    done = []
    monkeypatch.setattr(install, "install", lambda: done.append(True))
    assert cli.main(["install-lava", "--json"]) == 0
    assert document(capsys) == {"installed": "lava-nc 0.10.0"}
    assert done == [True]


def test_help_and_import_load_no_framework():
    heavy = ["torch", "snntorch", "norse", "nir", "lava", "matplotlib", "sklearn", "scipy", "lightning_fabric", "numpy"]
    heavy += ["onnx", "onnxruntime"]
    code = (
        "import sys, snndeploy, snndeploy.cli\n"
        "assert snndeploy.cli.main(['--help']) == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_verb_is_not_hidden_by_the_package_of_its_name():
    import importlib

    for name in ("quantize", "lint"):
        importlib.import_module(f"snndeploy.{name}")
    assert callable(sd.quantize)
    assert callable(sd.lint)
    assert not set(sd.__all__) - set(dir(sd))


@pytest.mark.parametrize("name", ["m.nir", "none.nir"])
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_error(files, more, name):
    """snndeploy inspect model.nir | head"""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-W", "ignore", "-m", "snndeploy", "inspect", str(files / name), *more]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    # a finding on stderr is still read
    told = name == "none.nir" and not more
    assert done.returncode == (2 if told else 141)
    assert "Error" not in done.stderr
    assert ("SD801" in done.stderr) == told
