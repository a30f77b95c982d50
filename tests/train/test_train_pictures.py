"""train: where its rows go (--log), and what it draws at the end (--visualise)."""

import csv
import importlib
import json

import numpy as np
import pytest
from PIL import Image

import snndeploy as sd
from snndeploy import cli
from snndeploy.errors import SnnDeployError
from snndeploy.report import pictures
from snndeploy.report.pictures.canvas import figure

MODEL = """
import numpy as np
import snntorch as snn
from torch import nn

TRAIN = {"epochs": 1, "batch": 8, "lr": 0.05, "scheduler": "none"}

def build():
    layers = nn.Conv2d(2, 3, 3), snn.Leaky(0.8, init_hidden=True), nn.Flatten(), nn.Linear(48, 3)
    return nn.Sequential(*layers, snn.Leaky(0.8, init_hidden=True))

def data(folder):
    held = np.load(folder / "mine.npz")
    return held["x"], held["labels"]
"""
PICTURES = {"curves", "confusion", "embedding", "raster", "membranes", "weights", "frames"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    (folder / "mine.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    labels = np.arange(36) % 3
    chance = 0.1 + 0.5 * (np.arange(3) == labels[:, None])[:, None, :, None].repeat(2, axis=2)
    x = rng.random((6, 36, 2, 6, 6)) < chance.reshape(1, 36, 1, 6, 1)
    np.savez(folder / "mine.npz", x=x[:, :24].astype(np.float32), labels=labels[:24])
    np.savez(folder / "test.npz", x=x[:, 24:].astype(np.float32), labels=labels[24:])
    return folder


def run(folder, out, *more):
    given = ["--data", str(folder), "--test", f"{folder}/test.npz", "--out", f"{folder}/{out}", "--device", "cpu"]
    return cli.main(["train", f"{folder}/mine.py", *given, "--json", *more])


def test_rows_go_where_they_are_wanted_and_go_on_there(files, capsys):
    log = files / "elsewhere"
    assert run(files, "logged", "--log", str(log)) == 0
    assert run(files, "logged", "--log", str(log), "--resume", "--epochs", "3") == 0
    assert run(files, "plain", "--epochs", "3") == 0
    for name in ("epochs.csv", "batches.csv"):
        assert (log / name).read_text() == (files / "plain" / name).read_text()
        assert not (files / "logged" / name).exists()
    assert [each["first_epoch"] for each in json.loads((files / "logged" / "run.json").read_text())["sessions"]] == [
        0,
        1,
    ]
    capsys.readouterr()
    # another folder lacks the rows of the epochs that are done
    assert run(files, "logged", "--log", str(files / "other"), "--resume", "--epochs", "4") == 2
    assert json.loads(capsys.readouterr().out)["error"][0]["code"] == "SD841"
    # and one that holds those of another run is not written into
    assert run(files, "second", "--log", str(log)) == 2
    assert json.loads(capsys.readouterr().out)["error"][0]["code"] == "SD802"


def test_all_is_drawn_at_the_end(files, capsys):
    assert run(files, "seen", "--visualise") == 0
    told = json.loads(capsys.readouterr().out)
    pictures = files / "seen" / "pictures"
    names = {path.name for path in pictures.iterdir()}
    assert names == {f"{name}.png" for name in PICTURES} | {"frames.gif", "activations.html"}
    assert {path.rpartition("/")[2] for path in told["pictures"]} == names
    for name in PICTURES:
        with Image.open(pictures / f"{name}.png") as picture:
            assert len(picture.convert("L").getcolors(1 << 20)) > 5, name
    with Image.open(pictures / "frames.gif") as animation:
        assert animation.n_frames == 6
    before = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
    assert run(files, "seen", "--visualise", "--test-only") == 0
    assert all(path.stat().st_mtime_ns > then for path, then in before.items())
    assert json.loads(capsys.readouterr().out)["accuracy"] == told["accuracy"]


def test_what_is_drawn_is_of_the_test_samples(files, capsys, monkeypatch):
    """The confusion's counts and its accuracy are those of the test."""
    drawing = importlib.import_module("snndeploy.report.pictures.everything")
    seen = {}
    monkeypatch.setattr(drawing, "confusion", lambda a, b: seen.update(a=a, b=b) or figure(1, 1))
    assert run(files, "of", "--visualise") == 0
    told = json.loads(capsys.readouterr().out)
    np.testing.assert_array_equal(seen["b"], np.load(files / "test.npz")["labels"])
    assert np.mean(seen["a"] == seen["b"]) == told["accuracy"]


def test_spikes_that_nobody_counted_are_not_zero(files, capsys):
    for out, more in (("counted", ()), ("uncounted", ("--no-capture",))):
        given = ["--data", str(files), "--out", f"{files}/{out}", "--device", "cpu", *more]
        assert cli.main(["train", f"{files}/mine.py", *given]) == 0
        assert ("spike rate" in capsys.readouterr().err) == (out == "counted")
        for name in ("epochs.csv", "batches.csv"):
            with (files / out / name).open(newline="") as file:
                assert all((float(row["rate"]) > 0) if not more else row["rate"] == "" for row in csv.DictReader(file))
        made = pictures.curves([files / out])
        assert ("spikes per step and neuron" in {axis.get_title() for axis in made.axes}) == (out == "counted")


def test_without_a_network_nothing_can_be_drawn(files, capsys):
    assert run(files, "no", "--visualise", "--no-capture") == 2
    assert "--no-capture" in json.loads(capsys.readouterr().out)["error"][0]["fix"]
    assert not (files / "no").exists()


def test_a_network_without_pictures_or_decision_is_drawn_too(tmp_path):
    import snntorch as snn
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 4), snn.Leaky(0.9, init_hidden=True)).eval()
    x = np.ones((4, 3, 5), np.float32)
    network = sd.capture(module, x, 1e-3)
    made = {path.name for path in sd.visualise(network, (x, np.arange(3)), tmp_path / "pictures", sample=2)}
    assert made == {"raster.png", "membranes.png", "weights.png", "activations.html"}
    with (tmp_path / "rows.csv").open("w") as file:
        csv.writer(file).writerow(["x"])
    with pytest.raises(SnnDeployError, match="SD802"):
        sd.visualise(network, (x, np.arange(3)), tmp_path / "rows.csv")
