"""The command train: options, what it prints and writes, what it refuses."""

import csv
import json

import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import cli
from snndeploy.train import logs

MODEL = """
import numpy as np
import snntorch as snn
from torch import nn

TRAIN = {"epochs": 3, "batch": 8, "lr": 0.01, "optimizer": "adamw"}

def build():
    return nn.Sequential(nn.Linear(8, 4), snn.Leaky(0.8, init_hidden=True))

def data(folder=None):
    held = np.load(folder / "mine.npz")
    return held["x"], held["labels"]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """mine.py, mine.npz with labels, test.npz, and a run that was trained."""
    folder = tmp_path_factory.mktemp("command")
    (folder / "mine.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 40)
    x = (rng.random((6, 40, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    np.savez(folder / "mine.npz", x=x[:, :30], labels=labels[:30])
    np.savez(folder / "test.npz", x=x[:, 30:], labels=labels[30:])
    assert run(folder, "run") == 0
    return folder


def run(folder, out, *more):
    test = () if "--test" in more else ("--test", f"{folder}/test.npz")
    given = ["--data", f"{folder}/mine.npz", *test, "--out", f"{folder}/{out}", "--device", "cpu", "--json"]
    return cli.main(["train", f"{folder}/mine.py", *given, *more])


def test_what_is_said_goes_before_what_the_file_says(files, capsys):
    assert run(files, "said", "--epochs", "2", "--lr", "0.5", "--scheduler", "none", "--seed", "4") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["epochs"] == len(found["history"]) == 2
    with (files / "said" / "batches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["lr"] for row in rows} == {"0.5"}
    assert [int(row["samples"]) for row in rows] == [8, 8, 8, 6] * 2


def test_the_file_that_is_delivered_decides_as_the_result_says(files, capsys):
    assert run(files, "run", "--resume") == 0
    found = json.loads(capsys.readouterr().out)
    held = np.load(files / "test.npz")
    decided = sd.run(sd.read(found["network"]), held["x"], "torch").decisions()
    assert np.mean(decided == held["labels"]) == found["accuracy"]
    assert found["proof"].startswith("identical")


def test_the_same_run_by_function(files):
    held, test = np.load(files / "mine.npz"), np.load(files / "test.npz")
    done = sd.train(str(files / "mine.py"), (held["x"], held["labels"]), test=(test["x"], test["labels"]))
    state = torch.load(files / "run" / "best.pt", weights_only=True)
    assert torch.equal(done.module[0].weight, state["0.weight"])
    assert "module and network agree" in str(done)


def test_a_folder_goes_to_the_data_of_the_file(files, capsys):
    given = ["--data", str(files), "--test", f"{files}/test.npz", "--device", "cpu", "--json"]
    assert cli.main(["train", f"{files}/mine.py", "--out", f"{files}/folder", *given]) == 0
    state = [torch.load(files / each / "best.pt", weights_only=True)["0.weight"] for each in ("run", "folder")]
    assert torch.equal(*state)


def test_an_epoch_is_a_line_where_no_bar_can_be_drawn(files, capsys):
    given = ["--data", f"{files}/mine.npz", "--out", f"{files}/lines", "--device", "cpu", "--validation", "0.3"]
    assert cli.main(["train", f"{files}/mine.py", *given]) == 0
    out, err = capsys.readouterr()
    assert err.count("epoch ") == 3
    assert "held back" in err
    assert "best epoch" in out
    assert "best.nir" in err


def test_the_best_epoch_is_tested_alone(files, capsys):
    assert run(files, "run", "--test-only") == 0
    alone = json.loads(capsys.readouterr().out)
    assert run(files, "run", "--resume") == 0
    after = json.loads(capsys.readouterr().out)
    assert alone["accuracy"] == after["accuracy"]
    assert alone["rates"] == after["rates"]
    assert after["proof"]
    assert after["network"].endswith("best.nir")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--rates", "lif"], "population=low:high"),
        (["--optimizer", "lion"], "choose from adam, "),
        (["--precision", "16-mixed"], "lose what is small"),
        (["--device", "cuda"], "torch finds no CUDA device here"),
        (["--momentum", "0.9"], "adamw has no setting momentum"),
        (["--validation", "1"], "no share within 0..1"),
        (["--loss", "nll"], "ce_rate_loss"),
        (["--decision", "last-v"], "choose from spike-count"),
        (["--test", "/nowhere.npz"], "no such"),
        (["--layout", "batch"], "choose from time-major"),
        (["--prove", "0"], "prove nothing"),
        (["--test-only", "--weights", "{f}/run/best.pt"], "leave one of the two out"),
        (["--labels", "{f}/several.npz"], "labels are also in"),
        (["--test", "{f}/x.npy", "--test-labels", "{f}/several.npz"], "it holds a, b, and labels are one array"),
        (["--test", "{f}/x.npy", "--test-labels", "{f}/column.npy"], "its labels are (10, 1), not (sample,)"),
    ],
)
def test_what_is_refused(files, more, words, capsys):
    if "cuda" in more and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    np.savez(files / "several.npz", a=np.arange(10), b=np.arange(10))
    np.save(files / "x.npy", np.zeros((6, 10, 8), np.float32))
    np.save(files / "column.npy", np.arange(10)[:, None] % 4)
    assert run(files, "new", *(each.format(f=files) for each in more)) == 2
    found = json.loads(capsys.readouterr().out)["error"]
    assert words in found[0]["what"] + found[0]["fix"]
    assert not (files / "new").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--labels", "{f}/y.npy"], "SD800 --labels: there are no samples that they are of"),
        (["--data", "{f}", "--labels", "{f}/y.npy"], "SD800 --labels"),
        (["--test-labels", "{f}/y.npy"], "SD800 --test-labels"),
    ],
)
def test_labels_of_no_samples_are_refused(files, tmp_path, more, words, capsys):
    """They were passed over, and something else was trained on."""
    np.save(files / "y.npy", np.arange(30) % 4)
    given = ["--out", f"{tmp_path}/new", "--epochs", "1"]
    assert cli.main(["train", f"{files}/mine.py", *given, *(each.format(f=files) for each in more)]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_data_that_fails_is_told_with_its_line(tmp_path, capsys):
    file = tmp_path / "fails.py"
    file.write_text(MODEL.partition("def data")[0] + "def data():\n    return open('none.npz')\n")
    line = len(file.read_text().splitlines())
    assert cli.main(["train", str(file), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert f"SD804 {file}:{line}: data() failed: FileNotFoundError" in said


def test_all_steps_at_once(files, capsys):
    assert run(files, "at-once", "--accelerate") == 0
    told = json.loads(capsys.readouterr().out)
    assert run(files, "step-by-step") == 0
    slow = json.loads(capsys.readouterr().out)
    assert told["loss"] == pytest.approx(slow["loss"], rel=1e-3)
    assert any("identical" in note for note in told["notes"])
    assert (files / "at-once" / "best.nir").exists()


def scalars(folder):
    """(tag, step) -> number, of all event files; a step that is there twice counts as it was written last."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {(tag, each.step): each.value for tag in events.Tags()["scalars"] for each in events.Scalars(tag)}


