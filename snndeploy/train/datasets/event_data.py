"""Data sets of event cameras and cochleas, as counts per step: N-MNIST, DVS Gesture, SHD, or a user's own folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, short
from snndeploy.network.arrays import Array
from snndeploy.train.data import Data, check_steps
from snndeploy.train.datasets.cache import cached, stamp
from snndeploy.train.datasets.event_files import microseconds
from snndeploy.train.datasets.fetch import data_folder, find
from snndeploy.train.datasets.folders import Progress, left_out, read_folder
from snndeploy.train.datasets.frames import counts, refuse_collapsed
from snndeploy.train.datasets.mnist import mnist
from snndeploy.train.datasets.saccades import saccade_frames

SHD_CHANNELS = 700


def recorded(
    source: str | Path,
    steps: int,
    window: int | None = None,
    size: tuple[int, int] | None = None,
    test_share: float = 0.2,
    seed: int = 0,
    damaged: str = "refuse",
    cache: str | Path | None = None,
    progress: Progress = lambda done, of, what: None,
    fold: int | None = None,
) -> Data:
    """Recordings below a folder, or in a .zip file, as counts per step.

    Folders named Train and Test are what they say; without a Test, `test_share` of each class is held back, drawn with
    `seed`.

    Args:
        steps, window: see `frames.counts`. size: (width, height) of the sensor. damaged: see `folders.read_folder`.
        cache: a folder in which the counts are kept. fold: see `split`; where there is a Test, it has no place.

    Raises:
        SnnDeployError: SD880, SD881, SD882, SD884, see `read_folder` and `counts`. SD807: see `split`.
    """
    source = Path(source)
    if not source.exists():
        raise error("SD880", str(source), "there is no such folder", "--data names the folder of the recordings")
    parts = {part for part in ("Train", "Test") if _has(source, part)}

    def make() -> dict[str, Array]:
        held: dict[str, Array] = {}
        bad: list[str] = []
        for part in sorted(parts) or ["All"]:
            read = read_folder(source, part, size, damaged, progress)
            held[f"{part}_x"], held[f"{part}_y"] = counts(read.events, steps, window), read.labels
            bad += [each.where for each in read.skipped]
        return {**held, "bad": np.array(bad, dtype=np.str_)}

    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    # the folders above a recording are its label and its part
    stamps = [[str(each.relative_to(source)), *stamp(each)] for each in files]
    recipe = {"steps": steps, "window": window, "size": size, "damaged": damaged, "files": stamps}
    held = cached(cache, "events", recipe, make)
    notes = left_out([str(each) for each in held["bad"]])
    if parts == {"Train", "Test"}:
        if fold is not None:
            raise error("SD807", f"fold {fold}", f"{source} has a Test of its own", "leave the fold out")
        return Data(held["Train_x"], held["Train_y"], held["Test_x"], held["Test_y"], notes=notes)
    (name,) = parts or {"All"}
    return replace(split(held[f"{name}_x"], held[f"{name}_y"], test_share, seed, fold), notes=notes)


def split(x: Array, y: Array, test_share: float, seed: int = 0, fold: int | None = None) -> Data:
    """Samples (time, sample, *shape) in two, `test_share` of every class held back for the test.

    Args:
        fold: None: the test is drawn. Else all are dealt out into 1 / test_share parts, and the test is this one: each
            sample is in the test of one fold, so that all of them can be tested by networks that did not see them.

    Raises:
        SnnDeployError SD807: a class has too few samples, or there is no such fold.
    """
    from sklearn.model_selection import StratifiedKFold, train_test_split

    folds = round(1 / test_share)
    if fold is not None and not 0 <= fold < folds:
        raise error("SD807", f"fold {fold}", f"there are {folds}", f"0 to {folds - 1}")
    every, least = np.arange(len(y)), int(np.bincount(y)[np.unique(y)].min())
    try:
        if fold is not None and least < folds:
            raise ValueError(f"{folds} folds, and a class has {least}")
        if fold is None:
            train, test = train_test_split(every, test_size=test_share, random_state=seed, stratify=y)
        else:
            train, test = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(every, y))[fold]
    except ValueError as problem:
        what = f"{len(y)} samples cannot be split ({short(problem)})"
        raise error("SD807", "data", what, "more recordings of each class, or folders Train and Test") from None
    return Data(x[:, train], y[train], x[:, test], y[test])


def _has(source: Path, part: str) -> bool:
    import zipfile

    if source.is_dir():
        return any(path.is_dir() and path.name.lower() == part.lower() for path in source.rglob("*"))
    try:
        with zipfile.ZipFile(source) as archive:
            return any(part.lower() in name.lower().split("/")[:-1] for name in archive.namelist())
    except UNREADABLE as problem:
        what = f"it is neither a folder nor a whole .zip file ({short(problem)})"
        raise error("SD881", str(source), what, "fetch it again, or unpack it and name the folder") from None


def nmnist(
    steps: int = 25,
    folder: str | Path | None = None,
    window: int | None = None,
    damaged: str = "refuse",
    cache: str | Path | None = None,
    fold: int | None = None,
) -> Data:
    """N-MNIST, 34×34, two polarities: uint8 (steps, sample, 2, 34, 34). Orchard et al., 2015.

    Without recordings in a folder (or .zip) and without one below `fetch.data_folder`, raises SD880, which says what to
    put where: the recordings lie behind a licence page. `saccades` needs none. fold: see `split`.
    """
    at = data_folder("nmnist", folder)
    if not at.exists():
        fix = f"unpack Train.zip and Test.zip of N-MNIST into {at}, or name their folder (--data)"
        raise error("SD880", "data set 'nmnist'", f"there is no folder {at}", fix)
    return recorded(at, steps, window, (34, 34), damaged=damaged, cache=cache, fold=fold)


def saccades(
    steps: int = 25,
    folder: str | Path | None = None,
    train: int | None = None,
    test: int | None = None,
    skip: int = 0,
) -> Data:
    """Digits seen by a simulated event camera: MNIST of a folder; without one, scikit-learn's digits of 8×8 pixels.

    Args:
        train, test: pictures of each part, the first ones; None: all. skip: of the training part, those before them.
            N-MNIST recorded MNIST's digits in their order: those of its recordings to test with are left out so.

    Returns:
        uint8 (steps, sample, 2, 34, 34).

    Raises:
        SnnDeployError SD807: there is no step. Else as `mnist`.
    """
    check_steps(steps)
    behind = None if train is None else skip + train
    if folder is not None:
        held = mnist(folder, download=False)
        chosen = [(held.train[skip:behind], held.train_labels[skip:behind])]
        chosen.append((held.test[:test], held.test_labels[:test]))
        parts = [(x / np.float32(255), y) for x, y in chosen]
    else:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        pixels, labels = load_digits(return_X_y=True)
        # three times enlarged, so that strokes are as wide as MNIST's
        images = (pixels / 16).reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2)
        x, x_test, y, y_test = train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
        parts = [(x[skip:behind], y[skip:behind]), (x_test[:test], y_test[:test])]
    made = [(saccade_frames(x, steps), y.astype(np.int64)) for x, y in parts]
    return Data(made[0][0], made[0][1], made[1][0], made[1][1])


def shd(steps: int = 100, folder: str | Path | None = None, window: float = 0.014) -> Data:
    """The Spiking Heidelberg Digits: uint8 (steps, sample, 700), 20 classes. Cramer et al., IEEE TNNLS 2022.

    Args:
        window: seconds per step; the recordings last up to 1.4 s.

    Raises:
        SnnDeployError SD880: shd_train.h5 and shd_test.h5 are not there. SD881, SD882: see `spike_counts`.
    """
    at = data_folder("shd", folder)
    held: list[Array] = []
    for part in ("train", "test"):
        path = find(at, (f"shd_{part}.h5",)) if at.is_dir() else None
        if path is None:
            fix = f"put shd_train.h5 and shd_test.h5 (unpacked) into {at}, or name their folder (--data)"
            raise error("SD880", "data set 'shd'", f"shd_{part}.h5 is not in {at}", fix)
        held += _read_shd(path, steps, window)
    return Data(held[0], held[1], held[2], held[3])


def _read_shd(path: Path, steps: int, window: float) -> list[Array]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            times, units, labels = file["spikes"]["times"][:], file["spikes"]["units"][:], file["labels"][:]
    except UNREADABLE as problem:
        what = f"it is no whole file of SHD's form, spikes/times, spikes/units, labels ({short(problem)})"
        raise error("SD881", str(path), what, "fetch it again") from None
    seconds = [np.asarray(each, np.float64) for each in times]
    return [spike_counts(seconds, list(units), steps, window, SHD_CHANNELS, str(path)), labels.astype(np.int64)]


def spike_counts(
    times: list[Array], channels: list[Array], steps: int, window: float, count: int, where: str = "spikes"
) -> Array:
    """Spikes per channel and step.

    Args:
        times: seconds (spikes,) of each recording. channels: of each spike, 0..count-1. window: seconds per step.

    Returns:
        uint8 (steps, recording, count), where no count exceeds 255, else uint16.

    Raises:
        SnnDeployError SD881: a time is not finite, or negative. SD882: all spikes of each recording fall into one step.
            SD884: a channel is beyond the last.
    """
    out = np.zeros((steps, len(times), count), np.uint16)
    used = []
    for i, (t, k) in enumerate(zip(times, channels, strict=True)):
        step = microseconds(t, where) // round(window * 1e6)
        k = np.asarray(k).astype(np.int64)
        if k.size and not 0 <= k.min() <= k.max() < count:
            what = f"recording {i} has channel {int(k.max())}, the last one is {count - 1}"
            raise error("SD884", where, what, "name the number of channels")
        if step.size and int(step.min()) < 0:
            what = f"a time of recording {i} is negative ({np.asarray(t).min():g} s)"
            raise error("SD881", where, what, "shift the times to 0")
        inside = step < steps
        found = np.bincount(step[inside] * count + k[inside], minlength=steps * count)
        out[:, i] = found.reshape(steps, count)
        used.append(len(np.unique(step[inside])))
    refuse_collapsed(used, [len(t) for t in times], steps)
    return out.astype(np.uint8) if not out.size or out.max() <= 255 else out
