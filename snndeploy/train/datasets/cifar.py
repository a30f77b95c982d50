"""CIFAR-100 from its binary files: a picture is a coarse label, a fine label, and 32×32 red, green and blue.

Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import UNREADABLE, short
from snndeploy.network.arrays import Array
from snndeploy.train.datasets.fetch import data_folder, find
from snndeploy.train.datasets.mnist import Pictures

SHAPE = (3, 32, 32)
RECORD = 2 + 3 * 32 * 32
# kind of label -> which byte of a record, and how many there are
LABELS = {"coarse": (0, 20), "fine": (1, 100)}
PUBLISHED = "cifar-100-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html"


def cifar100(folder: str | Path | None = None, labels: str = "fine") -> Pictures:
    """All pictures: uint8 (50,000, 3, 32, 32) to train with, (10,000, 3, 32, 32) to test.

    Args:
        folder: of train.bin and test.bin, or one above it (cifar-100-binary); None: see `fetch.data_folder`.
        labels: "fine": 100 classes, or "coarse": 20.

    Raises:
        SnnDeployError SD807: no such labels. SD880: a file is missing. SD881: one is damaged; both files are told.
    """
    if labels not in LABELS:
        raise error("SD807", f"labels {labels!r}", "there are no such labels", f"choose from {', '.join(LABELS)}")
    at = data_folder("cifar100", folder)
    paths = {name: find(at, (f"{name}.bin",)) if at.is_dir() else None for name in ("train", "test")}
    missing = [f"{name}.bin" for name, path in paths.items() if path is None]
    fix = f"unpack {PUBLISHED} into {at}, or name its folder (--data)"
    raise_errors([Finding("SD880", "data set 'cifar100'", f"{name} is not in {at}", fix) for name in missing])
    found: list[Finding] = []
    held = [_records(path, found) for path in paths.values() if path is not None]
    byte, count = LABELS[labels]
    for path, records in zip(paths.values(), held, strict=True):
        for kind, (k, limit) in LABELS.items():
            most = int(records[:, k].max(initial=0))
            if most >= limit:
                i = int(np.flatnonzero(records[:, k] >= limit)[0])
                what = f"picture {i} has {kind} label {int(records[i, k])}, the last one is {limit - 1}"
                found.append(Finding("SD881", str(path), what, "fetch it again"))
    raise_errors(found)
    parts = [(each[:, 2:].reshape(-1, *SHAPE), each[:, byte].astype(np.int64)) for each in held]
    (x, y), (x_test, y_test) = parts
    return Pictures(x, y, x_test, y_test, _classes(at, labels, count))


def _records(path: Path, found: list[Finding]) -> Array:
    """uint8 (picture, RECORD); what is wrong with the file is added to `found`."""
    try:
        data = np.fromfile(path, np.uint8)
    except UNREADABLE as problem:
        found.append(Finding("SD881", str(path), f"it cannot be read ({short(problem)})", "fetch it again"))
        return np.zeros((0, RECORD), np.uint8)
    if not data.size or data.size % RECORD:
        what = f"{data.size:,} bytes are no whole number of pictures of {RECORD:,} bytes"
        found.append(Finding("SD881", str(path), what, "fetch it again: it is cut off, or CIFAR-10, of 3,073 bytes"))
        return np.zeros((0, RECORD), np.uint8)
    return data.reshape(-1, RECORD)


def _classes(at: Path, labels: str, count: int) -> tuple[str, ...]:
    """Names of the classes, which lie beside the pictures; numbers where they do not."""
    path = find(at, (f"{labels}_label_names.txt",))
    names = () if path is None else tuple(path.read_text(encoding="utf-8").split())
    return names if len(names) == count else tuple(str(k) for k in range(count))
