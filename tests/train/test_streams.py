"""Data sets and loaders: the same batches as arrays, in the same order every time; bad samples by name."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from snndeploy.errors import SnnDeployError
from snndeploy.train.batches import Arrays, Part
from snndeploy.train.loop import train
from snndeploy.train.streams import Items, Loader

STEPS, COUNT = 6, 22


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.3), snn.Leaky(0.8, init_hidden=True))


def arrays():
    rng = np.random.default_rng(0)
    return (rng.random((STEPS, COUNT, 4)) < 0.5).astype(np.float32), rng.integers(0, 3, COUNT)


class Recordings(Dataset):
    """Samples one by one; `noise` is drawn anew each time, with all three libraries."""

    def __init__(self, noise=False):
        self.x, self.y = arrays()
        self.noise = noise

    def __len__(self):
        return COUNT

    def __getitem__(self, k):
        drawn = (np.random.rand() + torch.rand(()).item()) if self.noise else 0.0
        return self.x[:, k] + np.float32(drawn), int(self.y[k])


class Stream(IterableDataset):
    def __iter__(self):
        x, y = arrays()
        yield from ((x[:, k], y[k]) for k in range(COUNT))


def shown(source, epoch=0, start=0, part=None):
    return [(b.inputs["input"], b.labels) for b in source.epoch(epoch, start, part or Part())]


def assert_equal(a, b):
    assert len(a) == len(b)
    assert all(torch.equal(x, u) and torch.equal(y, v) for (x, y), (u, v) in zip(a, b, strict=True))


def every_source(noise=False):
    seeded = torch.Generator()
    return {
        "arrays": Arrays({"input": arrays()[0]}, arrays()[1], 5, 3, "data"),
        "items": Items(Recordings(noise), 5, 3, 0, "data"),
        "workers": Items(Recordings(noise), 5, 3, 2, "data"),
        "loader": Loader(DataLoader(Recordings(noise), 5, shuffle=True), "batch-major", 3, "data"),
        "generator": Loader(DataLoader(Recordings(noise), 5, shuffle=True, generator=seeded), "batch-major", 3, "data"),
        "stream": Loader(DataLoader(Stream(), 5), "batch-major", 3, "data"),
    }


@pytest.mark.parametrize("name", every_source())
def test_an_epoch_is_the_same_whenever_and_wherever_it_begins(name):
    """Also what the samples draw; and the generators of the process are left alone."""
    first = shown(every_source(noise=True)[name], epoch=2)
    torch.rand(7)
    np.random.rand(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert_equal(shown(every_source(noise=True)[name], epoch=2, start=2), first[2:])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    other = shown(every_source(noise=True)[name], epoch=3)
    assert name == "stream" or not all(torch.equal(a[0], b[0]) for a, b in zip(first, other, strict=True))
    labels = torch.cat([y for _, y in first]).tolist()
    assert sorted(labels) == sorted(arrays()[1].tolist())


def test_items_and_arrays_are_the_same_batches_in_any_number_of_processes():
    sources = every_source()
    for k in range(3):
        assert_equal(shown(sources["items"], 1, 0, Part(k, 3)), shown(sources["arrays"], 1, 0, Part(k, 3)))
    assert_equal(shown(every_source(noise=True)["workers"], 1), shown(every_source(noise=True)["items"], 1))


def test_the_parts_of_the_processes_are_the_batch():
    source = every_source()["arrays"]
    whole = list(source.epoch(0, 0, Part()))
    parts = [list(source.epoch(0, 0, Part(k, 3))) for k in range(3)]
    for batch, split in zip(whole, zip(*parts, strict=True), strict=True):
        own = [index for each in split if each.weight for index in each.index]
        assert sorted(own) == sorted(batch.index)
        assert {each.total for each in split} == {len(batch.index)}


@pytest.mark.parametrize("name", ["items", "workers", "loader"])
def test_a_run_interrupted_in_an_epoch_goes_on_as_if_nothing_had_happened(name, tmp_path):
    def data():
        made = {"loader": DataLoader(Recordings(noise=True), 5, shuffle=True)}
        return made.get(name, Recordings(noise=True))

    settings = {"epochs": 2, "batch": 5, "seed": 3, "workers": 2 if name == "workers" else 0}
    settings |= {"layout": "batch-major"} if name == "loader" else {}
    whole = module()
    train(whole, data(), out=tmp_path / "whole", **settings)

    def stop(done, total, text):
        if done == 7:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(module(), data(), out=tmp_path / "run", progress=stop, **settings)
    again = module()
    train(again, data(), out=tmp_path / "run", resume=True, **settings)
    assert (tmp_path / "run" / "batches.csv").read_text() == (tmp_path / "whole" / "batches.csv").read_text()
    assert torch.equal(again[0].weight, whole[0].weight)


def test_a_stream_is_trained_without_a_schedule_that_needs_its_end():
    done = train(module(), Stream(), epochs=2, batch=5, scheduler="none")
    assert len(done.history) == 2


def changed(k, x=None, y=None):
    class Bad(Recordings):
        def __getitem__(self, i):
            good = super().__getitem__(i)
            return good if i != k else (good[0] if x is None else x, good[1] if y is None else y)

    return Bad()


class Broken(Recordings):
    def __getitem__(self, i):
        if i == 4:
            raise OSError("checksum of 04.bin")
        return super().__getitem__(i)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (changed(17, x=np.full((STEPS, 4), np.nan)), r"sample 17: 24 of 24 values of 'input' are NaN"),
        (changed(17, x=np.ones((STEPS + 1, 4))), r"its shape is \(7, 4\), not \(6, 4\)"),
        (changed(17, x=np.ones(4)), r"sample 17: its shape is \(4,\), not \(time, \*shape\)"),
        (changed(17, y=-2), r"sample 17: its label is -2"),
        (changed(17, y=3), r"sample 17: its label is 3, the module decides among 3 classes"),
        (changed(17, y=0.5), "whole numbers"),
        (Broken(), r"sample 4: it cannot be read \(OSError: checksum of 04.bin\)"),
    ],
    ids=["nan", "length", "no time", "negative", "class", "fraction", "broken"],
)
def test_a_bad_sample_is_named(data, words):
    for workers in (0, 2) if isinstance(data, Broken) else (0,):
        with pytest.raises(SnnDeployError, match=rf"SD843 .*{words}"):
            train(module(), data, epochs=1, batch=5, workers=workers)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x, np.where(np.arange(COUNT) == 9, 7, y)), "sample 9: its label is 7"),
        (lambda x, y: (x.swapaxes(0, 1), y), "layout='batch-major'"),
        (lambda x, y: (x[:, :5], y), "22 labels ask for"),
        (lambda x, y: (x, y.astype(float)), "float64, not whole numbers"),
        (lambda x, y: (np.where(np.arange(4) == 1, np.inf, x), y), "sample 0: 6 of 24 values"),
    ],
)
def test_bad_arrays_are_named(change, words):
    with pytest.raises(SnnDeployError, match=f"SD843 .*{words}"):
        train(module(), change(*arrays()), epochs=1)


def test_batch_major_arrays_are_the_same_samples():
    x, y = arrays()
    a = train(module(), (x, y), epochs=1, batch=5)
    b = train(module(), (x.swapaxes(0, 1), y), epochs=1, batch=5, layout="batch-major")
    assert a.history == b.history


def test_a_loader_must_say_its_axes():
    with pytest.raises(SnnDeployError, match="layout='batch-major' is what torch's own collation makes"):
        train(module(), DataLoader(Recordings(), 5), epochs=1)


def test_bytes_are_numbers_too():
    x, y = arrays()
    a, b = (train(module(), (each, y), epochs=1) for each in (x.astype(np.uint8), x))
    assert a.history == b.history
