"""Events of a camera or a cochlea: who spiked, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array


@dataclass(frozen=True, eq=False)
class Events:
    """One recording, in order of time.

    Attributes:
        t: int64 (events,), microseconds from the beginning of the recording.
        x, y: int32 (events,), column and row; of a cochlea x is the channel and y is 0.
        p: bool (events,), whether it got brighter; of a cochlea True.
        width, height: of the sensor.
        where: what it was read from.
    """

    t: Array
    x: Array
    y: Array
    p: Array
    width: int
    height: int
    where: str = "events"

    def __len__(self) -> int:
        return len(self.t)

    @property
    def duration(self) -> int:
        """Microseconds up to the last event."""
        return int(self.t[-1]) if len(self) else 0


def events(t: Array, x: Array, y: Array, p: Array, size: tuple[int, int] | None, where: str) -> Events:
    """Checked events, sorted by time (stable), the first at its own time or, where clocks run on, at 0.

    Args:
        t: whole microseconds. x, y: columns and rows. p: polarity, two values.
        size: (width, height); None: what the events reach.

    Raises:
        SnnDeployError SD881: lengths differ, a time is negative. SD884: an event lies beyond the sensor.
    """
    lengths = {len(t), len(x), len(y), len(p)}
    if len(lengths) > 1:
        raise_errors([Finding("SD881", where, f"its columns have {sorted(lengths)} entries", "record it again")])
    t, x, y = (np.asarray(each).astype(np.int64) for each in (t, x, y))
    found: list[Finding] = []
    if t.size and int(t.min()) < 0:
        found.append(Finding("SD881", where, f"a time is negative ({int(t.min())} µs)", "shift the times to 0"))
    width, height = size or ((int(x.max()) + 1, int(y.max()) + 1) if t.size else (1, 1))
    beyond = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    if beyond.any():
        i = int(np.flatnonzero(beyond)[0])
        what = f"{int(beyond.sum()):,} of {t.size:,} events lie beyond {width}×{height}, the first at ({x[i]}, {y[i]})"
        found.append(Finding("SD884", where, what, "name the size of the sensor that recorded it"))
    raise_errors(found)
    order = np.argsort(t, kind="stable")
    t = t[order]
    # a clock that counts since 1970 or since the camera was switched on says nothing about the recording
    if t.size and int(t[0]) > CLOCK:
        t = t - t[0]
    narrow = np.int32
    return Events(t, x[order].astype(narrow), y[order].astype(narrow), np.asarray(p, bool)[order], width, height, where)


# a first event later than this, in µs, is a clock's time and no pause: an hour
CLOCK = 3_600_000_000
