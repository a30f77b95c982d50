"""DVS Gesture: 11 gestures of hands and arms before an event camera of 128×128 pixels.

Amir et al., A Low Power, Fully Event-Based Gesture Recognition System, CVPR 2017. Two layouts are read: IBM's own
recordings (.aedat, version 3.1, each with a .csv of what is shown when), and the single gestures that tonic fetches.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.files import UNREADABLE, short
from snndeploy.network.arrays import Array
from snndeploy.train.data import Data
from snndeploy.train.datasets.cache import cached, stamp
from snndeploy.train.datasets.event_files import read_events
from snndeploy.train.datasets.events import Events, events
from snndeploy.train.datasets.fetch import data_folder, find
from snndeploy.train.datasets.folders import DAMAGED, Progress, damage, left_out, refuse_damaged
from snndeploy.train.datasets.frames import check_time, counted, refuse_collapsed

SIDE = 128
CLASSES = (
    *("hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter clockwise"),
    *("left arm clockwise", "left arm counter clockwise", "arm roll", "air drums", "air guitar", "other gestures"),
)
PARTS = ("train", "test")
Gestures = Iterator[tuple[Events, int]]


class Layout(NamedTuple):
    """Files of each part, and how one of them is read."""

    files: dict[str, list[Path]]
    read: Callable[[Path], Gestures]


def dvs_gesture(
    folder: str | Path | None = None,
    steps: int = 25,
    factor: int = 4,
    window: int | None = None,
    damaged: str = "refuse",
    cache: str | Path | None = None,
    progress: Progress = lambda done, of, what: None,
) -> Data:
    """Counts of events per step, (steps, sample, 2, 128 / factor, 128 / factor), and the numbers of `CLASSES`.

    Args:
        folder: with ibmGestureTrain/<user>/<label>.npy and ibmGestureTest/... (tonic's), or with trials_to_train.txt,
            trials_to_test.txt, <recording>.aedat and <recording>_labels.csv (IBM's); or one above it.
        factor: so many by so many pixels are summed up; a divisor of 128.
        window: µs per step, from the beginning of the gesture; None: each gesture's own duration in `steps` parts.
        damaged: "refuse" names every damaged file; "skip" leaves them out, which the notes say.
        cache: a folder in which the counts are kept.

    Returns:
        uint8, where no count exceeds 255, else uint16.

    Raises:
        SnnDeployError SD807: the settings do not fit. SD880: the recordings are not there. SD881, SD884: damaged ones.
            SD882: time is lost.
    """
    if factor < 1 or SIDE % factor:
        raise error("SD807", f"factor {factor}", f"it does not divide {SIDE} pixels", "choose 1, 2, 4, 8, 16, 32")
    if damaged not in DAMAGED:
        raise error("SD807", f"damaged {damaged!r}", "there is no such way", f"choose from {', '.join(DAMAGED)}")
    check_time(steps, window)
    at = data_folder("dvsgesture", folder)
    layout = _layout(at)

    def make() -> dict[str, Array]:
        bad: list[Finding] = []
        held: dict[str, Array] = {}
        for part in PARTS:
            held |= _part(layout, part, (steps, factor, window), bad, progress)
        refuse_damaged(bad, damaged)
        missing = [part for part in PARTS if not len(held[f"{part}_y"])]
        if missing:
            what = f"every recording to {' and to '.join(missing)} with is damaged"
            raise_errors([Finding("SD880", str(at), what, "fetch it again"), *bad])
        return {**held, "bad": np.array([str(each.where) for each in bad], dtype=np.str_)}

    stamps = {part: [_stamps(path) for path in layout.files[part]] for part in PARTS}
    recipe = {"steps": steps, "factor": factor, "window": window, "damaged": damaged, "files": stamps}
    held = cached(cache, "gestures", recipe, make)
    x, y, x_test, y_test = (held[f"{part}_{what}"] for part in PARTS for what in "xy")
    return Data(x, y, x_test, y_test, notes=left_out([str(each) for each in held["bad"]]))


def _stamps(path: Path) -> list[list[Any]]:
    """Of a recording, and of the table of its gestures where it has one."""
    table = _labels_of(path)
    return [[path.parent.name, *stamp(each)] for each in (path, table) if each.is_file()]


def _part(
    layout: Layout, part: str, how: tuple[int, int, int | None], bad: list[Finding], progress: Progress
) -> dict[str, Array]:
    """Counts and labels; of each file, the events are dropped when they are counted: all of them are many gigabytes."""
    steps, factor, window = how
    found, labels, used, many = [], [], [], []
    for i, path in enumerate(layout.files[part]):
        progress(i, len(layout.files[part]), f"{part}: {path.name}")
        try:
            gestures = list(layout.read(path))
        except SnnDeployError as problem:
            bad += damage(problem)
            continue
        for gesture, label in gestures:
            counts, steps_used = counted(_smaller(gesture, factor), steps, window, 2)
            found.append(counts)
            labels.append(label)
            used.append(steps_used)
            many.append(len(gesture))
    refuse_collapsed(used, many, steps)
    side = SIDE // factor
    kind = np.uint8 if all(each.max(initial=0) <= 255 for each in found) else np.uint16
    x = np.zeros((steps, len(found), 2, side, side), kind)
    for i, each in enumerate(found):
        x[:, i] = each
    return {f"{part}_x": x, f"{part}_y": np.array(labels, np.int64)}


def _smaller(gesture: Events, factor: int) -> Events:
    side = SIDE // factor
    return replace(gesture, x=gesture.x // factor, y=gesture.y // factor, width=side, height=side)


def _layout(at: Path) -> Layout:
    """Raises SD880, with what to put where; SD881: a list of recordings is damaged."""
    fix = f"put tonic's ibmGestureTrain and ibmGestureTest, or IBM's DvsGesture (unpacked), into {at}, or name their "
    fix += "folder (--data)"
    if not at.is_dir():
        raise error("SD880", "data set 'dvsgesture'", f"there is no folder {at}", fix)
    names = {part: f"ibmGesture{part.title()}" for part in PARTS}
    tonic = {part: _folder(at, name) for part, name in names.items()}
    if any(tonic.values()):
        files = {part: [] if top is None else sorted(top.glob("*/*.npy"), key=_order) for part, top in tonic.items()}
        lacking = [names[part] for part in PARTS if not files[part]]
        raise_errors(
            [Finding("SD880", "data set 'dvsgesture'", f"{n} holds no <user>/<label>.npy", fix) for n in lacking]
        )
        return Layout(files, _of_tonic)
    lists = {part: find(at, (f"trials_to_{part}.txt",)) for part in PARTS}
    found = [
        Finding("SD880", "data set 'dvsgesture'", f"trials_to_{p}.txt is not in {at}", fix)
        for p in PARTS
        if not lists[p]
    ]
    raise_errors(found)
    recordings: dict[str, list[Path]] = {}
    for part, path in lists.items():
        assert path is not None
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UNREADABLE as problem:
            raise error("SD881", str(path), f"it is no list of names ({short(problem)})", "fetch it again") from None
        listed = [path.parent / line.strip() for line in lines if line.strip()]
        recordings[part] = listed
        missing = [each for recording in listed for each in (recording, _labels_of(recording)) if not each.is_file()]
        found += [Finding("SD880", str(each), f"it is listed in {path.name}, and not there", fix) for each in missing]
    raise_errors(found)
    return Layout(recordings, _of_ibm)


def _folder(at: Path, name: str) -> Path | None:
    candidates = [at, at / name, *sorted(at.glob(f"*/{name}"))]
    return next((each for each in candidates if each.name == name and each.is_dir()), None)


def _order(path: Path) -> tuple[str, int, str]:
    return path.parent.name, int(path.stem) if path.stem.isdigit() else -1, path.name


def _of_tonic(path: Path) -> Gestures:
    """One gesture: columns x, y, polarity and time in ms; the name of the file is the label."""
    fix = "fetch it again, or leave it out"
    if not path.stem.isdigit() or int(path.stem) >= len(CLASSES):
        raise error("SD881", str(path), f"its name is no label, 0 to {len(CLASSES) - 1}", fix)
    try:
        with path.open("rb") as file:
            held = np.load(file, allow_pickle=False)
    except UNREADABLE as problem:
        raise error("SD881", str(path), f"it is no whole .npy file ({short(problem)})", fix) from None
    if held.ndim != 2 or held.shape[1] != 4 or not len(held) or not np.isfinite(held).all():
        what = f"it holds {held.dtype} {held.shape}, not numbers (events, 4): x, y, polarity, time"
        raise error("SD881", str(path), what, fix)
    x, y, p, t = (np.rint(held[:, k]).astype(np.int64) for k in range(4))
    yield events((t - t.min()) * 1000, x, y, p > 0, (SIDE, SIDE), str(path)), int(path.stem)


def _labels_of(recording: Path) -> Path:
    return recording.with_name(f"{recording.stem}_labels.csv")


def _of_ibm(path: Path) -> Gestures:
    """Gestures of a recording: class (from 1), first and last µs of each stand in the .csv beside it."""
    about = _labels_of(path)
    whole = read_events(path, (SIDE, SIDE))
    try:
        with about.open(newline="", encoding="utf-8") as file:
            rows = [(int(r["class"]), int(r["startTime_usec"]), int(r["endTime_usec"])) for r in csv.DictReader(file)]
        if not rows or any(not 1 <= number <= len(CLASSES) or not first < last for number, first, last in rows):
            raise ValueError(f"a class is not within 1..{len(CLASSES)}, or a gesture ends before it begins")
    except (*UNREADABLE, csv.Error) as problem:
        what = f"it is no table of class, startTime_usec, endTime_usec ({short(problem)})"
        raise error("SD881", str(about), what, "fetch it again, or leave it out") from None
    for number, first, last in rows:
        inside = slice(*np.searchsorted(whole.t, (first, last)))
        if inside.start == inside.stop:
            what = f"no event lies within {first}..{last} µs, where it says class {number}"
            raise error("SD881", str(path), what, "fetch it again, or leave it out")
        columns = {name: getattr(whole, name)[inside] for name in "xyp"}
        yield replace(whole, t=whole.t[inside] - first, **columns), number - 1
