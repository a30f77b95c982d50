"""IDX files: the format of MNIST, FashionMNIST and their kin. Source: LeCun, Cortes, Burges, 1998."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, existing, short
from snndeploy.network.arrays import Array

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
# more bytes than this are no picture set that fits into memory
LARGEST = 2**33


def read_idx(path: str | Path) -> Array:
    """The array of an IDX file, packed with gzip or not: two zero bytes, type, number of axes, sizes, values.

    Raises:
        SnnDeployError SD801: no such file. SD881: it is cut off, too long, or no IDX file.
    """
    existing(path, "IDX file")
    fix = "fetch it again"
    try:
        data = Path(path).read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                data = file.read(LARGEST)
    except UNREADABLE as problem:
        raise error("SD881", str(path), f"it is no whole gzip file ({short(problem)})", fix) from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES or not data[3]:
        raise error("SD881", str(path), "it is no IDX file: its first bytes name no type and no axes", fix)
    dtype, start = np.dtype(TYPES[data[2]]), 4 + 4 * data[3]
    if len(data) < start:
        raise error("SD881", str(path), f"it ends within its sizes, after {len(data)} bytes", fix)
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    wanted = start + dtype.itemsize * int(np.prod([int(n) for n in shape], dtype=object))
    if len(data) != wanted:
        raise error("SD881", str(path), f"it has {len(data):,} bytes, and {shape} needs {wanted:,}", fix)
    return np.frombuffer(data, dtype, offset=start).reshape(shape)
