"""Training samples that are other ones in each epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snndeploy.errors import SnnDeployError
from snndeploy.train.augment import Augment
from snndeploy.train.batches import Arrays, Part
from snndeploy.train.data import Data
from snndeploy.train.settings import Settings
from snndeploy.train.sources import sources_of


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(seed=st.integers(0, 50), time=st.integers(0, 4), places=st.tuples(st.integers(0, 2), st.integers(0, 3)))
def test_one_spike_is_moved_as_a_whole_and_no_farther_than_said(seed, time, places):
    x = torch.zeros(12, 5, 2, 9, 11, dtype=torch.uint8)
    x[6, :, 1, 4, 5] = 3
    y = Augment(time, places=places)(x, drawn(seed))
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    at = y.nonzero()
    assert at[:, 1].sort().values.tolist() == [0, 1, 2, 3, 4]
    assert (y[tuple(at.T)] == 3).all()
    assert ((at[:, [0, 3, 4]] - torch.tensor([6, 4, 5])).abs() <= torch.tensor([time, *places])).all()
    assert (at[:, 2] == 1).all()


def test_what_leaves_does_not_come_back_at_the_other_side():
    x = torch.ones(4, 400, 6)
    y = Augment(2, places=(3,))(x, drawn())
    lost = {(int((each.sum(1) == 0).sum()), int((each.sum(0) == 0).sum())) for each in y.unbind(1)}
    assert lost == {(t, c) for t in range(3) for c in range(4)}


def test_both_ways_are_gone_to_their_ends():
    x = torch.zeros(9, 400, 9)
    x[4, :, 4] = 1
    at = Augment(2, places=(3,))(x, drawn()).nonzero()
    assert sorted({*(at[:, 0] - 4).tolist()}) == list(range(-2, 3))
    assert sorted({*(at[:, 2] - 4).tolist()}) == list(range(-3, 4))


def test_samples_without_an_order_are_left_as_they_are():
    x = np.random.default_rng(0).random((10, 6, 4)).astype(np.float32)
    source = Arrays({"input": x}, np.zeros(6, int), 3, None, "samples", augment=Augment(3))
    np.testing.assert_array_equal(np.concatenate(batches(source, 0), axis=1), x)


def test_speed_makes_words_shorter_or_longer():
    x = torch.zeros(100, 300, 1)
    x[:40] = 1
    ends = Augment(speed=0.2)(x, drawn())[:, :, 0].sum(0)
    # at speed s the last step with a spike is the last t with round(t / s) < 40
    assert ends.min() >= 0.8 * 39.5
    assert ends.max() <= 1.2 * 39.5 + 1
    assert ends.min() < 34
    assert ends.max() > 45


def test_a_share_is_left_out_that_is_drawn_for_each_sample():
    y = Augment(drop=0.4)(torch.ones(200, 300, 20), drawn()).mean(dim=(0, 2))
    assert y.min() >= 0.58
    assert abs(float(y.mean()) - 0.8) < 0.02
    assert y.max() > 0.97


@pytest.mark.parametrize("wrong", [{"time": -1}, {"speed": 1.0}, {"places": (-1,)}, {"drop": 1.5}])
def test_other_numbers_are_refused(wrong):
    with pytest.raises(SnnDeployError, match=f"SD807 .*{next(iter(wrong))}"):
        Augment(**wrong)


def test_more_shifts_than_axes_are_refused():
    with pytest.raises(SnnDeployError, match="SD807 .*2 shifts, and a step of a sample has 1 axes"):
        Augment(places=(1, 1))(torch.ones(3, 2, 4), drawn())


def batches(source, epoch, start=0, part=Part()):  # noqa: B008 (frozen)
    return [each.inputs["input"].numpy() for each in source.epoch(epoch, start, part)]


def test_training_samples_alone_and_the_same_in_a_run_that_goes_on():
    x = np.random.default_rng(0).random((10, 40, 6)).astype(np.float32)
    labels = np.arange(40) % 4
    data = Data(x, labels, x, labels, Augment(3, places=(1,)))
    sources = sources_of(data, Settings(batch=8, validation=0.2, seed=5), None)
    assert sources.validation is not None
    assert sources.test is not None
    for source in (sources.validation, sources.test):
        for one in batches(source, 3):
            assert all(any(np.array_equal(one[:, i], x[:, k]) for k in range(40)) for i in range(one.shape[1]))
    whole = batches(sources.train, 3)
    for one, other in zip(whole[2:], batches(sources.train, 3, 2), strict=True):
        np.testing.assert_array_equal(one, other)
    plain = sources_of(Data(x, labels, x, labels), Settings(batch=8, validation=0.2, seed=5), None)
    assert all(not np.array_equal(a, b) for a, b in zip(whole, batches(plain.train, 3), strict=True))
    # the same sample is another one in each epoch
    first, second = (
        {i: each.inputs["input"][:, k] for each in sources.train.epoch(n, 0, Part()) for k, i in enumerate(each.index)}
        for n in range(2)
    )
    assert first.keys() == second.keys()
    assert sum(not torch.equal(first[i], second[i]) for i in first) > 20
    assert sources.train.fingerprint() != plain.train.fingerprint()


def test_what_is_drawn_is_another_in_each_epoch_batch_and_process():
    """Of samples that are all the same, so that their order does not matter."""
    x = np.repeat(np.random.default_rng(0).random((20, 1, 5)).astype(np.float32), 64, axis=1)
    source = Arrays({"input": x}, np.zeros(64, int), 32, 7, "samples", augment=Augment(9))
    first, second = batches(source, 0)
    parts = [np.concatenate(batches(source, 0, 0, Part(rank, 2)), axis=1) for rank in (0, 1)]
    others = (second, batches(source, 1)[0], batches(source, 1)[1])
    assert all(not np.array_equal(first, each) for each in others)
    assert not np.array_equal(*parts)
    np.testing.assert_array_equal(first, batches(source, 0)[0])
