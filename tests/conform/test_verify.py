"""One network on every engine: the matrix, what is missing, recordings of others, leaks between samples."""

import json
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import snntorch
import torch
from tie_networks import layers, spikes

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform.recording import recording
from snndeploy.engines import base, reference, run
from snndeploy.errors import MissingEngineError, SnnDeployError
from snndeploy.network import Decision, Rule


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(3)
    weights = [rng.normal(0.3, 0.5, (7, 6)), rng.normal(0.3, 0.5, (4, 7))]
    return layers(weights, Rule(beta=0.875)).with_(decision=Decision("p1"))


@pytest.fixture(scope="module")
def x():
    return spikes(np.random.default_rng(4), 30, 5, 6)


@pytest.fixture(autouse=True)
def engines_as_they_were():
    """Their order too, which the README's table has."""
    before = dict(base.ENGINES)
    yield
    base.ENGINES.clear()
    base.ENGINES.update(before)


def engine(monkeypatch, name, run=reference.run, missing=lambda: None, refusals=lambda network: []):
    """An engine that exists for one test."""
    module = ModuleType(f"engine_{name}")
    module.run, module.missing, module.refusals = run, missing, refusals
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(base.ENGINES, name, module.__name__)


def test_engines_that_agree(network, x):
    found = sd.verify(network, x, ("reference", "torch", "onnx"), labels=[0, 1, 2, 3, 0])
    assert found.agrees
    assert found.names == ("reference", "torch", "onnx")
    assert [row[i] for i, row in enumerate(found.matrix)] == ["state-identical"] * 3
    assert found.matrix == tuple(zip(*found.matrix, strict=True))
    assert found.verdict("onnx", "reference") is found.verdict("reference", "onnx")
    assert found.verdict("reference", "torch").decided.p == 1
    assert all(each.tight for each in found.leaks.values())
    assert json.loads(json.dumps(found.as_dict()))["matrix"] == [list(row) for row in found.matrix]
    assert "decisions: all alike" in str(found)


def test_a_required_tier_that_is_not_reached(network, x):
    found = sd.verify(network, x, ("reference", "torch"), require="state-identical", leaks=False)
    assert found.tier("reference", "torch") == "spike-identical"
    assert not found.agrees
    with pytest.raises(SnnDeployError, match="SD720"):
        sd.verify(network, x, require="same")


def test_all_names_what_is_missing_and_what_is_refused(network, x, monkeypatch):
    engine(monkeypatch, "gone", missing=lambda: "the package gone is not installed Fix: pip install gone")
    for name in ("snntorch", "norse", "lava", "onnx"):
        monkeypatch.delitem(base.ENGINES, name)
    found = sd.verify(network, x, leaks=False)
    assert found.missing == {"gone": "the package gone is not installed"}
    assert "not here: gone: the package gone is not installed" in str(found)
    assert found.agrees
    with pytest.raises(MissingEngineError, match="gone"):
        sd.verify(network, x, ("reference", "gone"))
    quantized = sd.quantize(network, "loihi2", x)
    engine(monkeypatch, "norse", refusals=base.load("torch").refusals)
    monkeypatch.setitem(base.ENGINES, "snntorch", "snndeploy.engines.snntorch")
    assert set(sd.verify(quantized, x, leaks=False).refused) == {"snntorch"}
    with pytest.raises(SnnDeployError, match="SD330"):
        sd.verify(quantized, x, ("reference", "snntorch"))


def test_an_engine_with_a_fault_is_told_from_one_that_is_late(network, x, monkeypatch):
    def late(job):
        trace = reference.run(job)
        moved = {name: np.concatenate([np.zeros_like(s[:1]), s[:-1]]) for name, s in trace.spikes.items()}
        return replace(trace, engine="late", spikes=moved, u={}, v={})

    engine(monkeypatch, "late", late)
    found = sd.verify(network, x, ("reference", "late"))
    assert found.tier("reference", "late") == "lag"
    assert not found.agrees
    assert sd.verify(network, x, ("reference", "late"), require="lag").agrees


