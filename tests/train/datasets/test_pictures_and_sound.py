"""IDX files, downloads, encoders and the cochlea."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from snndeploy.errors import SnnDeployError
from snndeploy.train.datasets import encoders
from snndeploy.train.datasets.cochlea import Cochlea, hear
from snndeploy.train.datasets.fetch import Known, found_or_fetched
from snndeploy.train.datasets.idx import read_idx
from snndeploy.train.datasets.mnist import mnist
from snndeploy.train.datasets.speech import spoken_digits

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def idx(array: np.ndarray) -> bytes:
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    return (
        struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


@given(arrays.arrays(st.sampled_from(["u1", "i2", "i4", "f8"]), arrays.array_shapes(max_dims=3, max_side=4)))
def test_idx_files_are_read_and_cut_ones_named(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("idx") / "a"
    whole = idx(array)
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_idx(path), array)
    path.write_bytes(gzip.compress(whole))
    np.testing.assert_array_equal(read_idx(path), array)
    path.write_bytes(whole[:-1])
    with pytest.raises(SnnDeployError, match="SD881"):
        read_idx(path)


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="../shared/data/mnist is not here")
def test_mnist_is_whole():
    held = mnist(SHARED / "mnist", download=False)
    assert held.train.shape == (60000, 28, 28)
    assert np.bincount(held.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_missing_file_names_what_to_put_where(tmp_path):
    with pytest.raises(SnnDeployError, match=r"SD880 .*train-images-idx3-ubyte\.gz is not in") as caught:
        mnist(tmp_path, download=False)
    assert str(tmp_path) in str(caught.value)


class Serving(http.server.BaseHTTPRequestHandler):
    content = b"the file"

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_is_checked_and_written_whole(tmp_path, address):
    right = hashlib.md5(Serving.content, usedforsecurity=False).hexdigest()
    for md5, good in (("0" * 32, False), (right, True)):
        known = {"a.gz": Known(address + "a.gz", md5)}
        if good:
            assert found_or_fetched(tmp_path / "x", ("a.gz",), known, True, "it").read_bytes() == Serving.content
        else:
            with pytest.raises(SnnDeployError, match="SD883"):
                found_or_fetched(tmp_path / "x", ("a.gz",), known, True, "it")
            assert not list(tmp_path.rglob("*.gz"))


def test_without_a_network_it_says_what_to_do(tmp_path):
    known = {"a.gz": Known("http://127.0.0.1:9/a.gz", "0" * 32)}
    with pytest.raises(SnnDeployError, match=r"SD880 .*cannot be reached .* Fix: put a\.gz into"):
        found_or_fetched(tmp_path, ("a.gz",), known, True, "it")


def test_latency_is_that_of_snntorch():
    import torch
    from snntorch import spikegen

    x = np.random.default_rng(0).random((5, 7))
    theirs = spikegen.latency(
        torch.tensor(x), num_steps=9, tau=1, threshold=0.01, linear=True, normalize=True, clip=True
    )
    np.testing.assert_array_equal(encoders.latency_code(x, 9), theirs.numpy())


def test_poisson_rates_and_seeds():
    x = np.array([[0.0, 0.25, 1.0]])
    s = encoders.poisson_code(x, 4000, seed=3)
    assert s[:, 0, 0].sum() == 0
    assert s[:, 0, 2].sum() == 4000
    # five standard deviations
    assert abs(s[:, 0, 1].mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 4000)
    np.testing.assert_array_equal(s, encoders.poisson_code(x, 4000, seed=3))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_delta_follows_the_signal(values):
    x = np.array(values).reshape(-1, 1, 1)
    spikes = encoders.delta_code(x, 2.0)
    # within a threshold of where it began, nothing is sent
    assert spikes.sum() == 0 or np.ptp(x) >= 2
    slow = np.cumsum(np.clip(values, -0.1, 0.1)).reshape(-1, 1, 1)
    s = encoders.delta_code(slow, 0.1)
    followed = slow[0] + 0.1 * np.cumsum(s[:, :, 0] - s[:, :, 1], axis=0, dtype=np.float64)
    assert np.abs(followed - slow).max() <= 0.1 + 1e-9


def test_populations_encode_and_decode():
    x = np.linspace(0.2, 0.8, 13)
    rates = encoders.population_code(x, 21)
    assert rates.shape == (13, 21)
    np.testing.assert_allclose(encoders.population_decode(rates), x, atol=1e-4)
    assert encoders.population_code(np.array([0.5]), 3)[0].tolist() == [np.exp(-0.5), 1.0, np.exp(-0.5)]


@pytest.mark.parametrize("code", [encoders.poisson_code, encoders.latency_code])
def test_pixels_of_255_are_refused(code):
    with pytest.raises(SnnDeployError, match=r"SD807 .*reaches from 0 to 255"):
        code(np.array([[0.0, 255.0]]), 4)


@pytest.mark.parametrize("frequency", [200, 700, 2000])
def test_a_tone_is_heard_where_it_belongs(frequency):
    rate, cochlea = 8000, Cochlea(channels=100, emphasis=0.0)
    t = np.arange(rate // 2) / rate
    _, channels = hear(np.sin(2 * np.pi * frequency * t), rate, cochlea)
    loudest = np.bincount(channels, minlength=100).argmax()
    centre = cochlea.centres()[channels].mean()
    assert abs(np.log2(centre / frequency)) < 0.35
    assert abs(np.log2(cochlea.centres()[loudest] / frequency)) < 0.6


def test_loudness_does_not_matter_and_silence_is_silent():
    sound = np.random.default_rng(1).normal(size=2000)
    soft, loud = hear(sound, 8000, Cochlea(channels=50)), hear(sound * 1000, 8000, Cochlea(channels=50))
    np.testing.assert_array_equal(soft[1], loud[1])
    assert hear(np.zeros(1000), 8000)[0].size == 0


@pytest.mark.skipif(not (SHARED / "fsdd").is_dir(), reason="../shared/data/fsdd is not here")
def test_spoken_digits_in_their_official_split(tmp_path):
    few = Cochlea(channels=20)
    data = spoken_digits(50, 0.02, SHARED / "fsdd", few, cache=tmp_path)
    assert data.train.shape == (50, 600, 20)
    assert data.test.shape == (50, 300, 20)
    assert np.bincount(data.test_labels).tolist() == [30] * 10
    assert (data.train.sum(axis=(0, 2)) > 10).all()
    np.testing.assert_array_equal(spoken_digits(50, 0.02, SHARED / "fsdd", few, cache=tmp_path).test, data.test)
