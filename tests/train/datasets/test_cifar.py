"""CIFAR-100's binary files, written here by their description."""

from __future__ import annotations

import numpy as np
import pytest

from snndeploy.errors import SnnDeployError
from snndeploy.train.datasets.cifar import cifar100


def record(coarse: int, fine: int, picture: np.ndarray) -> bytes:
    """One byte each for both labels, then the red, the green and the blue plane, row by row."""
    planes = b"".join(bytes(picture[row, column, k] for row in range(32) for column in range(32)) for k in range(3))
    return bytes([coarse, fine]) + planes


@pytest.fixture
def folder(tmp_path):
    draws = np.random.default_rng(0)
    below = tmp_path / "cifar-100-binary"
    below.mkdir()
    for name, labels in (("train", [(0, 4), (19, 99), (3, 7)]), ("test", [(11, 50), (2, 0)])):
        pictures = draws.integers(0, 256, (len(labels), 32, 32, 3))
        (below / f"{name}.bin").write_bytes(b"".join(record(*y, p) for y, p in zip(labels, pictures, strict=True)))
        np.save(tmp_path / f"{name}.npy", pictures)
    return tmp_path


def test_pictures_and_both_labels(folder):
    fine, coarse = cifar100(folder), cifar100(folder / "cifar-100-binary", labels="coarse")
    np.testing.assert_array_equal(fine.train.transpose(0, 2, 3, 1), np.load(folder / "train.npy"))
    np.testing.assert_array_equal(coarse.test.transpose(0, 2, 3, 1), np.load(folder / "test.npy"))
    assert fine.train.dtype == np.uint8
    assert (fine.train_labels.tolist(), fine.test_labels.tolist()) == ([4, 99, 7], [50, 0])
    assert (coarse.train_labels.tolist(), coarse.test_labels.tolist()) == ([0, 19, 3], [11, 2])
    assert (len(fine.classes), len(coarse.classes)) == (100, 20)
    names = [f"name{k}" for k in range(20)]
    (folder / "cifar-100-binary" / "coarse_label_names.txt").write_text("\n".join(names) + "\n")
    assert cifar100(folder, labels="coarse").classes == tuple(names)


def test_what_is_missing_is_said_with_what_to_put_where(tmp_path):
    with pytest.raises(SnnDeployError, match=r"SD880 .*cifar-100-binary\.tar\.gz .* into") as caught:
        cifar100(tmp_path)
    assert [each.what.split()[0] for each in caught.value.findings] == ["train.bin", "test.bin"]
    with pytest.raises(SnnDeployError, match="SD807 .*fine"):
        cifar100(tmp_path, labels="super")


def test_damaged_files_are_named_all_at_once(folder):
    below = folder / "cifar-100-binary"
    whole = (below / "train.bin").read_bytes()
    (below / "train.bin").write_bytes(whole[:-1])
    test = bytearray((below / "test.bin").read_bytes())
    test[3074] = 20
    (below / "test.bin").write_bytes(bytes(test))
    with pytest.raises(SnnDeployError, match="SD881") as caught:
        cifar100(folder)
    assert "9,221 bytes" in caught.value.findings[0].what
    assert caught.value.findings[1].what == "picture 1 has coarse label 20, the last one is 19"
