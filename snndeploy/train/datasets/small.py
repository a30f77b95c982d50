"""Pictures for the models of MNIST: those of a folder, or scikit-learn's digits in their size where none is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.train.data import split_digits
from snndeploy.train.datasets.mnist import CLASSES, Pictures, mnist


def pictures_of(folder: Path | None, kind: str = "mnist", download: bool = False) -> Pictures:
    """`mnist(folder, kind, download)`; without a folder `enlarged_digits()`.

    Raises:
        SnnDeployError SD807: what is asked for needs a folder. Else as `mnist`.
    """
    if folder is not None:
        return mnist(folder, kind, download)
    if download or kind != "mnist":
        where = "download" if download else f"kind {kind!r}"
        raise error("SD807", where, "nothing says in which folder", "mkdir pictures, and name it (--data pictures)")
    return enlarged_digits()


def enlarged_digits(test_share: float = 0.25) -> Pictures:
    """`split_digits`, three times enlarged, within 28×28 pixels."""
    x, y, x_test, y_test = split_digits(test_share)

    def enlarged(part: Array) -> Array:
        bright = np.rint(part * 255).astype(np.uint8)
        return np.pad(bright.repeat(3, axis=1).repeat(3, axis=2), [(0, 0), (2, 2), (2, 2)])

    return Pictures(enlarged(x), y, enlarged(x_test), y_test, CLASSES["mnist"])
