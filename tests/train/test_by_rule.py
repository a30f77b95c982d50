"""A model file with learn(): what the toolkit does around a learning rule of its own, and what it refuses."""

import csv
import json
import re

import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import cli, models
from snndeploy.errors import SnnDeployError

MODEL = """
import numpy as np
import snntorch as snn
import torch
from torch import nn

TRAIN = {"epochs": 3, "batch": 8}

def build(beta=0.8):
    return nn.Sequential(nn.Linear(8, 4, bias=False), snn.Leaky(beta, init_hidden=True))

def data(folder=None, count=60):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, count)
    x = (rng.random((6, count, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[y], 2, axis=1)).astype(np.float32)
    return x, y

def learn(module, x, labels, epochs, seed=0, gain=1.5, progress=None):
    # the second epoch is the good one
    means = np.stack([x.mean(axis=0)[labels == k].mean(axis=0) for k in range(4)])
    for epoch in range(epochs):
        progress(epoch, epochs, "here")
        with torch.no_grad():
            module[0].weight.copy_(torch.from_numpy(gain * means if epoch == 1 else 0.1 * means[::-1].copy()))
        yield {"epoch_seen": epoch, "samples": x.shape[1], "seed": seed}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hebb.py"
    path.write_text(MODEL)
    return path


def test_the_best_epoch_is_kept_tested_proven_and_written(file, tmp_path, capsys):
    given = ["--out", str(tmp_path / "run"), "--validation", "0.25", "--seed", "3", "--set", "gain=2", "--json"]
    assert cli.main(["train", str(file), *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["best"], found["epochs"]) == (2, 3)
    assert found["proof"].startswith("identical")
    with (tmp_path / "run" / "epochs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch_seen"] for row in rows] == ["0", "1", "2"]
    # a quarter of 60 is held back; the seed arrives
    assert {(row["samples"], row["seed"]) for row in rows} == {("45", "3")}
    state = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    module = models.build(str(file), tmp_path / "run" / "best.pt")
    assert torch.equal(module[0].weight, state["0.weight"])
    x, y = models.load(str(file)).data()
    network = sd.read(found["network"])
    held = np.mean(sd.run(network, x, "torch").decisions() == y)
    assert held > 0.8
    assert found["history"][1]["validation_accuracy"] > found["history"][0]["validation_accuracy"]


def test_without_samples_held_back_the_last_epoch_counts(file):
    done = sd.train(str(file), arguments={"count": 24}, epochs=2)
    assert done.trained.best == 2
    assert done.history[1].accuracy > 0.7


def test_training_stops_after_epochs_without_improvement(file):
    done = sd.train(str(file), epochs=9, validation=0.25, patience=2)
    assert done.trained.stopped
    assert len(done.history) == 4


def test_test_samples_are_looked_at_once_at_the_end(file, tmp_path):
    x, y = models.load(str(file)).data()
    done = sd.train(str(file), (x[:, 20:], y[20:]), test=(x[:, :20], y[:20]), validation=0.2, out=tmp_path / "run")
    decided = sd.run(done.network, x[:, :20], "torch").decisions()
    assert done.accuracy == np.mean(decided == y[:20])
    again = sd.train(str(file), (x, y), test=(x[:, :20], y[:20]), out=tmp_path / "run", test_only=True)
    assert again.accuracy == done.accuracy


def test_settings_without_a_use_are_refused_together(file, tmp_path):
    with pytest.raises(SnnDeployError) as caught:
        sd.train(str(file), lr=0.1, optimizer="sgd", accelerate=True, resume=True, device="cuda", out=tmp_path / "run")
    assert [each.code for each in caught.value.findings] == ["SD890"] * 5
    assert {each.where for each in caught.value.findings} == {
        "lr", "optimizer", "accelerate", "resume", "device 'cuda'"
    }  # fmt: skip
    assert "epochs" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_a_run_is_left_as_it_is(file, tmp_path):
    sd.train(str(file), out=tmp_path / "run", epochs=1)
    before = {each.name: each.read_bytes() for each in (tmp_path / "run").iterdir()}
    with pytest.raises(SnnDeployError, match="SD842.*it holds a run already"):
        sd.train(str(file), out=tmp_path / "run", epochs=1)
    assert before == {each.name: each.read_bytes() for each in (tmp_path / "run").iterdir()}


def test_a_rule_that_yields_nothing_is_refused(file):
    file.write_text(MODEL.replace("for epoch in range(epochs):", "for epoch in range(0):"))
    with pytest.raises(SnnDeployError, match="SD891.*it yielded nothing"):
        sd.train(str(file))


def test_samples_must_lie_in_memory(file):
    x, y = models.load(str(file)).data()
    loader = torch.utils.data.DataLoader([(torch.from_numpy(x[:, k]), int(y[k])) for k in range(8)], batch_size=4)
    with pytest.raises(SnnDeployError, match="SD891.*lie in memory"):
        sd.train(str(file), loader, layout="time-major")


def test_arguments_of_learn_are_searched_and_checked(file, tmp_path, capsys):
    where = ["search", str(file), "--out", str(tmp_path / "s"), "--range", "gain=0.01,2.0", "--trials", "4", "--json"]
    assert cli.main(where) == 0
    assert json.loads(capsys.readouterr().out)["best"]["values"] == {"gain": 2.0}
    assert cli.main(["train", str(file), "--out", str(tmp_path / "r"), "--set", "gian=2"]) == 2
    assert "choose from beta, count, seed, gain" in capsys.readouterr().err


def test_samples_that_change_every_epoch_are_refused(file):
    from snndeploy.train.augment import Augment
    from snndeploy.train.data import Data

    x, y = models.load(str(file)).data()
    with pytest.raises(SnnDeployError, match="SD891.*gets them once"):
        sd.train(str(file), Data(x, y, x, y, Augment(time=1)))


def test_rows_go_to_the_folder_of_logs(file, tmp_path, capsys):
    given = ["--out", str(tmp_path / "run"), "--log", str(tmp_path / "log"), "--epochs", "2", "--json"]
    assert cli.main(["train", str(file), *given]) == 0
    assert len((tmp_path / "log" / "epochs.csv").read_text().splitlines()) == 3
    assert not (tmp_path / "run" / "epochs.csv").exists()
    with pytest.raises(SnnDeployError, match="SD807 log"):
        sd.train(str(file), log=tmp_path / "other")


BASE = "def learn(" + MODEL.partition("def learn(")[2]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "    raise ValueError('no good')\n    yield",
            r"SD891 learn\(\), broken.py line \d+: it raises ValueError",
        ),
        ("    return None", r"SD891 learn\(\): it returns NoneType and yields nothing"),
        ("    yield 3", "SD891 learn.*yields int"),
        ("    yield {'moved': 'far'}", "SD891 learn.*moved = 'far', no number"),
        ("    yield {'moved': x}", "SD891 learn.*no number"),
        ("    yield {'loss': 1.0}", "SD891 learn.*'loss' is no name"),
        ("    yield {'a,b': 1.0}", "SD891 learn.*'a,b' is no name"),
        ("    yield None\n    yield {'moved': 1.0}", "SD891 learn.*moved where it first yielded nothing"),
        ("    module[0].weight.data[0, 0] = float('nan')\n    yield", r"SD844 Sequential: 0.weight are NaN.* epoch 1"),
    ],
)
def test_a_rule_that_fails_is_told_so_and_leaves_no_wrong_rows(file, tmp_path, capsys, body, words):
    broken = tmp_path / "broken.py"
    broken.write_text(MODEL.replace(BASE, f"def learn(module, x, labels, epochs):\n{body}\n"))
    assert cli.main(["train", str(broken), "--out", str(tmp_path / "run")]) == 2
    assert re.search(words, capsys.readouterr().err)
    rows = (tmp_path / "run" / "epochs.csv").read_text().splitlines()
    assert len({row.count(",") for row in rows}) <= 1
    if not rows:
        assert cli.main(["train", str(file), "--out", str(tmp_path / "run"), "--json"]) == 0


def test_a_rule_that_asks_for_what_nobody_gives(tmp_path):
    odd = tmp_path / "odd.py"
    odd.write_text(MODEL.replace("x, labels, epochs, seed=0,", "x, labels, teacher, epochs, seed=0,"))
    with pytest.raises(SnnDeployError, match="SD891 learn.*'teacher'"):
        sd.train(str(odd))


def test_numbers_of_numpy_and_torch_are_rows_as_others(file, tmp_path):
    file.write_text(
        MODEL.replace(
            '"seed": seed}', '"seed": torch.tensor(seed), "w": module[0].weight[0, 0], "moved": np.float32(0.5)}'
        )
    )
    sd.train(str(file), out=tmp_path / "run")
    with (tmp_path / "run" / "epochs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(float(row["moved"]), int(row["seed"])) for row in rows] == [(0.5, 0)] * 3


def test_what_a_rule_draws_follows_the_seed(file):
    """Whatever was drawn before, of every generator that a rule may use."""
    drawn = '{"np": np.random.rand(), "torch": torch.rand(1), "py": __import__("random").random()}'
    file.write_text(MODEL.replace('{"epoch_seen": epoch, "samples": x.shape[1], "seed": seed}', drawn))
    rows = []
    for k, seed in enumerate((1, 1, 2)):
        np.random.seed(k)
        sd.train(str(file), out=file.parent / str(k), seed=seed)
        with (file.parent / str(k) / "epochs.csv").open() as stream:
            rows.append([(row["np"], row["torch"], row["py"]) for row in csv.DictReader(stream)])
    assert rows[0] == rows[1]
    assert all(a != b for one, two in zip(rows[0], rows[2], strict=True) for a, b in zip(one, two, strict=True))


def test_what_was_left_out_of_the_data_is_told(file):
    from snndeploy.train.data import Data

    x, y = models.load(str(file)).data()
    done = sd.train(str(file), Data(x, y, x, y, notes=("2 damaged recordings were left out: a, b",)))
    assert "2 damaged recordings were left out: a, b" in str(done)


def test_defaults_of_learn_hold_where_nothing_is_said(file):
    file.write_text(MODEL.replace('"epochs": 3, ', "").replace("epochs, seed=0", "epochs=2, seed=0"))
    assert len(sd.train(str(file)).history) == 2
    assert len(sd.train(str(file), epochs=1).history) == 1


def test_logs_of_another_run_are_left_as_they_are(file, tmp_path):
    sd.train(str(file), out=tmp_path / "a", log=tmp_path / "log")
    before = (tmp_path / "log" / "epochs.csv").read_bytes()
    with pytest.raises(SnnDeployError, match=r"SD842 .*epochs.csv"):
        sd.train(str(file), out=tmp_path / "b", log=tmp_path / "log")
    assert (tmp_path / "log" / "epochs.csv").read_bytes() == before


def test_a_rule_that_is_stopped_is_not_said_to_go_on(file, tmp_path, capsys):
    file.write_text(MODEL.replace("    # the second", "    raise KeyboardInterrupt\n    # the second"))
    assert cli.main(["train", str(file), "--out", str(tmp_path / "run")]) == 130
    said = capsys.readouterr().err
    assert "stopped" in said
    assert "--resume" not in said
