"""Files of events -> `Events`: .bin (ATIS), .dat (Prophesee), .aedat and .aedat4 (iniVation), .npz and .h5 / .hdf5.

tonic and the packages it names read the binary formats, where they can; sources of the formats: Orchard et al. 2015
(.bin), Prophesee's and iniVation's documentation; .aedat is that of version 3 alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import SnnDeployError, error
from snndeploy.files import UNREADABLE, existing, short
from snndeploy.network.arrays import Array
from snndeploy.train.datasets.aedat import read_aedat3
from snndeploy.train.datasets.events import Events, events

Size = tuple[int, int]


def read_events(path: str | Path, size: Size | None = None, content: bytes | None = None) -> Events:
    """One recording.

    Args:
        path: the file; its ending says the format.
        size: (width, height) of the sensor; None: the format's own, or what the events reach.
        content: of the file, where it lies in an archive (.bin and .npz alone).

    Raises:
        SnnDeployError SD801: no such file. SD807: no such format. SD881: it is damaged, or not of that format.
        SD884: an event lies beyond the sensor. SD885: a package is missing.
    """
    where, ending = str(path), Path(path).suffix.lower()
    if ending not in READERS:
        fix = f"convert it to one of {', '.join(READERS)}"
        raise error("SD807", where, f"events in {ending or 'a file without ending'} are not read", fix)
    if content is None:
        existing(path, "file of events")
    try:
        return READERS[ending](path, size, content)
    except SnnDeployError:
        raise
    except (*UNREADABLE, Exception) as problem:  # the packages raise whatever they like
        what = f"it is no whole {ending} file of events ({short(problem)})"
        raise error("SD881", where, what, "fetch it again, or leave it out") from None


def _bytes(path: str | Path, content: bytes | None) -> bytes:
    return Path(path).read_bytes() if content is None else content


def _bin(path: str | Path, size: Size | None, content: bytes | None) -> Events:
    """ATIS: 5 bytes an event: x, y, polarity (1 bit) and time (23 bits, big-endian, µs). Overflow markers: y = 240."""
    data = _bytes(path, content)
    if not data or len(data) % 5:
        raise error("SD881", str(path), f"{len(data):,} bytes are no whole number of events of 5", "fetch it again")
    raw = np.frombuffer(data, np.uint8).reshape(-1, 5).astype(np.int64)
    t = ((raw[:, 2] & 127) << 16) | (raw[:, 3] << 8) | raw[:, 4]
    marks = raw[:, 1] == OVERFLOW_ROW
    # each marker stands for 2^13 µs more, as the recorder of N-MNIST wrote them
    t = (t + (np.cumsum(marks) << 13))[~marks]
    raw = raw[~marks]
    return events(t, raw[:, 0], raw[:, 1], raw[:, 2] >> 7, size or ATIS, str(path))


OVERFLOW_ROW = 240
ATIS = (34, 34)


def _dat(path: str | Path, size: Size | None, content: bytes | None) -> Events:
    del content
    read = _package("expelliarmus", ".dat").Wizard(encoding="dat").read(str(path))
    if not len(read):
        raise error("SD881", str(path), "it holds no event", "fetch it again")
    return events(read["t"], read["x"], read["y"], read["p"], size, str(path))


def _aedat4(path: str | Path, size: Size | None, content: bytes | None) -> Events:
    del content
    _package("aedat", ".aedat4")
    read = _package("tonic.io", ".aedat4").read_aedat4(str(path))
    names = read.dtype.names
    return events(read["t"], read["x"], read["y"], read["p" if "p" in names else "on"], size, str(path))


def _aedat(path: str | Path, size: Size | None, content: bytes | None) -> Events:
    return read_aedat3(_bytes(path, content), size, str(path))


def _npz(path: str | Path, size: Size | None, content: bytes | None) -> Events:
    import io

    # NumPy leaves a damaged file open that it opened itself
    with io.BytesIO(_bytes(path, content)) as file, np.load(file, allow_pickle=False) as held:
        return _columns({name: held[name] for name in held.files}, size, str(path))


def _h5(path: str | Path, size: Size | None, content: bytes | None) -> Events:
    del content
    import h5py

    with h5py.File(path, "r") as file:
        group = file["events"] if "events" in file and isinstance(file["events"], h5py.Group) else file
        return _columns({name: np.asarray(group[name]) for name in group if name in KNOWN}, size, str(path))


# names of columns: ours, and those of files in the wild
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "t": ("t", "ts", "time", "timestamp", "times"),
    "x": ("x", "units", "addr", "address", "channel"),
    "y": ("y",),
    "p": ("p", "pol", "polarity", "on"),
}
KNOWN = {name for names in COLUMNS.values() for name in names}


def _columns(held: Mapping[str, Array], size: Size | None, where: str) -> Events:
    """t and x are needed; y and p are those of a cochlea where they are missing. Times are whole µs, or seconds."""
    found = {kind: next((held[n] for n in names if n in held), None) for kind, names in COLUMNS.items()}
    t, x = found["t"], found["x"]
    if t is None or x is None:
        what = f"it has {', '.join(sorted(held)) or 'no arrays'}; t and x are needed (y and p if there are any)"
        raise error("SD881", where, what, "np.savez(path, t=..., x=..., y=..., p=...)")
    if np.issubdtype(t.dtype, np.floating):
        t = microseconds(t, where)
    y = np.zeros(len(t), np.int64) if found["y"] is None else found["y"]
    p = np.ones(len(t), bool) if found["p"] is None else found["p"] > 0
    return events(t, x, y, p, size, where)


def microseconds(seconds: Array, where: str) -> Array:
    """Times in seconds as whole µs. Raises SD881 where one is not finite."""
    if not np.isfinite(seconds).all():
        raise error("SD881", where, "a time is not finite", "fetch it again, or leave it out")
    return np.rint(np.asarray(seconds, np.float64) * 1e6).astype(np.int64)


def _package(name: str, ending: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        what = f"package {name.partition('.')[0]} reads {ending} files, and it is not installed"
        raise error("SD885", ending, what, "pip install 'snndeploy[events]'") from None


READERS: dict[str, Callable[[str | Path, Size | None, bytes | None], Events]] = {
    ".bin": _bin,
    ".dat": _dat,
    ".aedat": _aedat,
    ".aedat4": _aedat4,
    ".npz": _npz,
    ".h5": _h5,
    ".hdf5": _h5,
}
