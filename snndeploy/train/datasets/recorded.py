"""Recordings of events that become frames where they are needed: some bytes per event travel, and no frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.train.datasets.events import Events
from snndeploy.train.datasets.frames import refuse_collapsed

Rule = Literal["counts", "tonic"]
RULES = ("counts", "tonic")
FIELDS = ("t", "x", "y", "p")


@dataclass(frozen=True, eq=False)
class Recorded:
    """Recordings, one behind the other, with how they become counts per step.

        c[k, i, p, y, x] = number of events of recording i with floor((t - first_i) / span_i) = k, for k < limit_i

    Attributes:
        t: int32 (events,), µs, or int64 where it has to be. x, y: int16 (events,). p: uint8 (events,), 0 or 1.
        start: int64 (recordings + 1,), of each recording's first event, and the end.
        labels: int64 (recordings,).
        steps, polarities, height, width: of the frames; polarities: 2, or 1 to add both up.
        first, span, limit: int64 (recordings,), see `recorded`.
    """

    t: Array
    x: Array
    y: Array
    p: Array
    start: Array
    labels: Array
    steps: int
    polarities: int
    height: int
    width: int
    first: Array
    span: Array
    limit: Array

    def __len__(self) -> int:
        return len(self.labels)

    def some(self, index: Array) -> Happened:
        """The events of some recordings, on the CPU."""
        parts = [np.arange(self.start[k], self.start[k + 1]) for k in index]
        at = np.concatenate([np.zeros(0, np.int64), *parts])
        sample = np.repeat(np.arange(len(index)), [len(each) for each in parts])
        columns = (self.t[at], self.x[at], self.y[at], self.p[at], sample.astype(np.int32))
        about = (self.first[index], self.span[index], self.limit[index])
        shape = (self.steps, len(index), self.polarities, self.height, self.width)
        return Happened(tuple(torch.from_numpy(each) for each in (*columns, *about)), shape)

    def arrays(self) -> list[tuple[str, Array]]:
        """All that the frames depend on."""
        names = ("t", "x", "y", "p", "start", "labels", "first", "span", "limit")
        sizes = np.array([self.steps, self.polarities, self.height, self.width])
        return [*((name, getattr(self, name)) for name in names), ("sizes", sizes)]


@dataclass(frozen=True, eq=False)
class Happened:
    """The events of a batch, on a device: t, x, y, p, sample of each event; first, span, limit of each sample.

    `shape` is that of the frames: (steps, batch, polarities, height, width).
    """

    columns: tuple[Tensor, ...]
    shape: tuple[int, ...]

    def to(self, device: Any, non_blocking: bool = False) -> Happened:
        return Happened(tuple(each.to(device, non_blocking=non_blocking) for each in self.columns), self.shape)

    def pin_memory(self) -> Happened:
        return Happened(tuple(each.pin_memory() for each in self.columns), self.shape)

    def float(self) -> Tensor:
        """Counts per step, float32 of `shape`, computed where the events are; nothing waits for the device."""
        t, x, y, p, sample, first, span, limit = self.columns
        _, batch, polarities, height, width = self.shape
        of = sample.long()
        since = t.long() - first[of]
        step = torch.div(since, span[of], rounding_mode="floor")
        plane = p.long() if polarities == 2 else torch.zeros_like(of)
        at = (((step * batch + of) * polarities + plane) * height + y.long()) * width + x.long()
        size = prod(self.shape)
        # what belongs to no step falls on one place behind all others
        at = torch.where((since >= 0) & (step < limit[of]), at, size)
        found = torch.zeros(size + 1, device=t.device)
        found.scatter_add_(0, at, torch.ones_like(at, dtype=torch.float32))
        return found[:size].reshape(self.shape)


def recorded(
    recordings: Sequence[Events | Array],
    labels: Array | Sequence[int],
    steps: int,
    window: int | None = None,
    polarities: int = 2,
    size: tuple[int, int] | None = None,
    rule: Rule = "counts",
) -> Recorded:
    """Recordings for `sd.train`, which become frames on the device.

    Args:
        recordings: `Events`, or structured arrays with fields t, x, y, p, as tonic has them.
        window: µs per step; None: the recording's own duration in `steps` equal parts.
        size: (width, height) of the sensor; None: that of the `Events`, or what the events reach.
        rule: "counts": as `frames.counts`, time begins at 0. "tonic": as tonic's ToFrame, time begins with the first
            event; with a window, one that the recording does not fill is left out.

    Raises:
        SnnDeployError SD807: settings that do not fit. SD882: time is lost. SD843: labels. SD884: beyond the sensor.
    """
    if rule not in RULES:
        raise error("SD807", f"rule {rule!r}", "there is no such rule", f"choose from {', '.join(RULES)}")
    if steps < 1 or polarities not in (1, 2) or (window is not None and window < 1):
        what = f"steps={steps}, window={window}, polarities={polarities}"
        raise error("SD807", "recordings", what, "at least one step of one µs; polarities 1 or 2")
    if not len(recordings) or len(recordings) != len(labels):
        what = f"{len(labels)} labels for {len(recordings)} recordings"
        raise error("SD843", "recordings", what, "give one label per recording, and one recording at least")
    parts = [_columns(each, k) for k, each in enumerate(recordings)]
    width, height = size or _reach(recordings, parts)
    found = []
    for k, (_, x, y, _) in enumerate(parts):
        beyond = (x < 0) | (x >= width) | (y < 0) | (y >= height)
        if beyond.any():
            what = f"{int(beyond.sum()):,} of {len(x):,} events lie beyond {width}×{height}"
            found.append(Finding("SD884", f"recording {k}", what, "name the size of the sensor that recorded it"))
    raise_errors(found)
    times = [_times(t, steps, window, rule) for t, *_ in parts]
    first, span, limit = (np.array(each, np.int64) for each in zip(*times, strict=True))
    used = [
        len(np.unique(at[(at >= 0) & (at < end)]))
        for (t, *_), begin, one, end in zip(parts, first, span, limit, strict=True)
        for at in [(t - begin) // one]
    ]
    refuse_collapsed(used, [len(part[0]) for part in parts], steps)
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
    start = np.concatenate([[0], np.cumsum([len(part[0]) for part in parts])]).astype(np.int64)
    t, x, y, p = columns
    if t.size and int(t.max()) < 2**31 and int(t.min()) >= 0:
        t = t.astype(np.int32)
    kinds = (x.astype(np.int16), y.astype(np.int16), p.astype(np.uint8))
    given = np.asarray(labels)
    return Recorded(t, *kinds, start, given, steps, polarities, height, width, first, span, limit)


def _columns(each: Any, k: int) -> tuple[Array, Array, Array, Array]:
    if isinstance(each, Events):
        return each.t, each.x, each.y, each.p
    names = getattr(getattr(each, "dtype", None), "names", None) or ()
    if not {"t", "x", "p"} <= set(names):
        what = f"a {type(each).__name__} has no fields {', '.join(FIELDS)}"
        raise error("SD807", f"recording {k}", what, "give Events, or structured arrays of tonic, without a transform")
    y = each["y"] if "y" in names else np.zeros(len(each), np.int64)
    return each["t"].astype(np.int64), each["x"].astype(np.int64), y.astype(np.int64), (each["p"] > 0).astype(np.uint8)


def _reach(recordings: Sequence[Any], parts: Sequence[tuple[Array, ...]]) -> tuple[int, int]:
    sizes = {(each.width, each.height) for each in recordings if isinstance(each, Events)}
    if len(sizes) > 1:
        raise error("SD807", "recordings", f"they are of sizes {sorted(sizes)}", "name the size of the sensor")
    if sizes:
        return sizes.pop()
    return tuple(1 + max((int(part[k].max(initial=0)) for part in parts), default=0) for k in (1, 2))  # type: ignore[return-value]


def _times(t: Array, steps: int, window: int | None, rule: Rule) -> tuple[int, int, int]:
    """First time, µs per step and number of steps of a recording."""
    low, high = (int(t[0]), int(t[-1])) if len(t) else (0, 0)
    if rule == "counts":
        return 0, window or max(1, -(-(high + 1) // steps)), steps
    if window is None:
        span = (high - low) // steps
        return low, max(1, span), steps if span else 0
    return low, window, min(steps, max(1, (high - low - window) // window + 1))
