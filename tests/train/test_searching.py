"""Arguments of model files, and a search over them."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.commands.searching import range_of
from snndeploy.errors import SnnDeployError
from snndeploy.searching import Range

MODEL = """
import numpy as np
import snntorch as snn
from torch import nn
from snndeploy.train.data import Data

TRAIN = {"epochs": 2, "batch": 16}

def build(beta=0.8, hidden=6):
    if hidden == 13:
        raise ValueError("thirteen")
    leaky = lambda: snn.Leaky(beta, init_hidden=True)
    return nn.Sequential(nn.Linear(8, hidden), leaky(), nn.Linear(hidden, 4), leaky())

def data(folder=None, steps=6, hard=False):
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4
    rate = 0.1 + (0.1 if hard else 0.8) * np.repeat(np.eye(4)[labels], 2, axis=1)
    x = (rng.random((steps, 80, 8)) < rate).astype(np.float32)
    return Data(x[:, :64], labels[:64], x[:, 64:], labels[64:])
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODEL)
    return path


def test_arguments_reach_build_and_data(file, tmp_path, capsys):
    given = ["--set", "beta=0.5", "--set", "hidden=9", "--set", "steps=7", "--set", "hard=yes", "--epochs", "1"]
    assert cli.main(["train", str(file), "--out", str(tmp_path / "run"), *given, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    network = sd.read(done["network"])
    hidden = network.populations[0]
    assert hidden.shape == (9,)
    assert float(np.max(hidden.rule.beta)) == 0.5


def test_what_a_file_does_not_take_is_named_with_what_it_takes(file, tmp_path, capsys):
    given = ["--set", "betta=0.5", "--set", "depth=2"]
    assert cli.main(["train", str(file), "--out", str(tmp_path / "run"), *given]) == 2
    said = capsys.readouterr().err
    assert "SD804" in said
    assert "it takes no 'betta'. Fix: choose from beta, hidden, steps, hard" in said
    assert "depth" in said
    assert cli.main(["train", str(file), "--out", str(tmp_path / "run"), "--set", "hidden=many"]) == 2
    assert "SD800 --set hidden=many: 'many' is no int" in capsys.readouterr().err


def test_a_run_is_resumed_with_the_same_arguments_alone(file, tmp_path, capsys):
    out = ["--out", str(tmp_path / "run"), "--epochs", "2", "--scheduler", "none"]
    assert cli.main(["train", str(file), *out, "--set", "beta=0.5"]) == 0
    capsys.readouterr()
    assert cli.main(["train", str(file), *out, "--resume", "--set", "beta=0.6"]) == 2
    assert "SD842" in capsys.readouterr().err
    assert cli.main(["train", str(file), *out, "--resume", "--set", "beta=0.5"]) == 0


def test_a_search_is_of_its_data_and_so_is_the_command_that_it_prints(file, tmp_path, capsys):
    pytest.importorskip("optuna")
    folders = [tmp_path / "my recordings", tmp_path / "others"]
    for each in folders:
        each.mkdir()
    command = ["search", str(file), "--out", str(tmp_path / "s"), "--trials", "1", "--set", "epochs=1", "--seed", "5"]
    command += ["--range", "lr=1e-3:2e-2:log"]
    assert cli.main([*command, "--data", str(folders[0]), "--set", "steps=5", "--json"]) == 0
    words = shlex.split(json.loads(capsys.readouterr().out)["command"])
    for said in (["--data", str(folders[0])], ["--seed", "5"], ["--set", "steps=5"], ["--epochs", "1"]):
        at = words.index(said[0])
        assert words[at : at + 2] == said
    for other in (["--data", str(folders[1]), "--set", "steps=5"], ["--data", str(folders[0])]):
        assert cli.main([*command, *other]) == 2
        said = capsys.readouterr().err
        assert "SD842" in said
        assert ("a search with other data" in said) == ("steps=5" in other)
        assert ("a search with other arguments" in said) != ("steps=5" in other)


def test_a_search_finds_what_learns_and_goes_on(file, tmp_path, capsys):
    pytest.importorskip("optuna")
    # with a learning rate of 1e-9 nothing is learned
    command = ["search", str(file), "--range", "lr=1e-9,2e-2", "--range", "beta=0.5:0.9", "--out", str(tmp_path / "s")]
    assert cli.main([*command, "--trials", "3", "--set", "epochs=2", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert len(first["tried"]) == 3
    assert cli.main([*command, "--trials", "6", "--set", "epochs=2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tried"][:3] == first["tried"]
    assert len(found["tried"]) == 6
    assert found["best"]["values"]["lr"] == 2e-2
    assert 0.5 <= found["best"]["values"]["beta"] <= 0.9
    assert "--lr 0.02" in found["command"]
    assert "--set beta=" in found["command"]
    # what it prints is a command that works
    line = shlex.split(found["command"].replace("runs/best", str(tmp_path / "best")))
    assert cli.main([*line[1:], "--json"]) == 0
    assert cli.main([*command, "--trials", "7", "--set", "epochs=3"]) == 2
    assert "SD842" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lr=1e-4:1e-2:log", Range("lr", 1e-4, 1e-2, True)),
        ("hidden=4:8", Range("hidden", 4, 8, whole=True)),
        ("optimizer=adam,sgd", Range("optimizer", choices=("adam", "sgd"))),
        ("batch=32,64", Range("batch", choices=(32, 64))),
    ],
)
def test_ranges_are_read(text, wanted):
    assert range_of(text) == wanted


@pytest.mark.parametrize("text", ["lr", "lr=", "lr=1", "lr=1:2:3", "=1:2", "lr=a:b"])
def test_other_texts_are_refused(text):
    with pytest.raises(SnnDeployError, match="SD800"):
        range_of(text)


def test_all_that_is_wrong_with_a_search_at_once(file, tmp_path):
    pytest.importorskip("optuna")
    with pytest.raises(SnnDeployError) as caught:
        sd.search(file, [Range("lr", 2, 1), Range("scale", 0, 1, True)], tmp_path / "s", trials=0, validation=0)
    assert len(caught.value.findings) == 4
    with pytest.raises(SnnDeployError, match="takes no 'depth'"):
        sd.search(file, [Range("depth", 1, 2)], tmp_path / "s")
