"""Pictures as spikes, counts or numbers, by the name of a code; the models that take them."""

from __future__ import annotations

import gzip
import json
import struct
import urllib.error

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from snndeploy import cli, models
from snndeploy.errors import SnnDeployError
from snndeploy.train.datasets import encoders
from snndeploy.train.datasets.mnist import mnist
from snndeploy.train.datasets.small import enlarged_digits

PICTURES = arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(4)))


@given(PICTURES, st.integers(1, 20), st.integers(1, 9))
def test_counts_hold_what_the_brightness_asks_for(pictures, steps, most):
    x = pictures / 255
    found = encoders.count_code(x, steps, most)
    assert found.shape == (steps, *x.shape)
    np.testing.assert_array_equal(found.sum(axis=0), np.floor(steps * (most * x) + 0.5))
    # as even as whole numbers can be
    assert (np.ptp(found.astype(int), axis=0) <= 1).all()
    if most == 1:
        np.testing.assert_array_equal(found, encoders.rate_code(x, steps))


@given(PICTURES, st.integers(1, 6))
def test_a_still_picture_is_a_view_of_torchvisions_numbers(pictures, steps):
    torch = pytest.importorskip("torch")
    found = encoders.coded(pictures, steps, "still")
    np.testing.assert_array_equal(found, np.stack([torch.from_numpy(pictures).to(torch.float32).div(255)] * steps))
    assert found.strides[0] == 0


@pytest.mark.parametrize("code", sorted(set(encoders.CODES) - {"still"}))
def test_what_comes_later_does_not_change_what_was_there(code):
    pictures = np.random.default_rng(0).integers(0, 256, (2100, 3), np.uint8)
    whole, few = encoders.coded(pictures, 4, code), encoders.coded(pictures[:1500], 4, code)
    np.testing.assert_array_equal(whole[:, :1500], few)
    assert whole.dtype == np.uint8
    # other samples, other random numbers
    assert code != "poisson" or (whole[:, :1000] != encoders.poisson_code(pictures[1000:2000] / 255, 4)).any()


@pytest.mark.parametrize("steps", [0, -3])
@pytest.mark.parametrize("code", sorted(encoders.CODES))
def test_no_steps_are_refused_by_every_code(code, steps):
    with pytest.raises(SnnDeployError, match=f"SD807 steps: {steps} steps hold nothing"):
        encoders.coded(np.zeros((1, 4), np.uint8), steps, code)
    with pytest.raises(SnnDeployError, match=f"SD807 steps: {steps} steps hold nothing"):
        encoders.CODES[code](np.zeros((1, 4)), steps)


@pytest.mark.parametrize("code", sorted(encoders.CODES))
@pytest.mark.parametrize("wrong", [255.0, -0.1, np.nan])
def test_what_is_no_share_is_refused_by_every_code(code, wrong):
    """Pixels of 0..255 as shares would all be as bright as can be."""
    with pytest.raises(SnnDeployError, match="SD807 intensity"):
        encoders.CODES[code](np.array([[0.0, wrong]]), 3)


@pytest.mark.parametrize("rate", [0.0, 1.5, -1.0, float("nan")])
def test_a_rate_that_is_no_chance_is_refused(rate):
    with pytest.raises(SnnDeployError, match="SD807 rate"):
        encoders.poisson_code(np.ones((1, 2)), 3, rate=rate)


@pytest.mark.parametrize("more", [["kind=fashion"], ["download=true"], ["samples=-1"], ["samples=0"]])
def test_what_the_embedded_digits_are_not_is_refused(tmp_path, capsys, more):
    """They were trained on instead, or one sample less."""
    given = [each for text in more for each in ("--set", text)]
    assert cli.main(["train", "mnist_rate_norse", "--out", str(tmp_path / "run"), *given]) == 2
    assert ("SD843" if more == ["samples=0"] else "SD807") in capsys.readouterr().err
    if "download=true" not in more:
        assert cli.main(["train", "stdp_population", "--out", str(tmp_path / "run"), *given]) == 2
        assert "SD807" in capsys.readouterr().err


@pytest.mark.parametrize("code", ["delta", "population", "morse"])
def test_codes_that_are_none_for_pictures(code):
    with pytest.raises(
        SnnDeployError, match=rf"SD807 code '{code}'.*choose from rate, poisson, latency, counts, still"
    ):
        encoders.coded(np.zeros((1, 4), np.uint8), 3, code)


def test_enlarged_digits_fill_the_middle():
    held = enlarged_digits()
    assert held.train.shape == (1347, 28, 28)
    assert held.train[:, :2].max() == held.train[:, :, -2:].max() == 0
    np.testing.assert_array_equal(held.train[:, 2:26:3, 2:26:3], held.train[:, 4:26:3, 4:26:3])
    assert held.train.max() == 255


@pytest.mark.parametrize("name", ["mnist_csnn", "mnist_rate_norse"])
def test_models_take_codes(name):
    file = models.load(name)
    for code in encoders.CODES:
        data = file.data(steps=3, code=code, samples=9)
        assert data.train.shape[:2] == (3, 9)
        assert data.test.shape[2:] == data.train.shape[2:]


def put_idx(folder, train=24, test=6):
    """Four IDX files as FashionMNIST has them."""
    draws = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        pictures, labels = draws.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte.gz", pictures), (f"{part}-labels-idx1-ubyte.gz", labels)):
            head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (folder / name).write_bytes(gzip.compress(head + array.tobytes()))


def test_fashion_from_a_folder_through_train(tmp_path, capsys):
    put_idx(tmp_path)
    command = ["train", "mnist_rate_norse", "--data", str(tmp_path), "--set", "kind=fashion", "--set", "code=latency"]
    command += ["--set", "steps=4", "--set", "hidden=12", "--epochs", "1", "--out", str(tmp_path / "run"), "--json"]
    assert cli.main([*command, "--device", "cpu"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["epochs"] == 1
    assert 0 <= done["accuracy"] <= 1
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b cut")
    command[command.index(str(tmp_path / "run"))] = str(tmp_path / "other")
    assert cli.main(command) == 2
    assert "SD881" in (said := capsys.readouterr().out)
    assert "t10k-images-idx3-ubyte.gz" in said


def test_without_a_network_or_the_files_it_says_what_to_put_where(tmp_path, monkeypatch, capsys):
    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    for more, said in (([], "--set download=true"), (["--set", "download=true"], "cannot be reached")):
        command = ["train", "mnist_csnn", "--data", str(tmp_path), *more, "--out", str(tmp_path / "run")]
        assert cli.main(command) == 2
        err = capsys.readouterr().err
        assert "SD880" in err
        assert said in err
        assert "put train-images-idx3-ubyte.gz" in err
        assert str(tmp_path) in err
    assert not list(tmp_path.glob("*.gz"))
    with pytest.raises(SnnDeployError, match="fashion-mnist"):
        mnist(tmp_path, "fashion")
