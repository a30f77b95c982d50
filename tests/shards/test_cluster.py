"""Shards on a Dask cluster: a scheduler and workers in this process, on a port that the system chooses."""

import json
import socket

import numpy as np
import pytest
from random_networks import integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform import state_equal
from snndeploy.engines import trace_file
from snndeploy.errors import SnnDeployError
from snndeploy.shards import cluster

RECORD = ("spikes", "u", "v")


@pytest.fixture(scope="module")
def net():
    return integer_network(np.random.default_rng(3))


@pytest.fixture(scope="module")
def x(net):
    return spikes_for(np.random.default_rng(1), net, 12, 23)["in"]


@pytest.fixture(scope="module")
def address():
    from distributed import LocalCluster

    options = {"processes": False, "dashboard_address": None, "protocol": "tcp", "silence_logs": 50}
    with LocalCluster(n_workers=2, threads_per_worker=2, **options) as made:
        yield made.scheduler_address


@pytest.mark.parametrize("how", ["file", "array", "folder"])
def test_a_cluster_gives_the_same_file(how, net, x, tmp_path, address):
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "many").mkdir()
    for i in range(23):
        np.save(tmp_path / "many" / f"{i}.npy", x[:, i])
    data = {"file": tmp_path / "x.npy", "array": x, "folder": tmp_path / "many"}[how]
    for name, scheduler in (("here", None), ("there", address)):
        sd.evaluate(net, data, record=RECORD, output=tmp_path / name, shard_size=3, scheduler=scheduler)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert state_equal(trace_file.read(tmp_path / "there"), sd.run(net, x, record=RECORD))


def test_files_that_workers_do_not_see_are_sent(net, x, tmp_path, address, monkeypatch):
    monkeypatch.setattr(cluster, "_visible", lambda client, source: False)
    bad = x.astype(float)
    bad[3, 7].flat[0] = np.nan
    np.save(tmp_path / "x.npy", bad)
    with pytest.raises(SnnDeployError, match=r"SD104 .*x\.npy: sample 7: input 'in'"):
        sd.evaluate(net, tmp_path / "x.npy", output=tmp_path / "out.json", shard_size=3, scheduler=address)
    np.save(tmp_path / "x.npy", x)
    found = sd.evaluate(net, tmp_path / "x.npy", output=tmp_path / "out.json", shard_size=3, scheduler=address)
    assert found.resumed == 7
    assert found.spikes == {name: int(rows.sum()) for name, rows in sd.run(net, x).spikes.items()}


def test_other_versions_on_a_worker_are_named(net, x, address, monkeypatch):
    own = cluster.wanted_versions
    monkeypatch.setattr(cluster, "wanted_versions", lambda task: own(task) | {"numpy": "1.26.4", "spyketorch": "1.0"})
    with pytest.raises(SnnDeployError) as caught:
        sd.evaluate(net, x, shard_size=3, scheduler=address)
    told = {(each.code, each.what.split(",")[0]) for each in caught.value.findings}
    assert told == {("SD823", f"it has numpy {np.__version__}"), ("SD823", "it has no spyketorch")}
    assert len(caught.value.findings) == 4
    assert all(each.where.startswith("worker tcp://") for each in caught.value.findings)


def test_a_scheduler_that_does_not_answer(net, x, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "ANSWER", 0.3)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]  # nobody listens on it
        sd.write(net, tmp_path / "q.nir")
        np.save(tmp_path / "x.npy", x)
        for address in (f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1:none", "nonsense"):
            args = ["run", f"{tmp_path}/q.nir", "--data", f"{tmp_path}/x.npy", "--scheduler", address, "--json"]
            assert cli.main(args) == 2
            out, err = capsys.readouterr()
            assert not err
            said = json.loads(out)["error"][0]
            assert said["code"] == "SD823"
            assert said["where"] == f"scheduler {address}"
