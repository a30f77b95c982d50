"""Batches that a thread gathers: the same ones, and errors where they belong."""

import threading

import pytest
import torch

from snndeploy.errors import SnnDeployError, error
from snndeploy.train.ahead import threaded
from snndeploy.train.batches import Batch


def batches(count, broken=None):
    for k in range(count):
        if k == broken:
            raise error("SD843", f"sample {k}", "it is bad")
        yield Batch({"input": torch.full((2, 3, 1), k)}, torch.full((3,), k), range(3), 3)


def test_all_batches_come_in_order_and_changed():
    found = list(threaded(batches(20), lambda x: x + 1))
    assert [int(each.labels[0]) for each in found] == list(range(1, 21))
    assert [int(each.inputs["input"].max()) for each in found] == list(range(1, 21))


def test_an_error_comes_behind_the_batches_before_it():
    found = []
    with pytest.raises(SnnDeployError, match="sample 7"):
        for each in threaded(batches(20, broken=7), lambda x: x):
            found.append(int(each.labels[0]))
    assert found == list(range(7))


def test_whoever_stops_early_leaves_no_thread():
    before = threading.active_count()
    for each in threaded(batches(50), lambda x: x):
        if int(each.labels[0]) == 3:
            break
    assert threading.active_count() == before
