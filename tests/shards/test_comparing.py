"""Engines over a data set, and files of traces, compared shard by shard: the verdict of the whole."""

import json

import numpy as np
import pytest
from random_networks import integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import trace_file
from snndeploy.errors import SnnDeployError

RECORD = ("spikes", "u", "v")


@pytest.fixture(scope="module")
def net():
    return integer_network(np.random.default_rng(3))


@pytest.fixture(scope="module")
def x(net):
    return spikes_for(np.random.default_rng(1), net, 12, 23)["in"]


def plain(found):
    return found.as_dict()


@pytest.mark.parametrize("workers", [1, 2])
def test_engines_over_a_data_set(workers, net, x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    engines = ("reference", "torch", "lava") if workers == 1 else ("reference", "reference")
    whole = [sd.run(net, x, engine, RECORD) for engine in engines]
    expected = [plain(sd.compare(whole[0], other)) for other in whole[1:]]
    found = sd.compare_engines(net, tmp_path / "x.npy", engines, shard_size=5, workers=workers)
    assert [plain(each) for each in found] == expected


def tampered(trace, sample):
    name = next(iter(trace.v))
    trace.v[name][4, sample] += 1
    return trace


def test_files_of_any_cut_compare_as_the_whole(in_process, net, x, tmp_path):
    whole = sd.run(net, x, record=RECORD)
    trace_file.write(whole, tmp_path / "whole.npz")
    for size in (4, 7):
        sd.evaluate(net, x, record=RECORD, output=tmp_path / f"by{size}.npz", shard_size=size)
    other = tampered(sd.run(net, x, "torch", RECORD), 17)
    trace_file.write(other, tmp_path / "other.npz")
    files = [tmp_path / name for name in ("whole.npz", "by4.npz", "by7.npz")]
    for a in (*files, whole):
        for b in files:
            assert sd.compare(a, b).identical
        found, expected = sd.compare(a, tmp_path / "other.npz"), sd.compare(whole, other)
        assert plain(found) == plain(expected)
        assert (found.first.batch, found.first.step, found.first.what) == (17, 4, "v")
    sd.evaluate(net, x[:, :-1], record=RECORD, output=tmp_path / "short.npz", shard_size=4)
    with pytest.raises(SnnDeployError, match="SD702"):
        sd.compare(files[1], tmp_path / "short.npz")
    sd.evaluate(net, np.flip(x, 1), record=RECORD, output=tmp_path / "flipped.npz", shard_size=4)
    with pytest.raises(SnnDeployError, match=r"SD703 samples 0 to 3, input 'in'"):
        sd.compare(files[1], tmp_path / "flipped.npz")


def test_commands(net, x, tmp_path, capsys):
    sd.write(net, tmp_path / "q.nir")
    (tmp_path / "many").mkdir()
    for i in range(23):
        np.save(tmp_path / "many" / f"{i}.npy", x[:, i])
    args = ["compare", f"{tmp_path}/q.nir", "--data", f"{tmp_path}/many", "--engines", "reference,torch"]
    assert cli.main([*args, "--shard-size", "6", "-o", f"{tmp_path}/verdict.json", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((tmp_path / "verdict.json").read_text())
    assert said["comparisons"][0]["identical"]
    assert sum(row["bins"] for row in said["comparisons"][0]["table"]) == sum(
        int(np.prod(rows.shape)) for rows in sd.run(net, x).spikes.values()
    )
    for engine, size in (("reference", "4"), ("torch", "10")):
        args = ["run", f"{tmp_path}/q.nir", "--data", f"{tmp_path}/many", "--engine", engine, "--shard-size", size]
        assert cli.main([*args, "-o", f"{tmp_path}/{engine}.npz", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["samples"] == 23
    assert cli.main(["compare", f"{tmp_path}/reference.npz", f"{tmp_path}/torch.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["comparisons"][0]["identical"]


def test_a_damaged_shard_is_named(net, x, tmp_path):
    out = tmp_path / "t.npz"
    sd.evaluate(net, x, output=out, shard_size=4)
    whole = bytearray(out.read_bytes())
    at = whole.rfind(b"spikes/")
    whole[at - 200] ^= 255
    (tmp_path / "bad.npz").write_bytes(whole)
    with pytest.raises(SnnDeployError, match="SD806"):
        trace_file.read(tmp_path / "bad.npz")