def test_an_engine_that_carries_state_from_sample_to_sample_is_caught(network, x, monkeypatch):
    def leaky(job):
        """The membranes of the sample before are a bias of the next."""
        trace = reference.run(job)
        moved = {}
        for name, s in trace.spikes.items():
            moved[name] = s.copy()
            moved[name][0, 1:] |= s[-1, :-1]
        return replace(trace, engine="leaky", spikes=moved)

    engine(monkeypatch, "leaky", leaky)
    found = sd.verify(network, x, ("leaky",))
    leak = found.leaks["leaky"]
    assert not leak.tight
    assert leak.ways["alone"] == 1
    assert not found.agrees
    assert sd.verify(network, x, ("reference",)).agrees


def test_a_module_that_keeps_its_state_between_calls_is_named(x):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 4), snntorch.Leaky(beta=0.9, init_hidden=True, output=False))
    with torch.no_grad():
        module[0].weight.mul_(3)
    network = sd.capture(module.eval(), x.astype(np.float32))
    found = sd.verify(network, x, ("reference", "snntorch"))
    assert found.agrees
    assert found.leaks["snntorch"].hidden == tuple(network.population)
    assert any("reset it between samples" in note for note in found.notes)


def test_recordings_of_other_simulators(network, x, tmp_path):
    trace = run(network, x, record=("spikes", "v"))
    np.savez(tmp_path / "nest.npz", **{f"spikes/{n}": s for n, s in trace.spikes.items()}, **{"v/p0": trace.v["p0"]})
    np.save(tmp_path / "p0.npy", trace.spikes["p0"].astype(np.float32))
    found = sd.verify(
        network,
        x,
        ("reference",),
        recordings={"nest": tmp_path / "nest.npz", "brian": (tmp_path / "p0.npy", "p0")},
        leaks=False,
    )
    assert found.names == ("reference", "nest", "brian")
    assert found.tier("reference", "nest") == found.tier("nest", "brian") == "spike-identical"
    one = run(network, x[:, :1])
    np.savetxt(tmp_path / "out.csv", one.spikes["p1"][:, 0].astype(int), delimiter=",", fmt="%d")
    read = recording(tmp_path / "out.csv", network, one.inputs)
    assert np.array_equal(read.spikes["p1"], one.spikes["p1"])
    np.save(tmp_path / "short.npy", trace.spikes["p1"][:-1])
    with pytest.raises(SnnDeployError, match="SD722") as caught:
        recording(tmp_path / "short.npy", network, trace.inputs)
    assert "(29, 5, 4) does not fit (30, 5, 4)" in str(caught.value)
    np.savez(tmp_path / "other.npz", **{"spikes/hidden": trace.spikes["p1"], "v/p7": trace.v["p1"]})
    with pytest.raises(SnnDeployError, match="SD722") as caught:
        recording(tmp_path / "other.npz", network, trace.inputs)
    assert len(caught.value.findings) == 2


@pytest.fixture(scope="module")
def files(network, x, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    sd.write(network, folder / "m.nir")
    np.savez(folder / "x.npz", x=x, labels=np.arange(5) % 4)
    return folder


def test_the_command(files, capsys):
    give = ["verify", f"{files}/m.nir", "--data", f"{files}/x.npz"]
    assert cli.main([*give, "--engines", "reference,torch", "--json", "-o", f"{files}/v.json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["agrees"]
    assert document["matrix"][0][1] == "spike-identical"
    assert json.loads((files / "v.json").read_text()) == document
    assert cli.main([*give, "--engines", "reference,torch", "--require", "state-identical", "--no-leaks"]) == 1
    assert "spike-identical" in capsys.readouterr().out


def test_the_command_refuses_what_it_cannot_do(files, capsys, monkeypatch):
    give = ["verify", f"{files}/m.nir", "--data", f"{files}/x.npz"]
    assert cli.main([*give, "--require", "equal"]) == 2
    assert "SD720" in capsys.readouterr().err
    assert cli.main([*give, "--recording", "nest"]) == 2
    assert "SD800" in capsys.readouterr().err
    engine(monkeypatch, "gone", missing=lambda: "it is not here Fix: pip install gone")
    assert cli.main([*give, "--engines", "reference,gone"]) == 3
    assert "SD502" in capsys.readouterr().err
    assert cli.main([*give, "--engines", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == {"gone": "it is not here"}
