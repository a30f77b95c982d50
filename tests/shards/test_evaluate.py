"""A data set in shards gives what the whole gives: in order, complete, bit for bit, from every kind of source."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from random_networks import PLAIN, float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform import state_equal
from snndeploy.engines import trace_file
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Rule
from snndeploy.shards import plan
from snndeploy.shards.source import digest

RECORD = ("spikes", "u", "v")


def network(seed, make=integer_network):
    net = make(np.random.default_rng(seed))
    return net.with_(decision=Decision(net.outputs[0], "spike-count" if spiking(net) else "last-v"))


def spiking(net):
    return net.population[net.outputs[0]].rule.spiking


@pytest.fixture(scope="module")
def net():
    return network(3)


@pytest.fixture(scope="module")
def x(net):
    return spikes_for(np.random.default_rng(1), net, 12, 23)["in"]


def save_each(folder, x, form):
    """One file per sample or block, in an order that only natural sorting gives."""
    folder.mkdir()
    for i in range(x.shape[1]):
        if form == "samples":
            np.save(folder / f"{i}.npy", x[:, i])
        elif form == "npz":
            np.savez_compressed(folder / f"{i}.npz", x[:, i])
    if form == "blocks":
        for i, (a, b) in enumerate([(0, 4), (4, 5), (5, 16), (16, 23)]):
            np.save(folder / f"part{9 + i}.npy", x[:, a:b])
    return folder


def given(how, folder, x):
    """The same samples, as a data set can come."""
    path = folder / "x.npy"
    match how:
        case "array":
            return x
        case "npy" | "memmap":
            np.save(path, x)
            return path if how == "npy" else np.load(path, mmap_mode="r")
        case "fortran":
            np.save(path, np.asfortranarray(x))
            return path
        case "part of a memmap":
            np.save(path, np.concatenate([x, x], 1))
            return np.load(path, mmap_mode="r")[:, : x.shape[1]]
        case "npz" | "packed npz":
            (np.savez if how == "npz" else np.savez_compressed)(folder / "x.npz", x)
            return folder / "x.npz"
        case "by name":
            np.save(path, x)
            return {"in": path}
    return save_each(folder / "many", x, how.removeprefix("folder of "))


SOURCES = ["array", "npy", "memmap", "fortran", "part of a memmap", "npz", "packed npz", "by name"]
SOURCES += ["folder of samples", "folder of npz", "folder of blocks"]


@pytest.mark.parametrize("how", SOURCES)
def test_every_source_in_shards_is_the_whole(how, net, x, tmp_path):
    whole = sd.run(net, x, record=RECORD)
    out = tmp_path / "out.npz"
    found = sd.evaluate(net, given(how, tmp_path, x), record=RECORD, output=out, shard_size=4)
    back = trace_file.read(out)
    assert state_equal(whole, back)
    assert np.array_equal(back.inputs["in"], whole.inputs["in"])
    assert sd.compare(whole, back).identical
    assert np.array_equal(found.decisions, whole.decisions())
    assert found.spikes == {name: int(rows.sum()) for name, rows in whole.spikes.items()}
    assert (found.samples, found.steps, found.shards, found.resumed) == (23, 12, 6, 0)
    assert not (tmp_path / "out.npz.parts").exists()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [integer_network, float_network])
def test_random_networks_with_any_size_of_shard(make, seed):
    net = network(seed, make)
    x = spikes_for(np.random.default_rng(seed), net, 15, 7)
    whole = sd.run(net, x, "torch", RECORD)
    size = int(np.random.default_rng(seed).integers(1, 9))
    found = sd.evaluate(net, x, engine="torch", record=RECORD, shard_size=size)
    if net.form == "integer":
        assert np.array_equal(found.decisions, whole.decisions())
        assert found.spikes == {name: int(rows.sum()) for name, rows in whole.spikes.items()}
    assert found.decisions.shape == (7,)
    assert (found.engine, found.dtype) == (whole.engine, whole.dtype)


def test_processes_give_the_same_file_as_one(net, x, tmp_path):
    outs = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for out, workers in zip(outs, (1, 2), strict=True):
        sd.evaluate(net, x, record=RECORD, output=out, shard_size=3, workers=workers)
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_what_was_finished_is_not_run_again(net, x, tmp_path, monkeypatch):
    out = tmp_path / "out.npz"
    calls = []

    def stop(done, total):
        if done >= 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sd.evaluate(net, x, record=RECORD, output=out, shard_size=3, progress=stop)
    assert not out.exists()
    assert len(list((tmp_path / "out.npz.parts").glob("*.npz"))) == 3
    found = sd.evaluate(
        net, x, record=RECORD, output=out, shard_size=3, progress=lambda done, total: calls.append(done)
    )
    assert found.resumed == 3
    assert calls == [9, 12, 15, 18, 21, 23]
    assert state_equal(trace_file.read(out), sd.run(net, x, record=RECORD))


OTHER = {
    "network": lambda net, x: (network(4), spikes_for(np.random.default_rng(1), network(4), 12, 23), {}),
    "engine": lambda net, x: (net, x, {"engine": "torch"}),
    "record": lambda net, x: (net, x, {"record": ("spikes",)}),
    "raw": lambda net, x: (net, x, {"raw": True}),
    "shard size": lambda net, x: (net, x, {"shard_size": 4}),
    "samples": lambda net, x: (net, x[:, :-1], {}),
    "steps": lambda net, x: (net, x[:-1], {}),
    "samples 0 to 2": lambda net, x: (net, 1 - x, {}),
}


@pytest.mark.parametrize("what", OTHER)
def test_another_run_does_not_mix_with_what_is_there(what, net, x, tmp_path):
    out = tmp_path / "out.npz"

    def stop(done, total):
        if done >= 3:
            raise KeyboardInterrupt

    usual = {"record": RECORD, "shard_size": 3}
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(KeyboardInterrupt):
        sd.evaluate(net, tmp_path / "x.npy", output=out, progress=stop, **usual)
    other, data, said = OTHER[what](net, x)
    if isinstance(data, np.ndarray):
        np.save(tmp_path / "x.npy", data)
        data = tmp_path / "x.npy"
    with pytest.raises(SnnDeployError) as caught:
        sd.evaluate(other, data, output=out, **usual | said)
    assert {each.code for each in caught.value.findings} == {"SD821"}
    assert any(each.what.startswith(what) for each in caught.value.findings)
    found = sd.evaluate(other, data, output=out, fresh=True, **usual | said)
    assert found.resumed == 0


def test_a_file_that_was_written_again_as_it_was_goes_on(net, x, tmp_path):
    folder = save_each(tmp_path / "many", x, "samples")
    bad = x[:, 9].astype(float)
    bad[2].flat[0] = np.nan
    np.save(folder / "9.npy", bad)
    np.save(folder / "11.npy", x[:, 11] + 0.5)
    out = tmp_path / "out.npz"
    with pytest.raises(SnnDeployError) as caught:
        sd.evaluate(net, folder, output=out, shard_size=2)
    codes = {(each.code, Path(each.where.split(" ")[0].rstrip(":")).name) for each in caught.value.findings}
    assert codes == {("SD104", "9.npy"), ("SD111", "11.npy")}
    for i in (9, 11):
        np.save(folder / f"{i}.npy", x[:, i])
    found = sd.evaluate(net, folder, output=out, shard_size=2)
    assert found.resumed == 10
    assert np.array_equal(found.decisions, sd.run(net, x).decisions())


def test_labels_give_the_accuracy(net, x, tmp_path, capsys):
    right = sd.run(net, x).decisions()
    labels = right.copy()
    labels[:5] = labels[:5] + 1
    sd.write(net, tmp_path / "q.nir")
    np.savez(tmp_path / "x.npz", x=x, labels=labels)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "x.npy", x)
    folder = save_each(tmp_path / "many", x, "samples")
    np.save(folder / "labels.npy", labels)
    for args in (["x.npz", "--shard-size", "4"], ["x.npy", "--labels", f"{tmp_path}/labels.npy"], ["many"]):
        code = cli.main(["run", f"{tmp_path}/q.nir", "--data", f"{tmp_path}/{args[0]}", *args[1:], "--json"])
        said = json.loads(capsys.readouterr().out)
        assert code == 0, said
        assert (said["right"], said["samples"]) == (18, 23)
        assert said["accuracy"] == 18 / 23
        assert said["interval"] == pytest.approx([0.5810, 0.9034], abs=1e-4)  # scipy's proportion_ci(method="wilson")
        assert said["decisions"] == right.tolist()


def test_memory_decides_how_many_samples_are_in_a_shard():
    # a quarter is what the engine works with
    assert plan.shard_size(1000, 1000, 10_000, 1) == 7
    assert plan.shard_size(1000, 1000, 10_000, 2) == 3
    assert plan.shard_size(1000, 1, 2**40, 2) == 125
    assert plan.shard_size(10**6, 1, 2**40, 1) == plan.LARGEST


@examples(st.integers(1, 2**34), st.integers(1, 2**36), st.integers(1, 9), st.integers(1, 10**6))
def test_shards_stay_within_the_memory_or_the_memory_that_is_needed_is_said(each, memory, workers, samples):
    try:
        size = plan.shard_size(samples, each, memory, workers)
    except SnnDeployError as problem:
        needed = plan.parse_bytes(problem.findings[0].fix.split(",")[0].removeprefix("--memory "))
        assert memory < needed
        size, memory = plan.shard_size(samples, each, needed, workers), needed
    assert 1 <= size <= plan.LARGEST
    assert workers * (size * each + plan.working_memory(memory // workers)) <= memory


def test_the_engine_gets_its_part_of_the_memory(net, x):
    with pytest.raises(SnnDeployError, match=r"SD525 .* memory=250 bytes is less than"):
        sd.evaluate(net, x, engine="torch", shard_size=1, memory="1kB")
    found = sd.evaluate(net, x, engine="torch", shard_size=1, memory="1MB")
    assert found.spikes == {name: int(rows.sum()) for name, rows in sd.run(net, x).spikes.items()}


def test_several_inputs_from_several_files(tmp_path, capsys):
    rng = np.random.default_rng(2)
    weights = [rng.integers(-40, 40, (3, n)) * 2.0 for n in (4, 5)]
    projections = tuple(Projection(n, "p", (Dense(w),)) for n, w in zip("xy", weights, strict=True))
    inputs = (Input("x", (4,)), Input("y", (5,), "counts"))
    net = Network(1e-3, inputs, (Population("p", (3,), Rule(beta=0.5, threshold=90.0)),), projections, ("p",))
    x, y = (rng.integers(0, most, (20, 9, n)) for n, most in ((4, 2), (5, 4)))
    whole = sd.run(net, {"x": x, "y": y}, record=("spikes", "v"))
    assert whole.spikes["p"].any()
    sd.write(net, tmp_path / "m.nir")
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "y.npz", y.astype(np.uint8))
    np.savez(tmp_path / "both.npz", x=x, y=y)
    (tmp_path / "many").mkdir()
    for i in range(9):
        np.savez(tmp_path / "many" / f"{i}.npz", x=x[:, i], y=y[:, i])
    ways = [["--data", f"x={tmp_path}/x.npy", "--data", f"y={tmp_path}/y.npz"]]
    ways += [["--data", f"{tmp_path}/both.npz"], ["--data", f"{tmp_path}/many"]]
    for way in ways:
        out = tmp_path / "o.npz"
        kinds = ["--record", "spikes,v", "--shard-size", "4", "-o", str(out)]
        assert cli.main(["run", f"{tmp_path}/m.nir", *way, *kinds, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["shards"] == 3
        back = trace_file.read(out)
        assert state_equal(back, whole)
        assert np.array_equal(back.inputs["y"], y)
    assert cli.main(["run", f"{tmp_path}/m.nir", *ways[0][:2], "--json"]) == 2
    (found,) = json.loads(capsys.readouterr().out)["error"]
    assert (found["code"], found["where"], found["what"]) == ("SD102", "input 'y'", "nothing was given for it")


@pytest.mark.parametrize(
    ("text", "count"), [("2GiB", 2**31), ("1.5 kB", 1500), ("300", 300), ("4 mib", 2**22), ("1T", 10**12)]
)
def test_bytes_as_people_write_them(text, count):
    assert plan.parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "GiB", "-1GB", "2XB", "0", "1e3MB"])
def test_what_is_no_number_of_bytes(text):
    with pytest.raises(SnnDeployError, match="SD800"):
        plan.parse_bytes(text)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "bool"])
def test_a_digest_is_of_values_not_of_types(dtype, x):
    assert digest({"in": x.astype(dtype)}) == digest({"in": x})
    other = x.astype(dtype)
    other[7, 3].flat[2] = 1 - other[7, 3].flat[2] if dtype != "bool" else not other[7, 3].flat[2]
    assert digest({"in": other}) != digest({"in": x})
    assert digest({"in": x[:, :-1]}) != digest({"in": x})
    assert digest({"y": x}) != digest({"in": x})


def test_a_digest_of_numbers():
    x = np.array([[0.5, -0.0], [3.0, 0.0]])
    assert digest({"in": x}) == digest({"in": np.array([[0.5, 0.0], [3, 0]])})
    assert digest({"in": x}) != digest({"in": np.array([[0.5, 0.0], [2, 0]])})
    assert digest({"in": x}) != digest({"in": x.T})


def test_encodings_are_made_shard_by_shard(tmp_path):
    rng = np.random.default_rng(0)
    net = float_network(rng, PLAIN - {"readout", "convolution"}, kind="real")
    net = net.with_(decision=Decision(net.outputs[0]))
    name = net.given[0].name
    x = np.round(rng.random((30, 11, *net.given[0].shape)) * 15) / 15
    q = sd.quantize(net, "loihi2", x, encoding="graded")
    assert q.encodings
    whole = sd.run(q, x, record=RECORD)
    np.save(tmp_path / "x.npy", x)
    found = sd.evaluate(q, tmp_path / "x.npy", record=RECORD, output=tmp_path / "o.npz", shard_size=3)
    assert state_equal(trace_file.read(tmp_path / "o.npz"), whole)
    assert np.array_equal(found.decisions, whole.decisions())
    assert sd.compare_engines(q, tmp_path / "x.npy", ("reference", "torch"), shard_size=4)[0].identical
    x[3, 5].flat[0] = np.inf
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(SnnDeployError, match=rf"SD104 .*x\.npy: sample 5: input '{name}'"):
        sd.evaluate(q, tmp_path / "x.npy", shard_size=3)
