"""run.json: what a run was made with, and what came out."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.errors import SnnDeployError
from snndeploy.train import record
from snndeploy.train.settings import Settings

MODEL = """
import numpy as np
import snntorch as snn
from torch import nn

TRAIN = {"epochs": 2, "batch": 8, "lr": 0.01, "scheduler": "none"}

def build(beta=0.8):
    return nn.Sequential(nn.Linear(8, 4), snn.Leaky(beta, init_hidden=True))

def data(steps=6):
    rng = np.random.default_rng(0)
    return (rng.random((steps, 24, 8)) < 0.5).astype(np.float32), np.arange(24) % 4
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MODEL)
    return "mine.py"


def test_the_command_is_kept_as_it_was_typed(model, capsys):
    typed = ["train", model, "--out", "run", "--set", "beta=0.7", "--validation", "0.25", "--seed", "3", "--json"]
    assert cli.main(typed) == 0
    said = json.loads(capsys.readouterr().out)
    found = record.read(Path("run"))
    assert found["sessions"][0]["command"] == "snndeploy " + " ".join(typed)
    assert found["model"] == model
    assert found["arguments"] == {"beta": 0.7}
    assert found["model_sha256"] == hashlib.sha256(MODEL.encode()).hexdigest()
    assert (found["settings"]["seed"], found["settings"]["validation"]) == (3, 0.25)
    assert found["samples"] == {"train": 18, "validation": 6, "test": None}
    assert found["epochs"] == said["epochs"]
    assert found["validation_accuracy"] == said["history"][found["best"] - 1]["validation_accuracy"]
    assert {"python", "torch", "snntorch"} <= set(found["versions"])


def test_the_weights_that_a_run_began_with_stay_in_its_record(model):
    sd.train(model, out="first", epochs=1)
    sd.train(model, out="run", epochs=1, weights="first/best.pt")
    sd.train(model, out="run", epochs=2, resume=True)
    assert record.read(Path("run"))["weights"] == "first/best.pt"
    sd.train(model, out="plain", epochs=1)
    sd.train(model, out="plain", epochs=2, resume=True)
    assert record.read(Path("plain"))["weights"] is None


def test_sessions_of_a_run_with_a_folder_of_logs_join(model):
    sd.train(model, out="run", log="log", epochs=1)
    sd.train(model, out="run", log="log", epochs=3, resume=True)
    sessions = record.read(Path("run"))["sessions"]
    assert [each["first_epoch"] for each in sessions] == [0, 1]
    assert record.whole(sessions)


def test_a_resumed_run_keeps_its_sessions(model):
    sd.train(model, out="run", epochs=1)
    sd.train(model, out="run", epochs=3, resume=True)
    sessions = record.read(Path("run"))["sessions"]
    assert [each["first_epoch"] for each in sessions] == [0, 1]
    assert all(each["seconds"] > 0 for each in sessions)


def test_a_killed_session_is_missed(model):
    def stop(batch, *_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sd.train(model, out="run", epochs=2, every=1, progress=stop)
    sd.train(model, out="run", epochs=2, every=1, resume=True)
    sessions = record.read(Path("run"))["sessions"]
    # it ended no epoch, and is missed all the same
    assert [(each["first_epoch"], each["resumed"]) for each in sessions] == [(0, True)]
    assert not record.whole(sessions)
    sd.train(model, out="run", epochs=3, every=1, resume=True)
    assert [each["epochs"] for each in record.read(Path("run"))["sessions"]] == [2, 3]


def test_a_session_killed_between_others_is_missed(model):
    sd.train(model, out="run", epochs=1)
    assert record.whole(record.read(Path("run"))["sessions"])
    sd.train(model, out="run", epochs=2, resume=True)
    assert record.whole(record.read(Path("run"))["sessions"])
    kept = Path("run/run.json").read_text()
    sd.train(model, out="run", epochs=3, resume=True)
    Path("run/run.json").write_text(kept)
    sd.train(model, out="run", epochs=4, resume=True)
    assert not record.whole(record.read(Path("run"))["sessions"])


def test_settings_given_as_a_whole_are_recorded(model):
    how = Settings(epochs=1, batch=5, lr=0.5, scheduler="step")
    network = sd.models.build(model)
    x = np.ones((4, 10, 8), np.float32)
    sd.train(network, (x, np.arange(10) % 4), how=how, out="run")
    found = record.read(Path("run"))["settings"]
    assert (found["batch"], found["lr"], found["scheduler"]) == (5, 0.5, "step")


def test_a_damaged_record_is_named(model):
    sd.train(model, out="run", epochs=1)
    Path("run/run.json").write_text('{"format": 7')
    with pytest.raises(SnnDeployError, match=r"SD841 run/run\.json"):
        record.read(Path("run"))
    Path("run/run.json").unlink()
    with pytest.raises(SnnDeployError, match=r"SD801 run/run\.json"):
        record.read(Path("run"))
