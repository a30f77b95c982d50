"""card: what it says where something is missing, differs, or cannot be deployed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli, models
from snndeploy.card.describe import margin
from snndeploy.card.measuring import Measured, kept, measured
from snndeploy.card.samples import samples_of, sources_of
from snndeploy.conform import verify as comparing
from snndeploy.errors import SnnDeployError
from snndeploy.train import record

MODEL = """
import numpy as np
import snntorch as snn
from torch import nn
from snndeploy.train.data import Data

TRAIN = {"epochs": 3, "batch": 8, "lr": 0.02}

def build(pool=False):
    first = nn.Sequential(nn.Unflatten(1, (1, 8)), nn.MaxPool1d(2), nn.Flatten()) if pool else nn.Identity()
    return nn.Sequential(nn.Linear(8, 8), first, snn.Leaky(0.75, init_hidden=True, reset_mechanism="zero"),
        nn.Linear(4 if pool else 8, 4), snn.Leaky(0.5, init_hidden=True, reset_mechanism="zero"))

def data(pool=False):
    '''Four patterns under noise.'''
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 4
    x = (rng.random((6, 96, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    return Data(x[:, :64], labels[:64], x[:, 64:], labels[64:])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """mine.py, and a run of it."""
    folder = tmp_path_factory.mktemp("card")
    (folder / "mine.py").write_text(MODEL)
    assert cli.main(["train", f"{folder}/mine.py", "--out", f"{folder}/run", "--device", "cpu", "--json"]) == 0
    return folder / "run"


def card(run, *more) -> int:
    return cli.main(["card", str(run), "--method", "adaptive", "--lava", "1", *map(str, more)])


def test_numbers_are_those_of_the_verbs(run, tmp_path):
    done = sd.card(run, "loihi1", out=tmp_path, lava=0, samples=20, integers=True, notes=["seen before"])
    net, integers = sd.read(tmp_path / "mine.nir"), sd.read(tmp_path / "mine.loihi1.nir")
    data = models.load(str(run.parent / "mine.py")).data()
    which = np.linspace(0, 31, 20).round().astype(int)
    x, y = data.test[:, which], data.test_labels[which]
    wanted, got = (sd.run(each, x).decisions() for each in (net, integers))
    assert done.accuracy == float(np.mean(wanted == y))
    assert done.integer_accuracy == float(np.mean(got == y))
    assert done.kept == float(np.mean(wanted == got))
    rates = {name: float(rows.mean()) for name, rows in sd.run(integers, x).spikes.items()}
    assert done.numbers["integer"]["rates"] == pytest.approx(rates)
    silent = {name: int((~rows.any(axis=(0, 1))).sum()) for name, rows in sd.run(integers, x).spikes.items()}
    assert done.numbers["integer"]["silent"] == silent
    said = ", ".join(f"{count} of {name!r}" for name, count in silent.items() if count)
    assert said
    assert f"neurons of the integers that never spike in the test samples: {said}" in done.numbers["limits"]
    assert done.numbers["placement"]["cores"] == len(sd.place(integers, "loihi1").cores)
    assert done.numbers["notes"] == ["seen before"]
    assert "> seen before" in done.text
    assert done.numbers["lava"] is None
    assert "Lava was not asked" in done.numbers["limits"]
    assert json.loads((tmp_path / "mine.json").read_text()) == json.loads(json.dumps(done.numbers))


def test_how_close_the_changed_decisions_were():
    ours, theirs = np.array([4, 0, 2, 2, 2]), np.array([4, 0, 2, 1, 0])
    scores = np.array([[0, 3, 3, 9, 12], [7, 0, 0, 0, 7], [5, 1, 6, 0, 0], [0, 4, 6, 0, 0], [2, 0, 3, 1, 0]])
    assert scores.argmax(axis=1).tolist() == ours.tolist()
    best = np.sort(scores, axis=1)
    float_, integer = (
        Measured("e", "d", 5, decisions, ours, best[:, -1] - best[:, -2], {}, 0.0) for decisions in (ours, theirs)
    )
    # the last two changed, won by 2 and by 1; of all five a tie, and a third one by 1, were won by no more
    assert kept(float_, integer)["margin"] == {"most": 2, "share": 4 / 5}
    assert kept(float_, float_)["margin"] is None
    assert (
        margin({"most": 2, "share": 0.8}) == "each that changed had been won by 2 spikes at most, as 80.0% of all are"
    )
    assert "a tie" in margin({"most": 0, "share": 0.1})
    assert "by 1 spike at most" in margin({"most": 1, "share": 0.1})


def split_of(run):
    return samples_of(sources_of(record.read(run)), None).test


def test_margins_are_those_of_the_counts(run):
    own = models.load(str(run.parent / "mine.py")).data()
    network = sd.read(run / "best.nir")
    found = measured(network, split_of(run), lambda done, of: None)
    counts = np.sort(sd.run(network, own.test).spikes[network.decision.population].sum(axis=0), axis=1)
    np.testing.assert_array_equal(found.margins, counts[:, -1] - counts[:, -2])
    assert len(set(found.margins.tolist())) > 2
    by_membrane = network.with_(decision=replace(network.decision, rule="max-v"))
    assert measured(by_membrane, split_of(run), lambda done, of: None).margins is None


@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_samples_that_the_network_was_trained_on_are_not_called_held_back(run, tmp_path, validation):
    trained = sd.train(str(run.parent / "mine.py"), out=tmp_path / "run", validation=validation, epochs=1)
    done = sd.card(tmp_path / "run", out=tmp_path, lava=0)
    count = trained.trained.sources.train.samples
    which = "held back" if validation else "that the network was trained on"
    assert f"samples {which}" in done.numbers["method"]["why"]
    assert done.numbers["data"]["selection"]["unseen"] is bool(validation)
    said = any("--validation" in each and "surer" in each for each in done.numbers["limits"])
    assert said is not bool(validation)
    assert count == done.numbers["data"]["train"]


def test_the_test_split_chooses_nothing(run, tmp_path):
    """Other test samples, the same integers."""
    own = models.load(str(run.parent / "mine.py")).data()
    other = replace(own, test=1 - own.test)
    a, b = (sd.card(run, out=tmp_path / str(k), lava=0, data=each) for k, each in enumerate((own, other)))
    assert a.integers.with_(source=None) is not None
    for p, q in zip(a.integers.projections, b.integers.projections, strict=True):
        assert all(np.array_equal(m.weight, n.weight) for m, n in zip(p.maps, q.maps, strict=True) if m.weighted)
    assert a.numbers["method"] == b.numbers["method"]
    assert a.numbers["float"]["right"] != b.numbers["float"]["right"]


def test_a_bit_that_lava_gives_otherwise_ends_with_1(run, tmp_path, monkeypatch, capsys):
    real = comparing.run

    def faulty(network, inputs, name, record):
        trace = real(network, inputs, name, record)
        if name != "lava" or network.form != "integer":
            return trace
        population = network.outputs[0]
        v = trace.v[population].copy()
        v[-1, 0, 0] += 1
        return replace(trace, v={**trace.v, population: v})

    monkeypatch.setattr(comparing, "run", faulty)
    assert card(run, "--out", tmp_path) == 1
    found = json.loads((tmp_path / "mine.json").read_text())
    assert found["lava"]["differing"] == 1
    assert found["lava"]["identical"] is False
    assert any("engines differ" in each for each in found["limits"])
    assert "**1 differ**" in capsys.readouterr().out


def test_a_module_that_cannot_be_deployed_has_its_accuracy_and_the_reason(run, tmp_path, capsys):
    file, out = run.parent / "mine.py", tmp_path / "run"
    assert cli.main(["train", str(file), "--out", str(out), "--set", "pool=true", "--no-capture", "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert card(out, "--name", "pooled", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["float"]["accuracy"] == pytest.approx(trained["accuracy"])
    assert "integer" not in found
    assert any("maximum" in each or "MaxPool1d" in each for each in found["why_not"])
    assert any(each.startswith("it cannot be deployed: ") for each in found["limits"])
    assert sorted(path.name for path in out.glob("pooled*")) == ["pooled.json", "pooled.md"]


def test_no_network_is_written_where_none_is_wanted(run, tmp_path):
    assert card(run, "--out", tmp_path, "--no-nir") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.md"]


def test_what_is_asked_for_wrongly_is_named(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for more, said in (
        (["--method", "nothing"], "SD609"),
        (["--target", "loihi9"], "SD201"),
        (["--samples", "0"], "SD896"),
        (["--name", "../x"], "SD896"),
        (["--out", f"{tmp_path}/file"], "SD802"),
        (["--data", f"{tmp_path}/nowhere"], "SD804"),
    ):
        assert card(run, *more) == 2
        assert said in capsys.readouterr().err
    assert card(tmp_path) == 2
    assert "SD801" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_network_that_the_target_cannot_hold_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL.replace('"zero"', '"subtract"'))
    sd.train(str(tmp_path / "mine.py"), out=tmp_path / "run", epochs=1)
    with pytest.raises(SnnDeployError, match="SD604|SD206"):
        sd.card(tmp_path / "run", "loihi1", lava=0)
    assert not list((tmp_path / "run").glob("mine.*"))


def test_a_model_file_that_was_changed_since_is_said_to_be(run, tmp_path):
    (tmp_path / "again.py").write_text(MODEL)
    sd.train(str(tmp_path / "again.py"), out=tmp_path / "run", epochs=1)
    said = "the model file was changed after the training"
    before = sd.card(tmp_path / "run", lava=0).numbers["limits"]
    (tmp_path / "again.py").write_text(MODEL + "# more")
    after = sd.card(tmp_path / "run", lava=0).numbers["limits"]
    assert [any(each.startswith(said) for each in limits) for limits in (before, after)] == [False, True]


def test_runs_that_a_run_began_with_are_told_of(run, tmp_path):
    given = ["--weights", str(run / "best.pt"), "--out", str(tmp_path / "run"), "--epochs", "1", "--seed", "7"]
    assert cli.main(["train", str(run.parent / "mine.py"), *given]) == 0
    done = sd.card(tmp_path / "run", lava=0)
    first, second, last = done.numbers["commands"]
    assert "--seed 7" in second
    assert "--seed 7" not in first
    assert first.startswith("snndeploy train ")
    assert last.startswith("snndeploy.card(")
    assert done.numbers["training"]["seconds_before"] > 0
    assert "It began with the weights" in done.text
    shutil.copy(run / "best.pt", tmp_path / "alone.pt")
    given[1] = str(tmp_path / "alone.pt")
    assert cli.main(["train", str(run.parent / "mine.py"), *given[:3], str(tmp_path / "other"), *given[4:]]) == 0
    done = sd.card(tmp_path / "other", lava=0)
    assert done.numbers["training"]["seconds_before"] is None
    assert "alone.pt`, of whose training no record is there." in done.text
    assert any("the commands do not make them" in each for each in done.numbers["limits"])


def test_data_of_ones_own_are_not_said_to_come_with_the_package(run, tmp_path):
    done = sd.card(run, out=tmp_path, lava=0, samples=1)
    assert done.numbers["data"]["embedded"] is False
    assert "Four patterns under noise; as data() of the model file gives them; 6 steps, 4 classes" in done.text
    assert not any("come with the package" in each for each in done.numbers["limits"])


def test_other_data_than_those_of_the_run_are_told(run, tmp_path):
    own = models.load(str(run.parent / "mine.py")).data()
    done = sd.card(run, out=tmp_path, lava=0, data=own)
    said = "measured on arrays that the caller gave; the run was trained on what data() of the model file gives"
    assert said in done.numbers["limits"]
    assert "arrays that the caller gave" in done.text
    assert not any("; the run was trained on" in each for each in sd.card(run, out=tmp_path, lava=0).numbers["limits"])


def test_data_that_are_no_longer_those_of_the_run_are_refused(tmp_path):
    """More samples are split another way: what was learned would be tested."""
    file = tmp_path / "grows.py"
    file.write_text(MODEL.replace("96", "COUNT").replace("TRAIN =", "COUNT = 96\nTRAIN ="))
    sd.train(str(file), out=tmp_path / "run", epochs=1)
    models.load(str(file)).COUNT = 100
    with pytest.raises(SnnDeployError, match="SD896 data: there are 36 samples for test now, and the run had 32"):
        sd.card(tmp_path / "run", lava=0)


def test_what_was_left_out_of_the_data_is_in_the_card(run, tmp_path):
    own = replace(models.load(str(run.parent / "mine.py")).data(), notes=("2 damaged recordings were left out: a, b",))
    sd.train(str(run.parent / "mine.py"), own, out=tmp_path / "run", epochs=1)
    assert "\n\n2 damaged recordings were left out: a, b." in sd.card(tmp_path / "run", lava=0, data=own).text


def test_labels_that_are_gone_are_missed(run, tmp_path, monkeypatch, capsys):
    own = models.load(str(run.parent / "mine.py")).data()
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=own.train, labels=own.train_labels)
    np.savez("b.npz", x=own.test, labels=own.test_labels)
    command = ["train", str(run.parent / "mine.py"), "--data", "a.npz", "--test", "b.npz", "--out", "run"]
    assert cli.main([*command, "--epochs", "1", "--json"]) == 0
    np.savez("b.npz", x=own.test)
    assert cli.main(["card", "run", "--lava", "0"]) == 2
    assert "SD896 b.npz: it held labels" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "3", '{"format": 2}', '{"format": 2, "sessions": []}', "{", ""])
def test_a_damaged_record_is_named_and_written_again(run, tmp_path, capsys, content):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(content)
    assert card(tmp_path / "run") == 2
    assert "SD841" in capsys.readouterr().err
    # what the error says to do
    given = ["--out", f"{tmp_path}/run", "--device", "cpu", "--resume", "--json"]
    assert cli.main(["train", f"{run.parent}/mine.py", *given]) == 0
    done = sd.card(tmp_path / "run", lava=0, method="adaptive")
    assert any(each.startswith("a session of the training") for each in done.numbers["limits"])


def test_methods_to_choose_from_are_all_named(run, capsys):
    assert card(run, "--method", "nothing") == 2
    assert "choose from" in (said := capsys.readouterr().err)
    assert "cheapest or auto; or " in said


def test_the_front_matter_is_yaml(run, tmp_path):
    yaml = pytest.importorskip("yaml")
    text = sd.card(run, out=tmp_path, lava=0).text
    head = yaml.safe_load(text.split("---")[1])
    (result,) = head["model-index"][0]["results"]
    assert head["model-index"][0]["name"] == "mine"
    assert {each["name"] for each in result["metrics"]} == {"float accuracy", "integer accuracy", "decisions kept"}


def test_paths_are_seen_from_where_the_command_ran(tmp_path, monkeypatch):
    from snndeploy.card import describe

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert describe.shown("models/a.py") == "models/a.py"
    assert describe.shown(tmp_path / "data") == "../data"
    assert describe.shown(Path("/somewhere/else/data")) == ".../data"
    said = describe.command(f"snndeploy train a.py --data {tmp_path}/data --x={tmp_path}/here/y --note 'a b'")
    assert said == "snndeploy train a.py --data ../data --x=y --note 'a b'"
