"""What goes wrong in a data set is named, ends in a code, and costs no shard that was finished."""

import errno
import json
import os

import numpy as np
import pytest
from random_networks import integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision
from snndeploy.shards import opening, task
from snndeploy.shards.folder import work_folder
from snndeploy.shards.source import Arrays


@pytest.fixture(scope="module")
def net():
    found = integer_network(np.random.default_rng(3))
    return found.with_(decision=Decision(found.outputs[0]))


@pytest.fixture(scope="module")
def x(net):
    return spikes_for(np.random.default_rng(1), net, 12, 20)["in"]


@pytest.fixture
def many(x, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(20):
        np.save(folder / f"{i}.npy", x[:, i])
    return folder


def refused(*args, **kwargs):
    with pytest.raises(SnnDeployError) as caught:
        sd.evaluate(*args, **kwargs)
    return [(each.code, each.where, each.what) for each in caught.value.findings]


def cut(path, count):
    path.write_bytes(path.read_bytes()[:-count])


BEFORE = {
    "too short": (lambda f, x: cut(f / "7.npy", 3), "SD803", "7.npy", "it ends 3 bytes too early"),
    "no array": (lambda f, x: (f / "7.npy").write_text("hello"), "SD803", "7.npy", "it is not a whole .npy"),
    "empty": (lambda f, x: (f / "7.npy").write_bytes(b""), "SD803", "7.npy", "it is not a whole .npy"),
    "objects": (lambda f, x: np.save(f / "7.npy", np.array([{}])), "SD803", "7.npy", "its type is object"),
    "text": (lambda f, x: np.save(f / "7.npy", np.array(["a"])), "SD803", "7.npy", "its type is <U1"),
    "shape": (lambda f, x: np.save(f / "7.npy", x[:, 7, ..., :-1]), "SD103", "7.npy: input 'in'", "its shape is"),
    "steps": (lambda f, x: np.save(f / "7.npy", x[:-1, 7]), "SD824", "7.npy", "it has 11 steps, 0.npy has 12"),
    "no samples": (lambda f, x: np.save(f / "7.npy", x[:, :0]), "SD103", "7.npy", "no steps or no samples"),
    "names": (lambda f, x: np.savez(f / "7.npz", a=x, b=x), "SD102", "7.npz", "it holds a, b, the network takes in"),
}


@pytest.mark.parametrize("what", BEFORE)
def test_files_that_do_not_fit_are_named_before_anything_runs(what, net, x, many, tmp_path):
    spoil, code, where, text = BEFORE[what]
    spoil(many, x)
    (found,) = refused(net, many, output=tmp_path / "o.npz", shard_size=4)
    assert found[0] == code
    assert found[1] == str(many / where)
    assert text in found[2]
    assert not (tmp_path / "o.npz.parts").exists()


def test_all_files_that_do_not_fit_are_named_at_once(net, x, many):
    for i in (3, 5):
        np.save(many / f"{i}.npy", x[:-1, i])
    cut(many / "8.npy", 1)
    assert {(code, os.path.basename(where)) for code, where, _ in refused(net, many)} == {
        ("SD803", "8.npy"),
        ("SD824", "3.npy"),
    }


DURING = {
    "NaN": (np.nan, "SD104", "1 values are NaN"),
    "a half": (0.5, "SD111", "0.5 is not 0 or 1"),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("what", DURING)
def test_a_bad_sample_is_named_and_the_other_shards_are_kept(what, workers, net, x, tmp_path):
    value, code, text = DURING[what]
    bad = x.astype(float)
    bad[4, 9].flat[1] = value
    bad[4, 17].flat[1] = value
    np.save(tmp_path / "x.npy", bad)
    out = tmp_path / "o.npz"
    found = refused(net, tmp_path / "x.npy", output=out, shard_size=2, workers=workers)
    assert sorted((code, where) for code, where, _ in found) == [
        (code, f"{tmp_path}/x.npy: sample {i}: input 'in'") for i in (17, 9)
    ]
    assert all(what.startswith(text) for _, _, what in found)
    assert len(list((tmp_path / "o.npz.parts").glob("*.npz"))) == 8
    np.save(tmp_path / "x.npy", x)
    assert sd.evaluate(net, tmp_path / "x.npy", output=out, shard_size=2).resumed == 8


def test_a_packed_file_that_is_damaged_is_named_when_it_is_read(net, x, many, tmp_path):
    np.savez_compressed(many / "7.npz", x[:, 7])
    (many / "7.npy").unlink()
    data = bytearray((many / "7.npz").read_bytes())
    data[-90 - len(data) // 3] ^= 255
    (many / "7.npz").write_bytes(data)
    found = refused(net, many, output=tmp_path / "o.npz", shard_size=4)
    assert [each[:2] for each in found] == [("SD803", str(many / "7.npz"))]


def test_a_large_packed_file_that_is_damaged_behind_its_head(net, x, tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, (12, 3000, *x.shape[2:])).astype(np.uint8)
    for name, held in (("x", {"x": noise}), ("y", {"x": x, "labels": noise})):
        np.savez_compressed(tmp_path / f"{name}.npz", **held)
        data = bytearray((tmp_path / f"{name}.npz").read_bytes())
        data[len(data) // 2] ^= 255
        (tmp_path / f"{name}.npz").write_bytes(data)
        ((code, where, _),) = refused(net, tmp_path / f"{name}.npz", shard_size=4)
        assert (code, where) == ("SD803", str(tmp_path / f"{name}.npz"))


def test_no_room_to_unpack(net, x, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    np.savez_compressed(tmp_path / "x.npz", x=x)
    monkeypatch.setattr(opening.shutil, "copyfileobj", full)
    ((code, _, what),) = refused(net, tmp_path / "x.npz", shard_size=4)
    assert (code, what) == ("SD802", f"{tmp_path}/x.npz cannot be unpacked there (No space left on device)")


def test_a_file_that_goes_away_or_changes_during_the_run(net, x, many, tmp_path):
    def spoil(done, total):
        if done == 4:
            (many / "9.npy").unlink()
            np.save(many / "14.npy", x[:, :2])

    found = refused(net, many, output=tmp_path / "o.npz", shard_size=4, progress=spoil)
    assert [each[:2] for each in found] == [("SD801", str(many / "9.npy")), ("SD824", str(many / "14.npy"))]
    assert len(list((tmp_path / "o.npz.parts").glob("*.npz"))) == 3


@pytest.mark.parametrize("after", [0, 3])
def test_a_full_disk_keeps_what_is_finished(after, net, x, tmp_path, monkeypatch):
    pack, calls = task._pack, []

    def full(stream, members):
        calls.append(1)
        if len(calls) > after:
            stream.write(b"half a file")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        pack(stream, members)

    monkeypatch.setattr(task, "_pack", full)
    out = tmp_path / "o.npz"
    ((code, where, what),) = refused(net, x, output=out, shard_size=4)
    assert (code, what) == ("SD802", "it cannot be written (No space left on device)")
    assert where == str(tmp_path / "o.npz.parts" / f"{4 * after:08d}.npz")
    names = sorted(each.name for each in (tmp_path / "o.npz.parts").iterdir())
    assert names == [*(f"{4 * i:08d}.npz" for i in range(after)), "lock", "manifest.json"]
    monkeypatch.setattr(task, "_pack", pack)
    assert sd.evaluate(net, x, output=out, shard_size=4).resumed == after


def test_a_full_disk_while_the_output_is_joined(net, x, tmp_path, monkeypatch):
    from snndeploy.engines import trace_shards

    def full(path, *_):
        path.write_bytes(b"half a file")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write = trace_shards.write
    monkeypatch.setattr(trace_shards, "write", full)
    out = tmp_path / "o.npz"
    ((code, where, _),) = refused(net, x, output=out, shard_size=4)
    assert (code, where) == ("SD802", str(out))
    assert not out.exists()
    monkeypatch.setattr(trace_shards, "write", write)
    assert sd.evaluate(net, x, output=out, shard_size=4).resumed == 5
    assert [each.name for each in tmp_path.iterdir()] == ["o.npz"]


def test_a_work_folder_that_cannot_be_made(net, x, tmp_path):
    (tmp_path / "o.npz.parts").write_text("a file is in the way")
    ((code, where, _),) = refused(net, x, output=tmp_path / "o.npz", shard_size=4)
    assert (code, where) == ("SD802", str(tmp_path / "o.npz.parts"))
    assert (tmp_path / "o.npz.parts").read_text() == "a file is in the way"


def test_a_damaged_manifest_is_not_gone_on_from(net, x, tmp_path):
    parts = tmp_path / "o.npz.parts"
    parts.mkdir()
    (parts / "manifest.json").write_text("{")
    ((code, _, _),) = refused(net, x, output=tmp_path / "o.npz", shard_size=4)
    assert code == "SD821"
    sd.evaluate(net, x, output=tmp_path / "o.npz", shard_size=4, fresh=True)


def test_a_damaged_shard_is_run_again(net, x, tmp_path):
    def stop(done, total):
        if done == 12:
            raise KeyboardInterrupt

    out = tmp_path / "o.json"
    with pytest.raises(KeyboardInterrupt):
        sd.evaluate(net, x, output=out, shard_size=4, progress=stop)
    cut(tmp_path / "o.json.parts" / "00000004.npz", 30)
    assert sd.evaluate(net, x, output=out, shard_size=4).resumed == 2
    whole = sd.run(net, x)
    assert json.loads(out.read_text())["decisions"] == whole.decisions().tolist()


def test_two_runs_do_not_share_a_work_folder(net, x, tmp_path):
    with work_folder(tmp_path / "o.npz.parts", {"data": None}, Arrays({"in": x}), False):
        ((code, where, _),) = refused(net, x, output=tmp_path / "o.npz")
    assert (code, where) == ("SD822", str(tmp_path / "o.npz.parts"))


WRONG = [
    (["--data", "x.npy", "--data", "y.npy"], "SD800", "--input x.npy"),
    (["--data", "in=x.npy", "--data", "in=x.npy"], "SD800", "--input in=x.npy"),
    (["--data", "other=x.npy"], "SD102", "x.npy: input 'other'"),
    (["--data", "in=absent.npy"], "SD801", "absent.npy"),
    (["--data", "x.npy", "--workers", "0"], "SD800", "0 workers"),
    (["--data", "x.npy", "--shard-size", "0"], "SD800", "shards of 0 samples"),
    (["--data", "x.npy", "--workers", "2", "--scheduler", "tcp://x:1"], "SD800", "2 workers and a scheduler"),
    (["--data", "x.npy", "--memory", "lots"], "SD800", "memory 'lots'"),
    (["--data", "x.npy", "--memory", "1kB"], "SD808", "one sample takes"),
    (["--data", "x.npy", "--labels", "x.npy"], "SD103", "labels: their shape is"),
    (["--data", "empty"], "SD801", "empty: the folder holds no .npy or .npz file"),
    (["--data", "x.npy", "--workers", "2", "--option", "colour=red"], "SD503", "it has no option 'colour'"),
    (["--data", "x.npy", "--workers", "2", "--engine", "abacus"], "SD501", "abacus"),
    (["--data", "x.npy", "--workers", "2", "-o", "x.npy"], "SD802", "x.npy"),
    (["--data", "many", "-o", "no/o.npz"], "SD802", "no/o.npz"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_with_a_command_is_said(number, net, x, many, tmp_path, monkeypatch, capsys):
    args, code, text = WRONG[number]
    monkeypatch.chdir(tmp_path)
    sd.write(net, "q.nir")
    np.save("x.npy", x)
    os.mkdir("empty")
    before = sorted(os.listdir())
    assert cli.main(["run", "q.nir", *args, "--json"]) == 2
    out, err = capsys.readouterr()
    assert not err
    shown = [f"{each['code']} {each['where']}: {each['what']}" for each in json.loads(out)["error"]]
    assert any(each.startswith(code) and text in each for each in shown), shown
    assert sorted(os.listdir()) == before
