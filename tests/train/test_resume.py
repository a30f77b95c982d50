"""Runs that end early: killed, interrupted, out of disk; and what they are resumed to."""

import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import snntorch
import torch

from snndeploy import cli
from snndeploy.errors import SnnDeployError
from snndeploy.train import checkpoint
from snndeploy.train.loop import train

MODEL = """
import numpy as np
import snntorch
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


def four(samples=32):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, samples)
    return (rng.random((6, samples, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(
        np.float32
    ), labels


def small():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 4), snntorch.Leaky(0.8, init_hidden=True))


def test_ctrl_c_writes_a_checkpoint_between_two_batches(model, whole, tmp_path, monkeypatch):
    """Exit code 130, and what follows is the run that nobody interrupted."""
    from snndeploy.train.epochs import Loop

    out, before = tmp_path / "run", Loop.one_batch

    def one_batch(self, batch, of):
        os.kill(os.getpid(), signal.SIGINT if self.state.step == 10 else 0)
        before(self, batch, of)

    monkeypatch.setattr(Loop, "one_batch", one_batch)
    assert run(model, out) == 130
    monkeypatch.undo()
    state = checkpoint.load(out)["state"]
    assert (state["epoch"], state["batch"], state["step"]) == (1, 2, 11)
    assert run(model, out, "--resume") == 0
    assert_same(out, whole)


@pytest.fixture
def limited():
    """Files can grow to so many bytes and no further, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(tmp_path, limited):
    x, y = four()
    settings = {"out": tmp_path, "epochs": 3, "batch": 8, "scheduler": "none"}
    train(small(), (x, y), **settings)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.ckpt")}
    limited(len(before["checkpoint.ckpt"]) // 2)
    with pytest.raises(SnnDeployError, match=r"SD840 .*checkpoint.ckpt: .*File too large.*as it was.*--resume"):
        train(small(), (x, y), resume=True, **{**settings, "epochs": 5})
    limited(resource.RLIM_INFINITY)
    assert (tmp_path / "checkpoint.ckpt").read_bytes() == before["checkpoint.ckpt"]
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))
    again, whole = small(), small()
    train(again, (x, y), resume=True, **{**settings, "epochs": 5})
    train(whole, (x, y), **{**settings, "epochs": 5, "out": tmp_path / "whole"})
    assert torch.equal(again[0].weight, whole[0].weight)
    assert (tmp_path / "batches.csv").read_text() == (tmp_path / "whole" / "batches.csv").read_text()


def test_a_full_disk_is_told_of_the_log_too(tmp_path, limited):
    limited(40_000)
    with pytest.raises(SnnDeployError, match=r"SD840 .*batches.csv: the log cannot be written"):
        train(small(), four(), out=tmp_path, epochs=40, batch=1)
    assert len(checkpoint.load(tmp_path)["state"]["history"]) > 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used_when_asked(damage, tmp_path):
    x, y = four()
    settings = {"out": tmp_path, "epochs": 3, "batch": 8}
    whole = small()
    train(whole, (x, y), **settings)
    path = tmp_path / "checkpoint.ckpt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    changed = {"cut": content[:-100], "flipped": content, "empty": b"", "foreign": b"x" * 500}
    path.write_bytes(bytes(changed[damage]))
    with pytest.raises(SnnDeployError, match=r"SD841 .*checkpoint.ckpt: .*--resume-previous"):
        train(small(), (x, y), resume=True, **settings)
    again = small()
    rows = (tmp_path / "batches.csv").read_text()
    (tmp_path / "batches.csv").write_text(rows + "4,1,8,0.5")
    done = train(again, (x, y), resume="previous", **settings)
    assert len(done.history) == 3
    assert (tmp_path / "batches.csv").read_text() == rows
    assert torch.equal(again[0].weight, whole[0].weight)


