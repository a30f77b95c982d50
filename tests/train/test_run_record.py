"""run.json: what a run was made with, and what came out."""

import hashlib
import json
from pathlib import Path

import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.errors import SnnDeployError
from snndeploy.train import record

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


def test_a_resumed_run_keeps_its_sessions(model):
    sd.train(model, out="run", epochs=1)
    sd.train(model, out="run", epochs=3, resume=True)
    sessions = record.read(Path("run"))["sessions"]
    assert [each["first_epoch"] for each in sessions] == [0, 1]
    assert all(each["seconds"] > 0 for each in sessions)


def test_a_damaged_record_is_named(model):
    sd.train(model, out="run", epochs=1)
    Path("run/run.json").write_text('{"format": 7')
    with pytest.raises(SnnDeployError, match=r"SD841 run/run\.json"):
        record.read(Path("run"))
    Path("run/run.json").unlink()
    with pytest.raises(SnnDeployError, match=r"SD801 run/run\.json"):
        record.read(Path("run"))
