"""Events that become frames on the device: tonic's ToFrame and our own counts say what they are."""

import multiprocessing
import zipfile
from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import Dataset

from snndeploy.errors import SnnDeployError
from snndeploy.train.ahead import threaded
from snndeploy.train.batches import Part
from snndeploy.train.datasets.events import Events
from snndeploy.train.datasets.frames import counts
from snndeploy.train.datasets.on_disk import OnDisk
from snndeploy.train.datasets.recorded import recorded
from snndeploy.train.event_batches import EventBatches
from snndeploy.train.loop import train

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
KIND = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


def structured(rng, count, span=5000, size=(5, 4)):
    """Events as tonic has them, in order of time, several at the same time."""
    found = np.zeros(count, KIND)
    found["t"] = np.sort(rng.integers(7, span, count))
    found["x"], found["y"] = rng.integers(0, size[0], count), rng.integers(0, size[1], count)
    found["p"] = rng.integers(0, 2, count)
    return found


def frames(given, index=None):
    return given.some(np.arange(len(given)) if index is None else index).float()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 12), window=st.none() | st.integers(1, 900))
def test_frames_are_those_of_tonic(seed, steps, window):
    transforms = pytest.importorskip("tonic.transforms")
    rng = np.random.default_rng(seed)
    events = [structured(rng, int(n), int(rng.integers(20, 5000))) for n in rng.integers(2, 60, 4)]
    try:
        made = recorded(events, [0, 1, 0, 1], steps, window, size=(5, 4), rule="tonic")
    except SnnDeployError as problem:
        assert problem.findings[0].code == "SD882"  # all events in one step
        return
    how = {"n_time_bins": steps} if window is None else {"time_window": window}
    found = frames(made)
    assert found.dtype == torch.float32
    for k, each in enumerate(events):
        wanted = transforms.ToFrame(sensor_size=(5, 4, 2), **how)(each)[:steps]
        np.testing.assert_array_equal(found[: len(wanted), k], wanted)
        assert not found[len(wanted) :, k].any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 12), window=st.none() | st.integers(1, 900))
def test_frames_are_the_counts_of_data_sets(seed, steps, window):
    rng = np.random.default_rng(seed)
    parts = [structured(rng, int(n)) for n in rng.integers(0, 60, 3)]
    events = [Events(e["t"], e["x"], e["y"], e["p"] > 0, 5, 4) for e in parts]
    for polarities in (1, 2):
        try:
            wanted = counts(events, steps, window, polarities)
        except SnnDeployError as problem:
            with pytest.raises(SnnDeployError, match=problem.findings[0].code):
                recorded(events, [0, 1, 2], steps, window, polarities)
            continue
        made = recorded(events, [0, 1, 2], steps, window, polarities)
        np.testing.assert_array_equal(frames(made), wanted)
        np.testing.assert_array_equal(frames(made, np.array([2, 0])), wanted[:, [2, 0]])


@pytest.mark.skipif(not (SHARED / "nmnist").is_dir(), reason="../shared/data/nmnist is not here")
def test_a_thousand_recordings_of_nmnist():
    """All of them as batches, which are the frames of tonic."""
    io, transforms = pytest.importorskip("tonic.io"), pytest.importorskip("tonic.transforms")
    events, labels = [], []
    with zipfile.ZipFile(SHARED / "nmnist" / "nmnist_train_1000.zip") as archive:
        names = sorted(each for each in archive.namelist() if each.endswith(".bin"))
        for name in names:
            with archive.open(name) as file:
                events.append(io.read_mnist_file(file, dtype=io.events_struct, is_stream=True))
            labels.append(int(Path(name).parent.name))
    assert len(events) == 1000
    made = recorded(events, labels, 20, size=(34, 34), rule="tonic")
    to_frame = transforms.ToFrame(sensor_size=(34, 34, 2), n_time_bins=20)
    seen = 0
    for batch in EventBatches(made, 100, 3, "training data").epoch(0, 0, Part()):
        x = batch.inputs["input"].float()
        assert batch.labels.tolist() == [labels[k] for k in batch.index]
        for at in (0, 57):
            np.testing.assert_array_equal(x[:, at], to_frame(events[batch.index[at]]))
        seen += len(batch.index)
    assert seen == 1000
    held = sum(each.nbytes for each in (made.t, made.x, made.y, made.p))
    assert held < 0.25 * 1000 * 20 * 2 * 34 * 34 * 4


