"""Files of events, read as others read them; damaged ones are named."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy.errors import SnnDeployError
from snndeploy.train.datasets.event_files import read_events
from snndeploy.train.datasets.folders import read_folder

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_samples = pytest.mark.skipif(not (SHARED / "events").is_dir(), reason="../shared/data/events is not here")
needs_nmnist = pytest.mark.skipif(not (SHARED / "nmnist").is_dir(), reason="../shared/data/nmnist is not here")


def atis(path: Path, t, x, y, p) -> Path:
    """Five bytes an event, written by the format's description."""
    rows = [
        bytes([x_, y_, (p_ << 7) | (t_ >> 16), (t_ >> 8) & 255, t_ & 255])
        for t_, x_, y_, p_ in zip(t, x, y, p, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(rows))
    return path


@needs_samples
def test_atis_as_tonic_reads_it():
    io = pytest.importorskip("tonic.io")
    path = SHARED / "events" / "sample_nmnist.bin"
    theirs, ours = io.read_mnist_file(str(path), dtype=io.events_struct), read_events(path)
    for name in ("t", "x", "y", "p"):
        np.testing.assert_array_equal(getattr(ours, name), theirs[name])
    assert len(ours) == 4325


@needs_samples
def test_prophesee_and_aedat4():
    pytest.importorskip("expelliarmus")
    pytest.importorskip("aedat")
    cars = read_events(SHARED / "events" / "sample_ncars.dat")
    assert len(cars) == 2009
    # the header of 165 bytes and 8 bytes an event: t, then x (14 bits), y (14 bits), p
    tail = np.frombuffer((SHARED / "events" / "sample_ncars.dat").read_bytes()[-8 * 2009 :], "<u4").reshape(-1, 2)
    np.testing.assert_array_equal(cars.t, tail[:, 0])
    np.testing.assert_array_equal(cars.x, tail[:, 1] & 0x3FFF)
    np.testing.assert_array_equal(cars.y, (tail[:, 1] >> 14) & 0x3FFF)
    davis = read_events(SHARED / "events" / "sample.aedat4")
    assert len(davis) == 111954
    # its clock counts since 1970: what is left is the recording
    assert davis.t[0] == 0
    assert davis.t[-1] == 1605537494308262 - 1605537493718345


def test_columns_of_npz_and_h5(tmp_path):
    t, x = np.array([0.5e-3, 0.1e-3, 2e-3]), np.array([3, 1, 2])
    np.savez(tmp_path / "a.npz", times=t, units=x)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events/t"], file["events/x"] = np.array([500, 100, 2000]), x
    for name in ("a.npz", "a.h5"):
        read = read_events(tmp_path / name)
        assert read.t.tolist() == [100, 500, 2000]
        assert read.x.tolist() == [1, 3, 2]
        assert (read.width, read.height) == (4, 1)


@pytest.mark.parametrize("size", [1, 4, 6, 21_624])
def test_a_file_that_is_cut_off_is_named(tmp_path, size):
    path = tmp_path / "cut.bin"
    path.write_bytes(bytes(size))
    with pytest.raises(SnnDeployError, match=r"SD881 .*cut\.bin"):
        read_events(path)


@pytest.mark.parametrize("name", ["a.npz", "a.h5", "a.aedat4", "a.dat"])
def test_noise_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(999))
    with pytest.raises(SnnDeployError, match="SD881"):
        read_events(tmp_path / name)


def test_what_lies_beyond_the_sensor_is_named(tmp_path):
    path = atis(tmp_path / "a.bin", [1, 2], [3, 40], [0, 0], [0, 1])
    with pytest.raises(SnnDeployError, match=r"SD884 .*1 of 2 events lie beyond 34×34, the first at \(40, 0\)"):
        read_events(path)


def test_a_pickle_is_not_opened(tmp_path):
    np.savez(tmp_path / "a.npz", t=np.array([{}], object), x=np.array([0]))
    with pytest.raises(SnnDeployError, match="SD881"):
        read_events(tmp_path / "a.npz")


def test_overflow_markers_carry_the_time_on(tmp_path):
    read = read_events(atis(tmp_path / "a.bin", [5, 0, 7], [1, 0, 2], [1, 240, 2], [1, 0, 0]))
    assert read.t.tolist() == [5, 7 + 8192]