def test_other_settings_data_and_models_are_told_apart(tmp_path):
    x, y = four()
    settings = {"out": tmp_path, "epochs": 2, "batch": 8}
    train(small(), (x, y), **settings)
    other = x.copy()
    other[3, 7, 1] = 1 - other[3, 7, 1]
    with pytest.raises(SnnDeployError) as caught:
        train(small(), (other, y), resume=True, **{**settings, "lr": 0.5, "batch": 4})
    found = [str(each) for each in caught.value.findings]
    assert [each.split(": ")[1] for each in found] == ["batch", "lr", "data"]
    assert "it is 0.5, the run was begun with 0.002" in found[1]
    bigger = torch.nn.Sequential(torch.nn.Linear(8, 5), snntorch.Leaky(0.8, init_hidden=True))
    with pytest.raises(SnnDeployError, match=r"SD842 .*: model: "):
        train(bigger, (x, y), resume=True, **settings)
    with pytest.raises(SnnDeployError, match=r"SD842 .*it holds a run already"):
        train(small(), (x, y), **settings)
    with pytest.raises(SnnDeployError, match=r"SD801 .*there is no such checkpoint"):
        train(small(), (x, y), resume=True, **{**settings, "out": tmp_path / "new"})


def test_a_run_without_a_schedule_may_go_on_for_longer(tmp_path):
    x, y = four()
    settings = {"batch": 8, "scheduler": "none"}
    whole, part = small(), small()
    train(whole, (x, y), epochs=4, out=tmp_path / "whole", **settings)
    train(part, (x, y), epochs=2, out=tmp_path / "part", **settings)
    train(part, (x, y), epochs=4, out=tmp_path / "part", resume=True, **settings)
    assert torch.equal(part[0].weight, whole[0].weight)
    with pytest.raises(SnnDeployError, match="epochs: it is 3"):
        train(part, (x, y), epochs=3, out=tmp_path / "part", resume=True, **settings)


def test_rows_that_were_taken_away_are_noticed(tmp_path):
    x, y = four()
    train(small(), (x, y), out=tmp_path, epochs=2, batch=8)
    (tmp_path / "batches.csv").write_text("epoch\n")
    with pytest.raises(SnnDeployError, match=r"SD841 .*batches.csv: it has 6 bytes"):
        train(small(), (x, y), out=tmp_path, epochs=2, batch=8, resume=True)


def test_files_of_somebody_else_are_left_alone(tmp_path):
    (tmp_path / "epochs.csv").write_text("mine")
    with pytest.raises(SnnDeployError, match=r"SD802 .*not of a run"):
        train(small(), four(), out=tmp_path, epochs=1)
    assert (tmp_path / "epochs.csv").read_text() == "mine"


def test_a_second_run_keeps_out(tmp_path):
    from snndeploy.train.run import hold

    with hold(tmp_path), pytest.raises(SnnDeployError, match="SD822 .*another run is at work"):
        train(small(), four(), out=tmp_path, epochs=1)


def test_training_ends_when_nothing_gets_better(tmp_path):
    """A loss that cannot change: the second to fourth epoch bring nothing."""
    x, y = four()
    silent = small()
    with torch.no_grad():
        silent[0].weight.zero_()
        silent[0].bias.fill_(-1)
    done = train(silent, (x, y), epochs=20, patience=3, validation=0.25, out=tmp_path)
    assert done.stopped
    assert (len(done.history), done.best) == (4, 1)
    again = train(silent, (x, y), epochs=20, patience=3, validation=0.25, out=tmp_path, resume=True)
    assert (again.history, again.stopped) == (done.history, True)


def test_the_best_epoch_is_the_one_that_is_kept(tmp_path):
    """Its weights give the accuracy that the log says, on the samples that were held back."""
    x, y = four(48)[0], np.arange(48) % 4
    module = small()
    done = train(module, (x, y), epochs=8, batch=8, lr=0.3, scheduler="none", validation=0.5, out=tmp_path)
    held = [each.validation_accuracy for each in done.history]
    assert held[done.best - 1] == max(held)
    assert max(held) > held[-1]
    index = done.sources.validation.index
    again = train(
        module,
        (x, y),
        test=(x[:, index], y[index]),
        epochs=8,
        batch=8,
        lr=0.3,
        scheduler="none",
        validation=0.5,
        out=tmp_path,
        resume=True,
    )
    assert again.accuracy == max(held)
