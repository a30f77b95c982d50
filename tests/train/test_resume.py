"""Runs that end early: killed, interrupted, out of disk; and what they are resumed to."""

import subprocess
import sys

import pytest
import torch

from snndeploy import cli
from snndeploy.train import checkpoint

MODEL = """
import numpy as np
import torch
import snntorch as snn
from torch import nn
from snndeploy.train.data import Data

TRAIN = {"epochs": 6, "batch": 8, "lr": 0.01, "every": 3, "validation": 0.25, "optimizer": "adamw", "clip": 1.0}

def build():
    return nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12), snn.Leaky(0.8, init_hidden=True), nn.Dropout(0.2),
                         nn.Linear(12, 4), snn.Leaky(0.8, init_hidden=True))

def data():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 96)
    lit = np.repeat(np.eye(4)[labels], 2, axis=1)
    x = (rng.random((8, 96, 8)) < 0.1 + 0.6 * lit).astype(np.float32)
    return Data(x, labels, x, labels)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "mine.py"
    path.write_text(MODEL)
    return path


def run(model, out, *more):
    return cli.main(["train", str(model), "--out", str(out), "--device", "cpu", "--json", *more])


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """A run that nothing happened to."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run(model, out) == 0
    return out


def assert_same(out, whole):
    """The same curve, to the last digit of both logs, and the same weights, bit for bit."""
    for name in ("batches.csv", "epochs.csv"):
        assert (out / name).read_text() == (whole / name).read_text()
    ours, theirs = (torch.load(each / "best.pt", weights_only=True) for each in (out, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    a, b = checkpoint.load(out), checkpoint.load(whole)
    assert all(torch.equal(a["module"][name], b["module"][name]) for name in b["module"])
    assert a["state"]["history"] == b["state"]["history"]


# starts one interpreter, then a forked child per try, which is killed: what a kill does to a run, without the imports
KILLED = """
import os, random, signal, sys, time
import torch, snntorch, lightning_fabric
from snndeploy import cli, deliver
import snndeploy.train.loop, snndeploy.frontends.nir
model, out, seed = sys.argv[1:]
torch.set_num_threads(1)
draw = random.Random(int(seed))
arguments = ["train", model, "--out", out, "--device", "cpu", "--json"]
killed = tries = 0
while True:
    child = os.fork()
    if not child:
        more = ["--resume"] if os.path.exists(f"{out}/checkpoint.ckpt") else []
        os._exit(cli.main([*arguments, *more]))
    tries += 1
    if killed < 10:
        time.sleep(draw.uniform(0.05, 0.7))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        killed += 1
    elif killed < 10 or os.WEXITSTATUS(status):
        # it was done before it could be killed: the last checkpoint is taken away, so that there is more to do
        assert os.WEXITSTATUS(status) == 0, status
        if killed < 10 and os.path.exists(f"{out}/checkpoint-previous.ckpt"):
            os.replace(f"{out}/checkpoint-previous.ckpt", f"{out}/checkpoint.ckpt")
    else:
        break
print(killed, tries, file=sys.stderr)
"""


def test_a_run_killed_ten_times_ends_as_one_that_was_not(model, whole, tmp_path):
    out = tmp_path / "run"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = subprocess.run(
        [sys.executable, str(script), str(model), str(out), "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.split()[-2] == "10"
    assert_same(out, whole)
