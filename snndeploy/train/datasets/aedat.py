"""AEDAT 3.1, the format of IBM's recordings of gestures. Source: docs.inivation.com, AEDAT 3.1."""

from __future__ import annotations

import numpy as np

from snndeploy.errors import error
from snndeploy.train.datasets.events import Events, events

POLARITY = 1
EVENT = 8
PACKET = np.dtype(
    [
        *(("kind", "<i2"), ("source", "<i2"), ("size", "<i4"), ("time_at", "<i4"), ("overflow", "<i4")),
        *(("capacity", "<i4"), ("number", "<i4"), ("valid", "<i4")),
    ]
)
FIX = "fetch it again, or leave it out"


def read_aedat3(data: bytes, size: tuple[int, int] | None, where: str) -> Events:
    """Header lines, then packets of 28 bytes about them and their events; those of polarity are taken.

    An event is 32 bits (x: 31-17, y: 16-2, polarity: 1, valid: 0) and 31 bits of time in µs, little-endian; the packet
    has what is above 31 bits. Events that are not valid are left out, as their writer wants.

    Raises:
        SnnDeployError SD881: it is of another version, cut off, or without events. SD884: beyond the sensor.
    """
    at = _behind_header(data, where)
    address, times = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    while at < len(data):
        about = np.frombuffer(data[at : at + PACKET.itemsize].ljust(PACKET.itemsize, b"\0"), PACKET)[0]
        known = {name: int(about[name]) for name in ("kind", "size", "overflow", "capacity", "number")}
        inside = known["size"] * known["capacity"]
        whole = known["size"] > 0 and 0 <= known["number"] <= known["capacity"]
        if not whole or len(data) - at - PACKET.itemsize < inside:
            raise error("SD881", where, f"it is cut off or damaged at byte {at:,}, where a packet begins", FIX)
        at += PACKET.itemsize
        if known["kind"] == POLARITY and known["size"] == EVENT:
            rows = np.frombuffer(data, "<u4", 2 * known["number"], at).reshape(-1, 2).astype(np.int64)
            rows = rows[rows[:, 0] & 1 == 1]
            address.append(rows[:, 0])
            times.append(rows[:, 1] + (known["overflow"] << 31))
        at += inside
    a = np.concatenate(address)
    if not len(a):
        raise error("SD881", where, "it holds no event", FIX)
    return events(np.concatenate(times), a >> 17, (a >> 2) & 0x7FFF, (a >> 1) & 1, size, where)


def _behind_header(data: bytes, where: str) -> int:
    """Where the first packet begins: behind the line that ends the header, or the last that begins with #."""
    if not data.startswith(b"#!AER-DAT3"):
        what = f"it begins with {data[:14].decode('latin-1')!r}, and version 3 of AEDAT is read"
        raise error("SD881", where, what, "convert it to .aedat4, or to .npz of t, x, y, p")
    at = 0
    while data[at : at + 1] == b"#":
        last = data.startswith(b"#!END-HEADER", at)
        at = data.find(b"\n", at) + 1 or len(data)
        if last:
            break
    return at
