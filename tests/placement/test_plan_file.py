"""A plan as a file: it comes back as it was, for its own network only, and no change goes unnoticed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network import Dense
from snndeploy.network.maps import chain_matrix
from snndeploy.placement import place, plan_file, report

sys.path.append(str(Path(__file__).parent))
from test_place import small, two_layers


@pytest.fixture
def placed(tmp_path):
    network = two_layers(30, 40, 10)
    plan = place(network, small(neurons=15))
    plan_file.write(plan, network, tmp_path / "plan.json")
    return network, plan, tmp_path / "plan.json"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**20), st.integers(2, 20))
def test_a_plan_comes_back_as_it_was(tmp_path_factory, seed, neurons):
    network = integer_network(np.random.default_rng(seed), frozenset({"convolution", "recurrence", "skip", "delay"}))
    try:
        plan = place(network, small(neurons=neurons))
    except VerdictError:
        return
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    plan_file.write(plan, network, path)
    again = plan_file.read(path, network)
    assert again.as_dict() == plan.as_dict()
    assert plan_file.text(again, network) == path.read_text()
    for name, on in plan.core_of.items():
        assert again.core_of[name].dtype == on.dtype == np.int64


def test_the_map_leads_both_ways(placed):
    _, plan, path = placed
    given = json.loads(path.read_text())
    back = [[] for _ in plan.cores]
    for core, held in enumerate(given["cores_hold"]):
        for name, runs in held:
            back[core] += [(name, n) for first, last in runs for n in range(first, last + 1)]
    for name, on in plan.core_of.items():
        for neuron, core in enumerate(on):
            assert (name, neuron) in back[core]
    assert sum(map(len, back)) == 50


def test_another_network_is_refused(placed):
    network, _, path = placed
    rule = replace(network.populations[0].rule, vth=501)
    other = network.with_(populations=(replace(network.populations[0], rule=rule), network.populations[1]))
    with pytest.raises(SnnDeployError, match="SD260 .*plan of another network"):
        sd.run(other, np.ones((2, 1, 30), int), placement=path)


def rehashed(given: dict) -> str:
    given.pop("checksum", None)
    return json.dumps({**given, "checksum": plan_file._checksum(given)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace('"core_of": {"fc1": [0', '"core_of": {"fc1": [1'), "checksum differs"),
        (lambda text: text[:-40], "it cannot be read"),
        (lambda text: "[]", "no plan of snndeploy"),
        (lambda text: "{}", "no plan of snndeploy"),
        (lambda text: text.replace('"snndeploy_plan": 1', '"snndeploy_plan": 99'), "version 99"),
        (lambda text: rehashed({**json.loads(text), "core_of": {"fc1": [0]}}), "does not hold what a plan holds"),
        (lambda text: rehashed({**json.loads(text), "core_of": {"fc1": [0], "fc2": [0]}}), "has 1 neurons"),
        (lambda text: rehashed({**json.loads(text), "core": [{"index": 0}]}), "does not hold what a plan holds"),
        (lambda text: rehashed({**json.loads(text), "sites": [[0, 0]]}), "does not hold what a plan holds"),
    ],
)
def test_a_changed_plan_is_refused_by_name(placed, change, told):
    network, _, path = placed
    changed = change(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(SnnDeployError, match=f"SD263 .*{told}"):
        plan_file.read(path, network)


def test_from_place_to_run_on_the_command_line(tmp_path, capsys):
    rng = np.random.default_rng(5)
    network = integer_network(rng, frozenset({"convolution"}))
    x = spikes_for(rng, network, 6, 2)["in"]
    sd.write(network, tmp_path / "q.nir")
    np.save(tmp_path / "x.npy", x)

    def call(*words: str, code: int = 0) -> str:
        assert cli.main([*words]) == code
        return capsys.readouterr().out

    model, plan = str(tmp_path / "q.nir"), str(tmp_path / "plan.json")
    call("place", model, "--target", "loihi1", "-o", plan)
    for engine in ("reference", "cores"):
        run = ("run", model, "--input", str(tmp_path / "x.npy"), "--json")
        whole = json.loads(call(*run))
        cores = json.loads(call(*run, "--placement", plan, "--engine", engine))
        assert cores["spikes"] == whole["spikes"]
        assert cores["engine"].startswith(engine)
    call("place", model, "--target", "loihi1", "--tables", str(tmp_path / "t.npz"))
    tables = np.load(tmp_path / "t.npz")  # no name in it needs pickle
    joined = np.zeros((int(tables["compartment_start"][-1]), len(tables["axon_projection"])), int)
    start = tables["synapse_start"]
    for axon in range(len(start) - 1):  # the only core is core 0
        for s in range(start[axon], start[axon + 1]):
            joined[tables["synapse_compartment"][s], axon] += tables["synapse_mantissa"][s]
    p = network.projections[0]
    whole = np.zeros((joined.shape[0], x[0, 0].size), int)
    for i in range(x[0, 0].size):
        sent = tables["routes_axon/in"][tables["routes_start/in"][i] : tables["routes_start/in"][i + 1]]
        whole[:, i] = joined[:, [a for a in sent if tables["axon_projection"][a] == 0]].sum(axis=1)
    here = tables[f"compartment_of/{p.target}"]
    np.testing.assert_array_equal(whole[here], chain_matrix(p.maps, network.shapes[p.source]).toarray())
    both = ("--tables", plan, "-o", plan)
    assert "the same file as --output" in call("place", model, "--target", "loihi1", *both, "--json", code=2)
    labelled = ("--placement", plan, "--labels", str(tmp_path / "x.npy"))
    assert "SD800" in call("run", model, "--input", str(tmp_path / "x.npy"), *labelled, "--json", code=2)
    assert "cores needs a placement" in call(
        "run", model, "--input", str(tmp_path / "x.npy"), "--engine", "cores", "--json", code=2
    )


def test_a_report_fits_its_columns_and_adds_up():
    network = two_layers(30, 700, 300)
    stairs = 2 * (np.arange(30) < 1 + np.arange(700)[:, None] // 9 % 30)
    first = replace(network.projections[0], maps=(Dense(stairs),))
    network = network.with_(projections=(first, network.projections[1]))
    plan = place(network, small(neurons=9))
    assert len(plan.cores) > 100
    short, whole = report.text(plan), report.text(plan, all_cores=True)
    for text in (short, whole):
        assert max(map(len, text.splitlines())) <= report.WIDTH
        assert text.splitlines()[-1].split()[-3:] == [f"{len(plan.cores)}", "in", "all"]
    assert "see --all-cores" in short
    assert "see --all-cores" not in whole
    lines = {each["population"]: each for each in report.layers(plan)}
    assert lines["fc1"]["neurons"] == 700
    assert lines["fc1"]["cores"] + lines["fc2"]["cores"] >= len(plan.cores)
    assert lines["fc1"]["fullest"] == "neurons"


def test_cores_that_are_alike_share_a_row():
    network = two_layers(5, 40, 10)
    text = report.text(place(network, small(neurons=10)))
    row = next(line for line in text.splitlines() if "0-3: fc1 (10)" in line)
    assert row.split()[-4] == "4"