def test_folders_and_archives_say_the_same(tmp_path):
    for label, name in ((1, "10"), (0, "9"), (1, "8")):
        atis(tmp_path / "set" / "Train" / str(label) / f"{name}.bin", [int(name)], [label], [0], [1])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in (tmp_path / "set").rglob("*.bin"):
            archive.write(path, path.relative_to(tmp_path / "set"))
    for source in (tmp_path / "set", tmp_path / "set.zip"):
        read = read_folder(source, "train")
        assert read.classes == ("0", "1")
        assert [each.t[0] for each in read.events] == [8, 9, 10]
        assert read.labels.tolist() == [1, 0, 1]


def test_damaged_recordings_are_named_all_at_once_and_skipped_when_asked(tmp_path):
    atis(tmp_path / "0" / "1.bin", [1], [1], [1], [1])
    for name in ("2", "3"):
        (tmp_path / "0" / f"{name}.bin").write_bytes(b"abc")
    with pytest.raises(SnnDeployError) as caught:
        read_folder(tmp_path)
    assert [Path(each.where).name for each in caught.value.findings] == ["2.bin", "3.bin"]
    read = read_folder(tmp_path, damaged="skip")
    assert len(read.events) == 1
    assert len(read.skipped) == 2


def test_a_package_that_is_missing_is_no_damage(tmp_path, monkeypatch):
    """Recordings that nothing here reads must not be left out as damaged."""
    for label, name in (("0", "a.npz"), ("1", "b.aedat4")):
        (tmp_path / label).mkdir()
        np.savez(tmp_path / label / "a.npz", t=np.arange(9), x=np.zeros(9, int))
        (tmp_path / label / "a.npz").rename(tmp_path / label / name)
    monkeypatch.setitem(sys.modules, "aedat", None)
    for damaged in ("skip", "refuse"):
        with pytest.raises(SnnDeployError, match="SD885 .aedat4"):
            read_folder(tmp_path, damaged=damaged)


def test_an_empty_folder_says_what_to_put_there(tmp_path):
    with pytest.raises(SnnDeployError, match=r"SD880 .*<label>/<name>"):
        read_folder(tmp_path)


@needs_nmnist
def test_the_recordings_of_nmnist_in_their_archive():
    read = read_folder(SHARED / "nmnist" / "nmnist_train_1000.zip", "Train", (34, 34))
    assert len(read.events) == 1000
    # 5 bytes an event
    with zipfile.ZipFile(SHARED / "nmnist" / "nmnist_train_1000.zip") as archive:
        sizes = {Path(info.filename).stem: info.file_size for info in archive.infolist()}
    assert [len(each) for each in read.events] == [sizes[Path(each.where).stem] // 5 for each in read.events]
    assert np.bincount(read.labels, minlength=10).min() > 50


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60), marks=st.integers(0, 3))
def test_atis_of_any_content_as_tonic_reads_it(tmp_path_factory, seed, count, marks):
    """Times, places, polarities and markers of an overflow, which stand for 2^13 µs more."""
    io = pytest.importorskip("tonic.io")
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 300_000, count + marks))
    x, y, p = (rng.integers(0, top, count + marks) for top in (34, 34, 2))
    y[rng.choice(count + marks, marks, replace=False)] = 240
    path = atis(tmp_path_factory.mktemp("any") / "a.bin", t.tolist(), x.tolist(), y.tolist(), p.tolist())
    theirs, ours = io.read_mnist_file(str(path), dtype=io.events_struct), read_events(path)
    order = np.argsort(theirs["t"], kind="stable")
    assert len(ours) == count
    for name in ("t", "x", "y", "p"):
        np.testing.assert_array_equal(getattr(ours, name), theirs[name][order])


@needs_nmnist
def test_recordings_of_an_archive_as_tonic_reads_them(tmp_path):
    """tonic's own data set demands all 60,000; its reader takes a file at a time."""
    io = pytest.importorskip("tonic.io")
    with zipfile.ZipFile(SHARED / "nmnist" / "nmnist_train_1000.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".bin"))[::97]
        archive.extractall(tmp_path / "NMNIST", names)
    ours = read_folder(tmp_path / "NMNIST", "Train", (34, 34))
    assert len(ours.events) == len(names) > 10
    for each, label in zip(ours.events, ours.labels, strict=True):
        theirs = io.read_mnist_file(each.where, dtype=io.events_struct)
        assert str(label) == Path(each.where).parent.name
        for name in ("t", "x", "y", "p"):
            np.testing.assert_array_equal(getattr(each, name), theirs[name])