def test_tensorboard_has_the_numbers_of_the_csv_files(files):
    pytest.importorskip("tensorboard")
    begin = ["--tensorboard", "--scheduler", "none"]
    assert run(files, "board", *begin, "--epochs", "1") == 0
    assert run(files, "board", *begin, "--epochs", "3", "--resume") == 0
    found = scalars(files / "board")
    for name, count in (("batches", 12), ("epochs", 3)):
        with (files / "board" / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == count
        wanted = {(f"{name}/{key}", k + 1): float(v) for k, row in enumerate(rows) for key, v in row.items() if v}
        assert wanted.keys() == {key for key in found if key[0].startswith(name)}
        for key, number in wanted.items():
            assert found[key] == pytest.approx(number, rel=1e-6), key


def test_tensorboard_says_how_to_install_it(files, capsys, monkeypatch):
    monkeypatch.setattr(logs, "find_spec", lambda name: None)
    assert run(files, "none", "--tensorboard") == 3
    assert "pip install tensorboard" in json.loads(capsys.readouterr().out)["error"][0]["fix"]
    assert not (files / "none").exists()


def test_testing_alone_with_all_steps_at_once(files, capsys):
    """The same accuracy and rates; what cannot be accelerated is refused here too."""
    assert run(files, "run", "--test-only") == 0
    slow = json.loads(capsys.readouterr().out)
    assert run(files, "run", "--test-only", "--accelerate") == 0
    fast = json.loads(capsys.readouterr().out)
    assert {**slow, "seconds": 0} == {**fast, "seconds": 0, "loss": pytest.approx(slow["loss"], rel=1e-5)}
    assert run(files, "run", "--test-only", "--accelerate", "--precision", "bf16-mixed") == 2
    assert "SD846" in capsys.readouterr().out


def test_memory_settings(files, capsys):
    assert run(files, "again", "--recompute", "2", "--truncate", "4", "--accelerate") == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 3
    assert run(files, "again", "--resume", "--truncate", "3", "--accelerate") == 2
    found = json.loads(capsys.readouterr().out)["error"]
    assert [each["where"].rpartition(": ")[2] for each in found] == ["recompute", "truncate"]


def test_a_run_begins_from_the_weights_of_another(files, capsys):
    still = ("--epochs", "1", "--lr", "1e-12", "--optimizer", "sgd")
    assert run(files, "begun", *still, "--weights", f"{files}/run/best.pt") == 0
    begun, before = (torch.load(files / name / "best.pt", weights_only=True) for name in ("begun", "run"))
    assert all(torch.allclose(begun[name], before[name], rtol=0, atol=1e-9) for name in before)
    assert run(files, "fresh", *still) == 0
    fresh = torch.load(files / "fresh" / "best.pt", weights_only=True)
    assert not all(torch.allclose(fresh[name], before[name], atol=1e-3) for name in before)
    torch.save({"0.weight": torch.zeros(3, 8)}, files / "other.pt")
    assert run(files, "other", "--weights", f"{files}/other.pt") == 2
    assert "SD805" in capsys.readouterr().out
