"""Events -> counts per step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snndeploy.errors import SnnDeployError
from snndeploy.train.datasets.event_data import nmnist, recorded, saccades, shd, spike_counts, split
from snndeploy.train.datasets.event_files import read_events
from snndeploy.train.datasets.events import Events, events
from snndeploy.train.datasets.folders import read_folder
from snndeploy.train.datasets.frames import FEWEST_EVENTS, counts, refuse_collapsed
from snndeploy.train.datasets.mnist import mnist

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_nmnist = pytest.mark.skipif(not (SHARED / "nmnist").is_dir(), reason="../shared/data/nmnist is not here")


def recording(t, x, y, p, size=(3, 2)) -> Events:
    return events(np.array(t), np.array(x), np.array(y), np.array(p), size, "made")


@given(
    rows=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2), st.integers(0, 1), st.booleans()), max_size=40),
    steps=st.integers(1, 8),
    window=st.integers(1, 30),
)
def test_every_event_is_counted_once_where_it_fell(rows, steps, window):
    spread = [*rows, (0, 0, 0, True), (window, 0, 0, True)]
    found = counts([recording(*zip(*spread, strict=True))], steps, window)
    wanted = np.zeros((steps, 1, 2, 2, 3), int)
    for t, x, y, p in spread:
        if t // window < steps:
            wanted[t // window, 0, int(p), y, x] += 1
    np.testing.assert_array_equal(found, wanted)
    one = counts([recording(*zip(*spread, strict=True))], steps, window, polarities=1)
    np.testing.assert_array_equal(one[:, :, 0], wanted.sum(axis=2))


@pytest.mark.skipif(not (SHARED / "events").is_dir(), reason="../shared/data/events is not here")
def test_windows_are_those_of_tonic():
    transforms = pytest.importorskip("tonic.transforms")
    io = pytest.importorskip("tonic.io")
    path = str(SHARED / "events" / "sample_nmnist.bin")
    theirs = io.read_mnist_file(path, dtype=io.events_struct)
    made = transforms.ToFrame(sensor_size=(34, 34, 2), time_window=3000, start_time=0)(theirs)
    found = counts([read_events(path)], len(made), 3000)
    np.testing.assert_array_equal(found[:, 0], made)


def test_a_time_axis_in_one_step_is_refused():
    # seconds, read as if they were steps of 1: everything lands in the first
    spikes = [np.array([0.1, 0.2, 0.5, 0.9])] * 3
    channels = [np.array([0, 1, 2, 3])] * 3
    with pytest.raises(SnnDeployError, match=r"SD882 .*all events of each of 3 recordings fall into one of 100 steps"):
        spike_counts(spikes, channels, 100, 1.0, 4)
    assert spike_counts(spikes, channels, 100, 0.01, 4).sum() == 12


@pytest.mark.parametrize(("steps", "longest"), [(100, 1.37), (25, 1.37), (100, 0.9), (2, 0.9)])
def test_words_of_up_to_one_and_a_half_seconds_read_with_a_step_of_one_second(steps, longest, tmp_path):
    # the Spiking Heidelberg Digits last 0.24 to 1.37 s: most fall into one step of 1 s, and the longest into two
    import h5py

    rng = np.random.default_rng(0)
    spikes = [np.sort(rng.uniform(0, d, 50)) for d in np.linspace(0.24, longest, 40)]
    channels = [rng.integers(0, 700, 50) for _ in spikes]
    with pytest.raises(SnnDeployError, match=rf"SD882 .* fall into one of {steps} steps.*1e-3 rather than 1"):
        spike_counts(spikes, channels, steps, 1.0, 700)
    assert spike_counts(spikes, channels, steps, 0.014, 700).any()
    for part in ("train", "test"):
        with h5py.File(tmp_path / f"shd_{part}.h5", "w") as file:
            kind = h5py.vlen_dtype(np.float64)
            for name, values in (("times", spikes), ("units", channels)):
                column = file.create_dataset(f"spikes/{name}", (40,), dtype=kind)
                for i, each in enumerate(values):
                    column[i] = each
            file["labels"] = np.arange(40) % 20
    with pytest.raises(SnnDeployError, match="SD882"):
        shd(steps, tmp_path, window=1.0)
    assert shd(100, tmp_path).train.sum() == 2000


def test_all_events_in_a_fiftieth_of_the_steps_are_refused():
    """Not one step each, and yet no time: two of a hundred."""
    refuse_collapsed([3] * 10, [50] * 10, 100)
    with pytest.raises(SnnDeployError, match="SD882 time axis"):
        refuse_collapsed([2] * 10, [50] * 10, 100)
    # few events tell nothing
    refuse_collapsed([2] * 10, [FEWEST_EVENTS - 1] * 10, 100)


def test_many_events_of_a_pixel_are_counted_in_16_bits():
    many = events(np.arange(600), *(np.zeros(600, int),) * 2, np.zeros(600, bool), (2, 2), "many")
    found = counts([many], 2)
    assert found.dtype == np.uint16
    assert found[:, 0, 0, 0, 0].tolist() == [300, 300]
    assert counts([many], 3).dtype == np.uint8


def test_a_channel_beyond_the_last_is_refused():
    with pytest.raises(SnnDeployError, match=r"SD884 .*channel 700, the last one is 699"):
        spike_counts([np.array([0.1, 0.2])], [np.array([0, 700])], 10, 0.1, 700)


def test_no_count_is_cut_off_and_no_negative_time_left_out():
    many = np.concatenate([np.full(300, 0.05), [0.15]])
    found = spike_counts([many], [np.zeros(301)], 2, 0.1, 1)
    assert found.ravel().tolist() == [300, 1]
    with pytest.raises(SnnDeployError, match=r"SD881 .*recording 0 is negative \(-0\.1 s\)"):
        spike_counts([np.array([-0.1, 0.2])], [np.zeros(2)], 2, 0.1, 1)


def test_shd_files_are_read(tmp_path):
    import h5py

    for part, label in (("train", 3), ("test", 19)):
        with h5py.File(tmp_path / f"shd_{part}.h5", "w") as file:
            kind = h5py.vlen_dtype(np.float16)
            times = file.create_dataset("spikes/times", (2,), kind)
            units = file.create_dataset("spikes/units", (2,), h5py.vlen_dtype(np.int32))
            times[0], times[1] = np.array([0.0, 0.5, 1.0], np.float16), np.array([0.25], np.float16)
            units[0], units[1] = np.array([0, 699, 7]), np.array([1])
            file["labels"] = np.array([label, 0])
    data = shd(100, tmp_path)
    assert data.train.shape == (100, 2, 700)
    assert np.argwhere(data.train).tolist() == [[0, 0, 0], [17, 1, 1], [35, 0, 699], [71, 0, 7]]
    assert data.test_labels.tolist() == [19, 0]


def test_missing_data_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNDEPLOY_DATA", str(tmp_path))
    with pytest.raises(SnnDeployError, match=r"SD880 .*put shd_train\.h5 and shd_test\.h5 \(unpacked\) into .*shd"):
        shd()
    with pytest.raises(SnnDeployError, match=r"SD880 .*Train\.zip and Test\.zip"):
        nmnist()


@needs_nmnist
def test_nmnist_of_an_archive_is_split_and_kept(tmp_path):
    source = SHARED / "nmnist" / "nmnist_train_1000.zip"
    data = recorded(source, 10, size=(34, 34), cache=tmp_path)
    assert data.train.shape == (10, 800, 2, 34, 34)
    assert data.test.shape[1] == len(data.test_labels) == 200
    assert np.bincount(data.test_labels).min() >= 15
    (kept,) = tmp_path.glob("events-*.npz")
    again = recorded(source, 10, size=(34, 34), cache=tmp_path)
    np.testing.assert_array_equal(again.train, data.train)
    # a file that was cut off is made again
    kept.write_bytes(kept.read_bytes()[:1000])
    np.testing.assert_array_equal(recorded(source, 10, size=(34, 34), cache=tmp_path).test, data.test)


def test_each_sample_is_tested_in_one_fold():
    labels = np.repeat([0, 1, 2], [20, 10, 15])
    x = np.arange(45)[None, :, None]
    folds = [split(x, labels, 0.2, seed=3, fold=k) for k in range(5)]
    assert sorted(np.concatenate([each.test[0, :, 0] for each in folds]).tolist()) == list(range(45))
    for each in folds:
        assert sorted([*each.train[0, :, 0], *each.test[0, :, 0]]) == list(range(45))
        assert np.bincount(each.test_labels).tolist() == [4, 2, 3]
        np.testing.assert_array_equal(labels[each.test[0, :, 0]], each.test_labels)
    with pytest.raises(SnnDeployError, match=r"SD807 fold 5: there are 5\. Fix: 0 to 4"):
        split(x, labels, 0.2, fold=5)
    with pytest.raises(SnnDeployError, match=r"SD807 data: .*5 folds, and a class has 4"):
        split(x[:, :34], labels[:34], 0.2, fold=0)


def test_a_fold_has_no_place_beside_a_test_of_its_own(tmp_path):
    for part in ("Train", "Test"):
        (tmp_path / part / "0").mkdir(parents=True)
        (tmp_path / part / "0" / "1.bin").write_bytes(bytes([3, 4, 0, 0, 9, 5, 6, 128, 39, 16]))
    assert recorded(tmp_path, 2, size=(34, 34)).test.sum() == 2
    with pytest.raises(SnnDeployError, match=r"SD807 fold 1: .* has a Test of its own"):
        recorded(tmp_path, 2, size=(34, 34), fold=1)


def test_kept_counts_are_those_of_the_labels_that_recordings_have_now(tmp_path):
    folder, kept = tmp_path / "recordings", tmp_path / "kept"
    for label in "01":
        (folder / label).mkdir(parents=True)
        for k in range(4):
            (folder / label / f"{label}{k}.bin").write_bytes(bytes([3, 4, 0, 0, 9, 5, 6, 128, 39, 16]))

    def labels():
        data = recorded(folder, 2, size=(34, 34), test_share=0.5, cache=kept)
        return sorted([*data.train_labels.tolist(), *data.test_labels.tolist()])

    assert labels() == [0] * 4 + [1] * 4
    # it stays where it was in the order of the names
    (folder / "0" / "03.bin").rename(folder / "1" / "03.bin")
    assert labels() == [0] * 3 + [1] * 5


def test_no_step_is_refused():
    with pytest.raises(SnnDeployError, match="SD807 steps: 0 steps hold nothing"):
        saccades(0, train=2, test=2)


def test_simulated_saccades_look_like_recorded_ones():
    data = saccades(15, train=20, test=5)
    assert data.train.shape == (15, 20, 2, 34, 34)
    on, off = data.train[:, :, 0].sum(), data.train[:, :, 1].sum()
    # what gets brighter gets darker again: both polarities are alike, as in the recordings
    assert 0.7 < on / off < 1.4
    assert (data.train.sum(axis=(0, 2, 3, 4)) > 100).all()


@needs_nmnist
def test_simulated_saccades_send_what_the_recorded_ones_of_the_same_digits_do():
    """Recording 00001 of N-MNIST is of MNIST's first digit, and so on: as many events, where, when, of which sign."""
    if not (SHARED / "mnist").is_dir():
        pytest.skip("../shared/data/mnist is not here")
    read = read_folder(SHARED / "nmnist" / "nmnist_train_1000.zip", "Train", (34, 34))
    theirs = {int(Path(each.where).stem): each for each in read.events}
    numbers = sorted(theirs)[-100:]
    real = counts([theirs[number] for number in numbers], 25).astype(float)
    ours = saccades(25, SHARED / "mnist", train=100, test=1, skip=900).train.astype(float)
    assert 0.8 < ours.sum() / real.sum() < 1.25
    busy = real.sum(axis=(1, 2, 3, 4))
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] if b.any() else 0 for a, b in zip(real, ours, strict=True)]
    assert np.average(alike, weights=busy) > 0.55
    # the wrong polarity is told from the right one
    other = [
        np.corrcoef(a.ravel(), b[:, ::-1].ravel())[0, 1] if b.any() else 0 for a, b in zip(real, ours, strict=True)
    ]
    assert np.average(other, weights=busy) < 0.2


def test_a_picture_that_does_not_change_sends_nothing():
    from snndeploy.train.datasets.saccades import saccade_frames

    grey = np.full((1, 28, 28), 0.5)
    found = saccade_frames(grey, 10)
    assert found[:, :, :, 10:20, 10:20].sum() == 0
    assert found.sum() > 0


@needs_nmnist
@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="../shared/data/mnist is not here")
def test_recordings_are_of_the_first_pictures_which_can_be_left_out():
    # who is tested on the first recordings must not have been trained on the first pictures
    import zipfile

    with zipfile.ZipFile(SHARED / "nmnist" / "nmnist_train_1000.zip") as archive:
        names = [Path(name) for name in archive.namelist() if name.endswith(".bin")]
    recorded_of = {int(name.stem): int(name.parent.name) for name in names}
    held = mnist(SHARED / "mnist", download=False)
    assert all(held.train_labels[number - 1] == label for number, label in recorded_of.items())
    few = saccades(4, SHARED / "mnist", 30, 2)
    later = saccades(4, SHARED / "mnist", 10, 2, skip=20)
    np.testing.assert_array_equal(few.train[:, 20:], later.train)
    np.testing.assert_array_equal(few.train_labels[20:], later.train_labels)
