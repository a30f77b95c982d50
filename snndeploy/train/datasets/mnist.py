"""MNIST and FashionMNIST from their IDX files.

Sources: LeCun, Cortes, Burges, 1998; Xiao, Rasul, Vollgraf, arXiv 1708.07747.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.train.datasets.fetch import Known, data_folder, found_or_fetched
from snndeploy.train.datasets.idx import read_idx

BASES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
MD5 = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
}


@dataclass(frozen=True, eq=False)
class Pictures:
    """Attributes:
    train, test: uint8 (sample, height, width), brightness; of colours (sample, 3, height, width).
    train_labels, test_labels: int64 (sample,). classes: their names.
    """

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array
    classes: tuple[str, ...]

    def first(self, train: int | None, test: int | None) -> Pictures:
        """The first samples alone; None: all. Raises SnnDeployError SD807: fewer than 0."""
        for count in (train, test):
            if count is not None and count < 0:
                raise error(
                    "SD807", "samples", f"{count} samples cannot be taken", "choose 1 or more (--set samples=100)"
                )
        return Pictures(
            self.train[:train], self.train_labels[:train], self.test[:test], self.test_labels[:test], self.classes
        )


CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion": ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"),
}


def mnist(folder: str | Path | None = None, kind: str = "mnist", download: bool = True) -> Pictures:
    """All pictures, 28×28: 60,000 and 10,000.

    Args:
        folder: of the four IDX files, packed or not; None: see `fetch.data_folder`.
        kind: "mnist" or "fashion".
        download: fetch what is missing.

    Raises:
        SnnDeployError SD880: a file is missing. SD881: one is damaged. SD883: what was fetched is not the file.
        SD807: no such kind.
    """
    if kind not in BASES:
        raise error("SD807", f"kind {kind!r}", "there are no such pictures", f"choose from {', '.join(BASES)}")
    known = {name: Known(BASES[kind] + name, md5) for name, md5 in MD5[kind].items()}
    at = data_folder(kind, folder)
    held = []
    for name in known:
        plain = name.removesuffix(".gz")
        names = (name, plain, plain.replace("-idx", ".idx"))
        path = found_or_fetched(at, names, known, download, f"data set {kind!r}")
        array = read_idx(path)
        axes = 3 if "images" in name else 1
        if array.ndim != axes or array.dtype != np.uint8:
            raise error("SD881", str(path), f"it holds {array.dtype} {array.shape}, not {name}", "fetch it again")
        held.append(array)
    x, y, x_test, y_test = held
    for images, labels, part in ((x, y, "train"), (x_test, y_test, "t10k")):
        if len(images) != len(labels):
            what = f"{len(images):,} pictures and {len(labels):,} labels of {part}"
            raise error("SD881", str(at), what, "fetch both files again")
    return Pictures(x, y.astype(np.int64), x_test, y_test.astype(np.int64), CLASSES[kind])
