"""The demo with little training: the whole path, what it writes, and that its verdict can fail."""

import json

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli, demo


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    assert cli.main(["demo", "--quick", "--out", str(folder)]) == 0
    return folder, json.loads((folder / "verdict.json").read_text())


def test_every_engine_agrees_on_both_models(finished):
    _, verdict = finished
    assert verdict["ok"] is True
    assert set(verdict["models"]) == set(demo.MODELS)
    for name, framework in (("digits_csnn", "snntorch"), ("digits_norse", "norse")):
        model = verdict["models"][name]
        assert set(model["float"]) == {"torch", "onnx", framework, "lava"}
        assert set(model["integer"]) == {"torch", "onnx", "lava"}
        assert all(each["identical"] for each in model["integer"].values())
        assert all(each["agrees"] for each in model["float"].values())
        assert model["lossless"] == {"float": True, "integer": True}
        assert set(model["accuracy"]["float"]) == {"reference", *model["float"]}
        assert 0 <= model["decisions_kept"] <= 1


def test_what_is_written_can_be_opened(finished):
    folder, verdict = finished
    for name, model in verdict["models"].items():
        assert {path.name for path in folder.iterdir() if path.stem.startswith(name)} == set(model["files"])
        assert sd.read(folder / f"{name}.nir").form == "float"
        assert sd.read(folder / f"{name}.loihi2.nir").form == "integer"
        picture = (folder / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG\r\n")
        assert len(picture) > 20_000


def test_a_wrong_spike_fails_the_demo(tmp_path, monkeypatch, capsys):
    """One spike of Lava's integer run is turned over: the verdict names it, and the exit code is 1."""
    from snndeploy import engines

    honest = engines.run

    def dishonest(network, spikes, engine="reference", *args, **settings):
        trace = honest(network, spikes, engine, *args, **settings)
        if engine == "lava" and network.form == "integer":
            trace.spikes["3"][5, 0, 4] ^= True
        return trace

    monkeypatch.setattr(engines, "run", dishonest)
    arguments = ["demo", "--quick", "--model", "digits_norse", "--out", str(tmp_path), "--json"]
    assert cli.main(arguments) == 1
    verdict = json.loads(capsys.readouterr().out)
    lava = verdict["models"]["digits_norse"]["integer"]["lava"]
    assert lava["identical"] is False
    assert (lava["first"]["step"], lava["first"]["population"], lava["first"]["index"]) == (5, "3", [4])
    assert verdict["ok"] is False


def test_one_torch_thread_is_given_back():
    import torch

    before = torch.get_num_threads()
    with demo.one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_first_samples_are_the_same_samples():
    from random_networks import float_network, spikes_for

    rng = np.random.default_rng(1)
    network = float_network(rng)
    spikes = spikes_for(rng, network, 6, 5)
    cut = demo.first_samples(sd.run(network, spikes, record=("spikes", "v")), 2)
    few = sd.run(network, {name: array[:, :2] for name, array in spikes.items()}, record=("spikes", "v"))
    assert cut.batch == few.batch == 2
    assert all(np.array_equal(cut.spikes[name], few.spikes[name]) for name in few.spikes)
    assert sd.compare(cut, few).identical
