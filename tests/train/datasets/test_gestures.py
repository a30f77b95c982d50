"""DVS Gesture in both layouts, written here by their description, beside tonic's reading of them."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from snndeploy.errors import SnnDeployError
from snndeploy.train.datasets.aedat import read_aedat3
from snndeploy.train.datasets.event_files import read_events
from snndeploy.train.datasets.gestures import CLASSES, dvs_gesture

HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#Start-Time: 2016-01-01 00:00:00 (TZ+0000)\r\n"


def packet(t, x, y, p, valid, overflow=0, kind=1) -> bytes:
    """28 bytes, then 8 bytes an event: fields by their bits."""
    about = (
        np.array([kind, 1], "<i2").tobytes() + np.array([8, 4, overflow, len(t), len(t), sum(valid)], "<i4").tobytes()
    )
    columns = zip(t, x, y, p, valid, strict=True)
    rows = [(x_ << 17 | y_ << 2 | p_ << 1 | v, t_) for t_, x_, y_, p_, v in columns]
    return about + np.array(rows, "<u4").tobytes()


def drawn(seed, count, begin, end):
    draws = np.random.default_rng(seed)
    t = np.sort(draws.integers(begin, end, count))
    return [t.tolist(), *(draws.integers(0, n, count).tolist() for n in (128, 128, 2))]


def ibm(folder):
    """Two recordings to train with, one to test: two gestures each, and movements before, between and behind."""
    folder.mkdir(parents=True)
    for k, name in enumerate(("user01_led", "user02_lab", "user03_led")):
        t, x, y, p = drawn(k, 900, 0, 900_000)
        half = [[each[part] for each in (t, x, y, p)] for part in (slice(0, 500), slice(500, None))]
        content = b"".join(packet(*each, [1] * len(each[0])) for each in half)
        (folder / f"{name}.aedat").write_bytes(HEADER + b"#!END-HEADER\r\n" + content)
        rows = [(1 + k, 100_000, 400_000), (11, 500_000, 800_001)]
        lines = ["class,startTime_usec,endTime_usec", *(",".join(map(str, row)) for row in rows)]
        (folder / f"{name}_labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "trials_to_train.txt").write_text("user01_led.aedat\nuser02_lab.aedat\n\n")
    (folder / "trials_to_test.txt").write_text("user03_led.aedat\n")
    return folder


def tonics(folder):
    """Columns x, y, p and t in ms; a hundred files, of which tonic asks for."""
    for part, users in (("Train", 10), ("Test", 10)):
        for user in range(1, users + 1):
            at = folder / f"ibmGesture{part}" / f"user{user:02}_led"
            at.mkdir(parents=True)
            for label in range(11):
                t, x, y, p = drawn(100 * user + label, 40, 3_000, 6_000)
                np.save(at / f"{label}.npy", np.array([x, y, p, t], np.float64).T)
    return folder


def by_hand(t, x, y, p, steps, factor):
    """One event after the other."""
    span = -(-(max(t) + 1) // steps)
    found = np.zeros((steps, 2, 128 // factor, 128 // factor), int)
    for t_, x_, y_, p_ in zip(t, x, y, p, strict=True):
        found[t_ // span, p_, y_ // factor, x_ // factor] += 1
    return found


def test_aedat3_as_tonic_reads_it(tmp_path):
    io = pytest.importorskip("tonic.io")
    path = tmp_path / "a.aedat"
    parts = [drawn(1, 50, 0, 5000), drawn(2, 70, 5000, 9000)]
    path.write_bytes(HEADER + b"".join(packet(*each, [1] * len(each[0])) for each in parts))
    version, start, _ = io.read_aedat_header_from_file(str(path))
    theirs, ours = io.get_aer_events_from_file(str(path), version, start), read_events(path)
    np.testing.assert_array_equal(ours.t, theirs["timeStamp"])
    # as IBM's own reader takes them apart
    np.testing.assert_array_equal(ours.x, theirs["address"] >> 17 & 0x1FFF)
    np.testing.assert_array_equal(ours.y, theirs["address"] >> 2 & 0x1FFF)
    np.testing.assert_array_equal(ours.p, theirs["address"] >> 1 & 1)


def test_aedat3_leaves_out_what_is_not_valid_and_counts_overflows():
    t, x, y, p = [5, 6, 7], [1, 2, 3], [4, 5, 6], [1, 0, 1]
    end = b"#!END-HEADER\r\n"
    # a packet that begins with the byte of '#', one of another kind, and one of 2^31 µs later
    content = (
        packet([3] * 3, x, y, p, [1, 1, 1], kind=35) + packet(t, x, y, p, [1, 0, 1]) + packet(t, x, y, p, [1] * 3, 1)
    )
    held = read_aedat3(HEADER + end + content, (128, 128), "a")
    assert held.t.tolist() == [5, 7, *(2**31 + each for each in t)]
    assert held.x.tolist() == [1, 3, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#!AER-DAT2.0\r\n", "version 3 of AEDAT is read"),
        (HEADER, "it holds no event"),
        (HEADER + packet(*drawn(0, 9, 0, 99), [1] * 9)[:-1], "cut off or damaged at byte"),
        (HEADER + packet(*drawn(0, 9, 0, 99), [1] * 9) + b"\1", "cut off or damaged at byte"),
        (
            HEADER + np.array([1, 1], "<i2").tobytes() + np.array([-8, 4, 0, 9, 9, 9], "<i4").tobytes(),
            "cut off or damaged",
        ),
    ],
)
def test_damaged_aedat3_is_named(content, said):
    with pytest.raises(SnnDeployError, match=f"SD881 .*{said}"):
        read_aedat3(content, None, "a.aedat")


@pytest.mark.parametrize("factor", [1, 8])
def test_ibms_recordings(tmp_path, factor):
    folder = ibm(tmp_path / "DvsGesture")
    held = dvs_gesture(tmp_path, steps=5, factor=factor)
    assert held.train.shape == (5, 4, 2, 128 // factor, 128 // factor)
    assert (held.train_labels.tolist(), held.test_labels.tolist()) == ([0, 10, 1, 10], [2, 10])
    assert len(CLASSES) == 11
    for k, counts in ((0, held.train[:, :2]), (2, held.test)):
        for i, (begin, end) in enumerate(((100_000, 400_000), (500_000, 800_001))):
            rows = [(t - begin, *more) for t, *more in zip(*drawn(k, 900, 0, 900_000), strict=True) if begin <= t < end]
            np.testing.assert_array_equal(counts[:, i], by_hand(*zip(*rows, strict=True), 5, factor))
    (folder / "user02_lab_labels.csv").unlink()
    with pytest.raises(SnnDeployError, match=r"SD880 .*user02_lab_labels\.csv: it is listed in trials_to_train\.txt"):
        dvs_gesture(folder)


def test_what_is_kept_is_not_what_other_lists_and_tables_say(tmp_path):
    """Counts are kept by what they were made from: a gesture's times, and who is in which part."""
    folder, cache = ibm(tmp_path / "DvsGesture"), tmp_path / "cache"
    before = dvs_gesture(folder, steps=5, cache=cache)
    np.testing.assert_array_equal(dvs_gesture(folder, steps=5, cache=cache).train, before.train)
    table = folder / "user01_led_labels.csv"
    table.write_text(table.read_text().replace("1,100000", "4,100000"))
    os.utime(table, (1, 1))
    assert dvs_gesture(folder, steps=5, cache=cache).train_labels.tolist() == [3, 10, 1, 10]
    (folder / "trials_to_train.txt").write_text("user01_led.aedat\n")
    (folder / "trials_to_test.txt").write_text("user02_lab.aedat\nuser03_led.aedat\n")
    held = dvs_gesture(folder, steps=5, cache=cache)
    assert (held.train_labels.tolist(), held.test_labels.tolist()) == ([3, 10], [1, 10, 2, 10])
    (folder / "trials_to_test.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(SnnDeployError, match=r"SD881 .*trials_to_test\.txt: it is no list of names"):
        dvs_gesture(folder)


def test_a_time_axis_in_one_step_is_refused(tmp_path):
    with pytest.raises(SnnDeployError, match="SD882 time axis"):
        dvs_gesture(ibm(tmp_path / "DvsGesture"), steps=5, window=10_000_000)


def test_of_a_recording_that_is_left_out_nothing_is_kept(tmp_path):
    folder = ibm(tmp_path / "DvsGesture")
    table = folder / "user02_lab_labels.csv"
    table.write_text(table.read_text() + "3,5000000,6000000\n")
    held = dvs_gesture(folder, steps=5, damaged="skip")
    assert held.train_labels.tolist() == [0, 10]
    assert held.notes[0].startswith("1 damaged recordings were left out: ")


@pytest.mark.parametrize("how", [{"steps": 0}, {"steps": -2}, {"window": 0}, {"window": -5}])
def test_steps_without_time_are_refused(tmp_path, how):
    with pytest.raises(SnnDeployError, match=f"SD807 {next(iter(how))}"):
        dvs_gesture(ibm(tmp_path / "DvsGesture"), **how)


def test_tonics_gestures_as_tonic_reads_them(tmp_path):
    datasets = pytest.importorskip("tonic.datasets")
    tonics(tmp_path / "DVSGesture")
    # tonic also asks for what it was unpacked from
    (tmp_path / "DVSGesture" / "ibmGestureTest.tar.gz").touch()
    theirs = datasets.DVSGesture(str(tmp_path), train=False)
    held = dvs_gesture(tmp_path, steps=6, factor=4)
    assert held.train.shape == (6, 110, 2, 32, 32)
    assert held.test.dtype == np.uint8
    mine = {}
    for counts, label in zip(held.test.transpose(1, 0, 2, 3, 4), held.test_labels, strict=True):
        mine.setdefault(int(label), []).append(counts)
    # users in the order of their names, as tonic's walk need not have them
    order = sorted(range(len(theirs)), key=lambda k: (theirs.users[k], theirs.targets[k]))
    for k in order[::7]:
        events, label = theirs[k]
        t = events["t"] - events["t"].min()
        expected = by_hand(*(each.tolist() for each in (t, events["x"], events["y"], events["p"].astype(int))), 6, 4)
        np.testing.assert_array_equal(mine[label][theirs.users[k] - 1], expected)


def test_damaged_gestures_are_named_and_left_out_only_when_asked(tmp_path):
    at = tonics(tmp_path) / "ibmGestureTrain" / "user01_led"
    whole = (at / "3.npy").read_bytes()
    (at / "3.npy").write_bytes(whole[:-1])
    np.save(at / "4.npy", np.zeros((3, 3)))
    shutil.copy(at / "5.npy", at / "11.npy")
    with pytest.raises(SnnDeployError, match="SD881") as caught:
        dvs_gesture(tmp_path)
    assert all("--set damaged=skip" in each.fix for each in caught.value.findings)
    assert sorted(each.where.rsplit("/", 1)[-1] for each in caught.value.findings) == ["11.npy", "3.npy", "4.npy"]
    for _ in range(2):  # the second time from the cache
        held = dvs_gesture(tmp_path, damaged="skip", steps=3, cache=tmp_path / "cache")
        assert held.train.shape[1] == 108
        assert held.notes[0].startswith("3 damaged recordings were left out: ")
        assert "3.npy" in held.notes[0]
    assert len(list((tmp_path / "cache").glob("gestures-*.npz"))) == 1


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(SnnDeployError, match=r"SD880 .*there is no folder .* Fix: put tonic's ibmGestureTrain"):
        dvs_gesture(tmp_path / "none")
    with pytest.raises(SnnDeployError, match=r"SD880 .*trials_to_train\.txt is not in"):
        dvs_gesture(tmp_path)
    shutil.rmtree(tonics(tmp_path) / "ibmGestureTest")
    with pytest.raises(SnnDeployError, match="SD880 .*ibmGestureTest holds no"):
        dvs_gesture(tmp_path)
    with pytest.raises(SnnDeployError, match="SD807 factor 3"):
        dvs_gesture(tmp_path, factor=3)
