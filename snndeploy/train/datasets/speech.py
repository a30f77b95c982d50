"""Spoken digits, and made-up words, through the cochlea model: counts per step, as SHD has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, short
from snndeploy.network.arrays import Array
from snndeploy.train.data import Data
from snndeploy.train.datasets.cache import cached, stamp
from snndeploy.train.datasets.cochlea import Cochlea, hear
from snndeploy.train.datasets.event_data import spike_counts
from snndeploy.train.datasets.fetch import data_folder, find
from snndeploy.train.datasets.vowels import RATE, WORDS, spoken

FILES = ("fsdd_900.npz", "fsdd.npz")
# the official split: recordings 0-4 of each speaker and digit are for the test
TEST = 5


def spoken_digits(
    steps: int = 100,
    window: float = 0.01,
    folder: str | Path | None = None,
    cochlea: Cochlea = Cochlea(),  # noqa: B008 (frozen)
    cache: str | Path | None = None,
    progress: Callable[[int, int, str], None] = lambda done, of, what: None,
) -> Data:
    """The Free Spoken Digit Dataset (Jackson et al., 2018) as spikes of an auditory nerve, official split.

    Args:
        steps, window: steps of so many seconds; what is spoken later is left out.
        folder: of an .npz file with `audio` (all recordings in a row), `offset`, `label`, `index`, `rate`.
        cache: a folder in which the spikes are kept: hearing takes some minutes.

    Returns:
        uint8 (steps, sample, channels).

    Raises:
        SnnDeployError SD880: the file is not there. SD881: it is damaged.
    """
    at = data_folder("fsdd", folder)
    path = at if at.is_file() else find(at, FILES) if at.is_dir() else None
    if path is None:
        fix = f"put {FILES[0]} there: arrays audio, offset, label, index, rate; or name its folder (--data)"
        raise error("SD880", "data set 'fsdd'", f"{FILES[0]} is not in {at}", fix)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            audio, offset, label, index = (held[name] for name in ("audio", "offset", "label", "index"))
            rate = int(held["rate"])
    except UNREADABLE as problem:
        what = f"it is no whole .npz file of audio, offset, label, index, rate ({short(problem)})"
        raise error("SD881", str(path), what, "fetch it again") from None

    def make() -> dict[str, Array]:
        heard = []
        for i in range(len(label)):
            progress(i, len(label), f"hearing {i + 1} of {len(label)}")
            heard.append(hear(audio[offset[i] : offset[i + 1]], rate, cochlea))
        times, channels = [t for t, _ in heard], [k for _, k in heard]
        ends = np.cumsum([0, *(len(t) for t in times)])
        return {"times": np.concatenate(times), "channels": np.concatenate(channels), "ends": ends}

    heard = cached(cache, "cochlea", {"cochlea": vars(cochlea), "file": stamp(path)}, make)
    cuts = heard["ends"][1:-1]
    times, channels = np.split(heard["times"], cuts), np.split(heard["channels"], cuts)
    x = spike_counts(times, channels, steps, window, cochlea.channels, str(path))
    y, test = label.astype(np.int64), index < TEST
    return Data(x[:, ~test], y[~test], x[:, test], y[test])


def made_up_words(
    steps: int = 50,
    window: float = 0.01,
    train: int = 400,
    test: int = 200,
    cochlea: Cochlea = Cochlea(),  # noqa: B008 (frozen)
    cache: str | Path | None = None,
) -> Data:
    """Words of two vowels, of which every class has as many: no recording is needed. See `vowels`."""
    count = train + test
    labels = np.arange(count) % len(WORDS)

    def make() -> dict[str, Array]:
        heard = [hear(sound, RATE, cochlea) for sound in spoken(labels)]
        x = spike_counts([t for t, _ in heard], [k for _, k in heard], steps, window, cochlea.channels)
        return {"x": x}

    recipe = {"cochlea": vars(cochlea), "steps": steps, "window": window, "count": count}
    x = cached(cache, "words", recipe, make)["x"]
    return Data(x[:, :train], labels[:train], x[:, train:], labels[train:])
