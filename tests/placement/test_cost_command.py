"""`snndeploy cost` and what `place` takes for its arrangement, as a user calls them."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest

from snndeploy import cli, verbs
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    def feed(source, target, *size):
        return Projection(source, target, (Dense(rng.integers(-60, 60, size) * 2),), format=Format())

    network = Network(
        1e-3,
        (Input("in", (9,)),),
        (Population("a", (30,), Registers(4095, 400, 100)), Population("b", (4,), Registers(4095, 400, 100))),
        (feed("in", "a", 30, 9), feed("a", "b", 4, 30)),
        ("b",),
    )
    verbs.write(network, tmp_path / "q.nir")
    np.save(tmp_path / "x.npy", (rng.random((12, 3, 9)) < 0.4).astype(np.int64))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(capsys, *command: str) -> dict:
    assert cli.main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_is_the_verb(folder, capsys):
    said = found(capsys, "cost", "q.nir", "--target", "loihi1", "--data", "x.npy")
    network = verbs.read("q.nir")
    trace = verbs.run(network, np.load("x.npy"), record=("spikes", "u", "v"))
    plan = verbs.place(network, "loihi1", rates=trace)
    own = verbs.cost(plan, network, trace)
    assert said["inference_energy"] == pytest.approx(own.inference_energy.as_dict())
    assert said["inference_time"] == pytest.approx(own.inference_time.as_dict())
    assert said["neurobench"] == own.neurobench.as_dict()
    assert said["notes"] == []
    units = {each["unit"] for each in said["coefficients"]}
    assert units == {"pJ", "ns", "W"}
    assert all(each["source"] and each["certainty"] for each in said["coefficients"])


def test_a_plan_from_a_file_costs_the_same(folder, capsys):
    fresh = found(capsys, "cost", "q.nir", "--target", "loihi1", "--data", "x.npy")
    assert cli.main(["place", "q.nir", "--target", "loihi1", "--data", "x.npy", "-o", "plan.json"]) == 0
    capsys.readouterr()
    kept = found(capsys, "cost", "q.nir", "--target", "loihi1", "--data", "x.npy", "--placement", "plan.json")
    assert kept["dynamic"] == fresh["dynamic"]
    assert cli.main(["cost", "q.nir", "--target", "loihi2", "--data", "x.npy", "--placement", "plan.json"]) == 2
    assert "SD260 placement: it is for 'loihi1'" in capsys.readouterr().err
    network = verbs.read("q.nir")
    trace = verbs.run(network, np.load("x.npy"), record=("spikes", "u", "v"))
    assert verbs.cost("plan.json", network, trace).dynamic.as_dict() == pytest.approx(fresh["dynamic"])


def test_without_bounds_json_has_null(folder, capsys):
    """A step of Loihi 2 may take nothing, as far as has been published, if nothing happens in it."""
    np.save("quiet.npy", np.zeros((2, 1, 9), np.int64))
    said = found(capsys, "cost", "q.nir", "--target", "loihi2", "--data", "quiet.npy")
    assert said["energy_per_step"]["synaptic operations"] == {"low": 0.0, "high": 0.0}
    assert said["throughput"]["low"] > 0


@pytest.mark.skipif(find_spec("sanafe") is None, reason="SANA-FE is not installed")
def test_the_second_opinion_stands_beside_it(folder, capsys):
    command = ["cost", "q.nir", "--target", "loihi1", "--data", "x.npy", "--second-opinion", "sanafe"]
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    assert "second opinion: SANA-FE on 3 samples" in text
    assert "Executed" not in text
    said = found(capsys, *command)["second_opinion"]
    here = said["ours_of_the_same_samples"]["energy"]
    assert here["low"] <= said["sanafe"]["total"] <= here["high"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["cost", "q.nir", "--target", "loihi1", "--data", "x.npy", "--second-opinion", "mine"],
            "SD800 --second-opinion",
        ),
        (["place", "q.nir", "--target", "loihi1", "--rates", "often"], "SD800 --rates often: a rate is no number"),
        (["place", "q.nir", "--target", "loihi1", "--rates", "0.1,a=1"], "SD800 --rates"),
        (["place", "q.nir", "--target", "loihi1", "--rates", "a=0.1"], "SD250 rates of 'in': they are missing"),
        (
            ["place", "q.nir", "--target", "loihi1", "--rates", "1", "--data", "x.npy"],
            "SD800 --rates: it is given beside",
        ),
        (["place", "q.nir", "--target", "loihi1", "--arrange", "well"], "SD251 arrange 'well'"),
    ],
)
def test_what_is_wrong_is_named(folder, capsys, command, said):
    assert cli.main(command) == 2
    assert said in capsys.readouterr().err
