"""What the benchmarks read: events decoded by hand, digits and letters as many as the files hold."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def recordings():
    if not DATA.exists():
        pytest.skip("the folder shared/data is not here")
    spec = importlib.util.spec_from_file_location("recordings", ROOT / "benchmarks" / "recordings.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["recordings"] = module
    spec.loader.exec_module(module)
    return module


def test_events_of_nmnist_by_hand(recordings):
    frames, labels = recordings.nmnist(first=3, last=5)
    assert frames.shape == (300, 2, 2, 34, 34)
    with zipfile.ZipFile(DATA / "nmnist" / "nmnist_train_1000.zip") as archive:
        names = {Path(n).stem: n for n in archive.namelist() if n.endswith(".bin")}
        name = names["00004"]
        raw = archive.read(name)
    wanted = np.zeros((300, 2, 34, 34), int)
    for i in range(0, len(raw), 5):
        word = int.from_bytes(raw[i : i + 5], "big")
        x, y, p, t = word >> 32, (word >> 24) & 255, (word >> 23) & 1, word & (2**23 - 1)
        if t < 300_000:
            wanted[t // 1000, p, y, x] += 1
    assert np.array_equal(frames[:, 0], wanted)
    assert labels[0] == int(name.split("/")[1])


def test_mnist_is_whole(recordings):
    images, digits = recordings.mnist("t10k")
    assert images.shape == (10_000, 784)
    assert np.bincount(digits).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert images.max() == 1
