"""Two processes that share each batch compute what one does."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

MODEL = """
import numpy as np
import snntorch as snn
from torch import nn
from snndeploy.train.data import Data

# 37 samples in batches of 9, which two processes have 5 and 4 of, and one that only one of them has
TRAIN = {"epochs": 2, "batch": 9, "lr": 0.5, "optimizer": "sgd", "scheduler": "none", "clip": 0.7,
         "rates": {"1": (0.3, 0.4)}, "rate_weight": 3.0, "validation": 0.1}

def build():
    return nn.Sequential(nn.Linear(8, 12), snn.Leaky(0.8, init_hidden=True), nn.Linear(12, 4),
                         snn.Leaky(0.8, init_hidden=True))

def data():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 41)
    lit = np.repeat(np.eye(4)[labels], 2, axis=1)
    x = (rng.random((8, 41, 8)) < 0.1 + 0.6 * lit).astype(np.float32)
    return Data(x, labels, x, labels)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of a run of one process, of two that torchrun starts, and of two with all steps at once."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "mine.py").write_text(MODEL)
    common = ["-m", "snndeploy", "train", str(folder / "mine.py"), "--device", "cpu", "--json", "--out"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    outputs = {}
    for name, first, last in (("one", [], []), ("two", torchrun, []), ("quick", torchrun, ["--accelerate"])):
        done = subprocess.run(
            [sys.executable, *first, *common, str(folder / name), *last],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        outputs[name] = done.stdout
    return folder, outputs


def table(path):
    return np.genfromtxt(path, delimiter=",", names=True)


@pytest.mark.parametrize("several", ["two", "quick"])
def test_each_batch_has_the_loss_and_the_gradient_of_one_process(runs, several):
    """With one step of sgd between them, losses and gradients of all batches agree only if each update does."""
    folder, _ = runs
    one, two = (table(folder / name / "batches.csv") for name in ("one", several))
    assert one["samples"].tolist() == [9, 9, 9, 9, 1] * 2
    assert two["samples"].tolist() == one["samples"].tolist()
    for column in ("loss", "gradient", "penalty", "rate", "accuracy"):
        assert two[column] == pytest.approx(one[column], rel=1e-4, abs=1e-6), column
    assert (one["penalty"] > 0).any()


@pytest.mark.parametrize("several", ["two", "quick"])
def test_the_weights_are_those_of_one_process(runs, several):
    folder, _ = runs
    one, two = (torch.load(folder / name / "best.pt", weights_only=True) for name in ("one", several))
    for name, each in one.items():
        assert torch.allclose(two[name], each, rtol=1e-4, atol=1e-5), name


def test_one_process_speaks_and_delivers(runs):
    import json

    folder, outputs = runs
    found = {name: json.loads(text) for name, text in outputs.items()}
    assert found["two"]["accuracy"] == found["one"]["accuracy"]
    assert found["two"]["proof"]
    assert (folder / "two" / "best.nir").exists()
