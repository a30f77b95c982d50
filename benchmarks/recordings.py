"""Networks and recordings of ../shared/data, as arrays: what the benchmarks measure on."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import snndeploy as sd
from snndeploy.network import Decision, Network
from snndeploy.train.data import Data, rate_code

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
Samples = tuple[Any, Any]


def braille() -> tuple[Network, Any, Any]:
    """The recurrent Braille network of the NIR paper, reset to zero; spikes (256, 700, 12) and letters (700,)."""
    network = sd.read(DATA / "nir" / "braille_noDelay_bias_zero.nir", dt=1e-4, reset="to-zero")
    held = np.load(DATA / "braille" / "braille7_700.npz")
    spikes = held["X"].astype(np.uint8).transpose(1, 0, 2)
    return network.with_(decision=Decision(network.outputs[0])), spikes, held["y"].astype(np.int64)


def nmnist_network(reset: str) -> Network:
    """The N-MNIST network of the NIR paper as Sinabs wrote it (weights per step), in one reading of its reset."""
    path = DATA / "nir" / "cnn_sinabs.nir"
    network = sd.read(path, dt=1e-4, reset=reset, kind="counts", integrators="per-step")
    return network.with_(decision=Decision(network.outputs[0]))


def nmnist(steps: int = 300, window: int = 1000, first: int = 0, last: int = 1000) -> Samples:
    """Recordings first..last-1 as counts, uint8 (steps, sample, 2, 34, 34), bins of `window` µs, and their digits.

    ATIS events of 5 bytes: x, y, polarity and time (1 + 23 bits, big-endian). Source: Orchard et al., 2015.
    """
    with zipfile.ZipFile(DATA / "nmnist" / "nmnist_train_1000.zip") as archive:
        names = sorted((n for n in archive.namelist() if n.endswith(".bin")), key=lambda n: Path(n).stem)[first:last]
        frames = np.zeros((steps, len(names), 2, 34, 34), np.uint8)
        for i, name in enumerate(names):
            raw = np.frombuffer(archive.read(name), np.uint8).reshape(-1, 5).astype(np.int64)
            step = (((raw[:, 2] & 127) << 16) | (raw[:, 3] << 8) | raw[:, 4]) // window
            inside = step < steps
            np.add.at(frames, (step[inside], i, raw[inside, 2] >> 7, raw[inside, 1], raw[inside, 0]), 1)
    return frames, np.array([int(name.split("/")[1]) for name in names])


def mnist(part: str, count: int | None = None) -> Samples:
    """Images 0..1, float32 (count, 784), and digits. part: "train" or "t10k"."""

    def idx(name: str, header: int) -> Any:
        with gzip.open(DATA / "mnist" / f"{part}-{name}-ubyte.gz") as file:
            content = file.read()
        assert struct.unpack(">i", content[:4])[0] in (2049, 2051)
        return np.frombuffer(content, np.uint8, offset=header)

    labels = idx("labels-idx1", 8)[:count].astype(np.int64)
    return idx("images-idx3", 16).reshape(-1, 784)[:count].astype(np.float32) / 255, labels


def mnist_data(steps: int, train: int = 20_000, test: int = 10_000) -> Data:
    """Digits as evenly spaced spikes (`rate_code`), a thousand at a time."""

    def coded(x: Any) -> Any:
        return np.concatenate([rate_code(part, steps) for part in np.array_split(x, len(x) // 1000)], axis=1)

    x, y = mnist("train", train)
    x_test, y_test = mnist("t10k", test)
    return Data(coded(x), y, coded(x_test), y_test)