def learning(count=48, size=(4, 4)):
    """Events whose class is the row that is busiest."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, count)
    found = []
    for label in labels:
        each = structured(rng, 120, 8000, size)
        busy = rng.random(120) < 0.7
        each["y"][busy] = label
        found.append(each)
    return found, labels


def network():
    torch.manual_seed(0)
    how = {"beta": 0.8, "init_hidden": True}
    return nn.Sequential(nn.Flatten(), nn.Linear(32, 16), snn.Leaky(**how), nn.Linear(16, 4), snn.Leaky(**how))


HOW = {"epochs": 4, "batch": 16, "lr": 0.01, "validation": 0.25}


def test_a_run_on_events_is_that_on_their_frames():
    events, labels = learning()
    made = recorded(events, labels, 8, size=(4, 4))
    frame = frames(made).numpy()
    other = train(network(), (frame, labels), test=(frame, labels), **HOW)
    found = train(network(), made, test=made, **HOW)
    assert [each.loss for each in found.history] == [each.loss for each in other.history]
    assert found.accuracy == other.accuracy > 0.4
    assert found.history[-1].loss < found.history[0].loss


def test_a_run_on_events_goes_on_with_the_same_ones_only(tmp_path):
    events, labels = learning()
    how = HOW | {"scheduler": "none"}
    whole = train(network(), recorded(events, labels, 8, size=(4, 4)), out=tmp_path / "a", **how)
    train(network(), recorded(events, labels, 8, size=(4, 4)), out=tmp_path / "b", **how | {"epochs": 2})
    after = train(network(), recorded(events, labels, 8, size=(4, 4)), out=tmp_path / "b", resume=True, **how)
    assert after.history == whole.history
    with pytest.raises(SnnDeployError, match="SD842.*data"):
        train(network(), recorded(events, labels, 8, 1000, size=(4, 4)), out=tmp_path / "b", resume=True, **how)


def test_events_are_gathered_ahead_as_they_are():
    """What a thread pins and the device gets are events; frames come from them there."""
    events, labels = learning(20)
    made = recorded(events, labels, 8, size=(4, 4))
    source = EventBatches(made, 6, None, "data")
    touched = []

    def pin(x):
        touched.append(type(x).__name__)
        return x

    found = torch.cat([b.inputs["input"].to("cpu").float() for b in threaded(source.epoch(0, 0, Part()), pin)], 1)
    assert torch.equal(found, frames(made))
    assert set(touched) == {"Happened", "Tensor"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_frames_on_a_gpu_are_those_of_the_cpu():
    events, labels = learning()
    some = recorded(events, labels, 8, size=(4, 4)).some(np.arange(48))
    assert torch.equal(some.pin_memory().to("cuda", non_blocking=True).float().cpu(), some.float())


REFUSED = {
    "labels": (lambda e, y: recorded(e, y[:-1], 8), "SD843.*47 labels for 48 recordings"),
    "steps": (lambda e, y: recorded(e, y, 0), "SD807.*steps=0"),
    "rule": (lambda e, y: recorded(e, y, 8, rule="mine"), "SD807.*choose from counts, tonic"),
    "frames": (
        lambda e, y: recorded([np.zeros((8, 2, 4, 4))] * 48, y, 8),
        "SD807 recording 0: a ndarray has no fields",
    ),
    "sensor": (lambda e, y: recorded(e, y, 8, size=(4, 3)), "SD884 recording 0: .* beyond 4×3"),
    "time": (lambda e, y: recorded(e, y, 8, window=10**6), "SD882"),
    "classes": (lambda e, y: train(network(), recorded(e, y - 1, 8, size=(4, 4)), **HOW), "SD843"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    make, told = REFUSED[name]
    with pytest.raises(SnnDeployError, match=told):
        make(*learning())


class Frames(Dataset):
    """Counts how often a sample is made."""

    def __init__(self):
        events, self.labels = learning()
        self.x, self.made = frames(recorded(events, self.labels, 8, size=(4, 4))).numpy(), 0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, k):
        self.made += 1
        return self.x[:, k], int(self.labels[k])


def test_a_cache_of_tonic_goes_through_training(tmp_path):
    tonic = pytest.importorskip("tonic")
    plain, inner = train(network(), Frames(), **HOW), Frames()
    first = train(network(), tonic.DiskCachedDataset(inner, cache_path=str(tmp_path)), **HOW)
    assert inner.made == len(inner)
    again = train(network(), tonic.DiskCachedDataset(inner, cache_path=str(tmp_path)), **HOW)
    assert inner.made == len(inner)
    assert plain.history == first.history == again.history


def test_our_cache_makes_each_sample_once_and_mends_what_is_cut_off(tmp_path):
    plain, inner = train(network(), Frames(), **HOW), Frames()
    cache = OnDisk(inner, tmp_path, {"steps": 8})
    assert train(network(), cache, **HOW).history == plain.history
    assert inner.made == len(inner)
    files = sorted(cache.folder.iterdir())
    assert [each.suffix for each in files] == [".npz"] * len(inner)
    files[3].write_bytes(files[3].read_bytes()[:100])
    assert train(network(), OnDisk(inner, tmp_path, {"steps": 8}), **HOW).history == plain.history
    assert inner.made == len(inner) + 1
    assert OnDisk(inner, tmp_path, {"steps": 9}).folder != cache.folder


def hammer(folder, left):
    cache = OnDisk(Frames(), folder, {})
    left.put(all(np.array_equal(cache[k][0], cache.dataset.x[:, k]) for k in range(len(cache))))


def test_two_processes_share_a_cache(tmp_path):
    context = multiprocessing.get_context("fork")
    left = context.Queue()
    both = [context.Process(target=hammer, args=(tmp_path, left)) for _ in range(2)]
    for each in both:
        each.start()
    assert left.get(timeout=60)
    assert left.get(timeout=60)
    for each in both:
        each.join()


def test_a_cache_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SnnDeployError, match="SD802.*cannot be written"):
        OnDisk(Frames(), tmp_path / "file", {})
