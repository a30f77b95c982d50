"""Looks at the test samples on the way: they are what a test at that moment says, and change nothing."""

import csv

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.report import pictures
from snndeploy.train.data import Data
from snndeploy.train.loop import score, train

HOW = {"batch": 8, "lr": 0.05, "scheduler": "none", "seed": 3}


def module():
    """With dropout, which draws in training alone."""
    torch.manual_seed(0)
    leaky = snn.Leaky(0.8, init_hidden=True), snn.Leaky(0.8, init_hidden=True)
    return nn.Sequential(nn.Linear(8, 12), leaky[0], nn.Dropout(0.3), nn.Linear(12, 4), leaky[1])


def lines():
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 4, 60)
    x = (draws.random((10, 60, 8)) < 0.1 + 0.7 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    return Data(x[:, :40], labels[:40], x[:, 40:], labels[40:])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("samples", [0, 16])
def test_a_look_is_a_test_of_the_weights_of_then(tmp_path, samples):
    data = lines()
    train(module(), data, out=tmp_path / "a", epochs=2, test_every=5, test_samples=samples, **HOW)
    looked = rows(tmp_path / "a" / "tests.csv")
    assert [(int(r["step"]), int(r["epoch"])) for r in looked] == [(5, 1), (10, 2)]
    # five updates are one epoch: a run of one epoch ends with the weights of then
    held = slice(0, samples or None)
    for epochs, row in zip((1, 2), looked, strict=True):
        after = module()
        train(after, data, epochs=epochs, **HOW)
        found, _ = score(after, data, test=(data.test[:, held], data.test_labels[held]), **HOW)
        assert int(row["samples"]) == (samples or 20)
        assert float(row["accuracy"]) == pytest.approx(found.accuracy, abs=1e-12)
        assert float(row["loss"]) == pytest.approx(found.loss, abs=1e-6)


def test_looks_change_nothing_and_runs_go_on_with_them(tmp_path):
    data = lines()
    train(module(), data, out=tmp_path / "plain", epochs=2, **HOW)
    train(module(), data, out=tmp_path / "looking", epochs=2, test_every=2, **HOW)
    for name in ("batches.csv", "epochs.csv"):
        assert (tmp_path / "plain" / name).read_text() == (tmp_path / "looking" / name).read_text()
    assert not (tmp_path / "plain" / "tests.csv").exists()
    # begun without looks, gone on with them: those of the first epoch are missing
    train(module(), data, out=tmp_path / "later", epochs=1, **HOW)
    train(module(), data, out=tmp_path / "later", epochs=2, test_every=2, resume=True, **HOW)
    assert rows(tmp_path / "later" / "tests.csv") == rows(tmp_path / "looking" / "tests.csv")[2:]
    whole, cut = rows(tmp_path / "looking" / "tests.csv"), tmp_path / "looking" / "tests.csv"
    assert [int(row["step"]) for row in whole] == [2, 4, 6, 8, 10]
    cut.write_text(cut.read_text() + "12,3,2")
    train(module(), data, out=tmp_path / "looking", epochs=2, test_every=2, resume=True, **HOW)
    assert rows(cut) == whole


def test_looks_are_drawn(tmp_path):
    train(module(), lines(), out=tmp_path / "a", epochs=1, test_every=2, **HOW)
    train(module(), lines(), out=tmp_path / "b", epochs=1, test_every=100, **HOW)
    panel = pictures.curves([tmp_path / "a", tmp_path / "b"]).axes[-1]
    assert (panel.get_title(), panel.get_xlabel()) == ("accuracy on test samples", "updates")
    (line,) = panel.lines
    assert list(line.get_xdata()) == [2, 4]
    assert list(line.get_ydata()) == [float(row["accuracy"]) for row in rows(tmp_path / "a" / "tests.csv")]


def test_looks_need_test_samples_and_a_folder(tmp_path):
    data = lines()
    with pytest.raises(SnnDeployError, match="SD807 test_every: there are no test samples"):
        train(module(), (data.train, data.train_labels), out=tmp_path / "a", epochs=1, test_every=2, **HOW)
    with pytest.raises(SnnDeployError, match="SD807 test_every: there is no folder"):
        train(module(), data, epochs=1, test_every=2, **HOW)
