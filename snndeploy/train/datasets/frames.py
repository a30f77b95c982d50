"""Events -> counts per step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.train.data import check_steps
from snndeploy.train.datasets.events import Events

# events that tell something about time
FEWEST_EVENTS = 4
# all events of a recording in fewer than this share of the steps is a mistake of units
FEWEST = 1 / 50

MOST = 2**16 - 1


def counts(recordings: Sequence[Events], steps: int, window: int | None = None, polarities: int = 2) -> Array:
    """How many events fell on each pixel in each step; what comes after the last step is left out.

    c[k, i, p, y, x] = number of events of recording i with floor(t / window) = k

    Args:
        window: µs per step; None: each recording's own duration in `steps` equal parts, as tonic's `n_time_bins`.
        polarities: 2, or 1 to add both up.

    Returns:
        uint8 (steps, recording, polarities, height, width), where no count exceeds 255, else uint16.

    Raises:
        SnnDeployError SD882: nearly all events of several recordings fall into one step, as they do where times in
            seconds are read as microseconds or dt is 1. SD807: recordings of several sensors, no step.
    """
    sizes = {(each.width, each.height) for each in recordings}
    if len(sizes) != 1:
        fix = "name the size of the sensor"
        raise_errors([Finding("SD807", "recordings", f"they are of sizes {sorted(sizes)}; one is needed", fix)])
    ((width, height),) = sizes
    check_time(steps, window)
    shape = (steps, len(recordings), polarities, height, width)
    found = np.zeros(shape, np.uint16)
    used = []
    for i, each in enumerate(recordings):
        found[:, i], steps_used = counted(each, steps, window, polarities)
        used.append(steps_used)
    refuse_collapsed(used, [len(each) for each in recordings], steps)
    return found.astype(np.uint8) if found.size and found.max() <= 255 else found


def check_time(steps: int, window: int | None) -> None:
    """Raises SD807 where there is no step, or steps last no time."""
    check_steps(steps)
    if window is not None and window < 1:
        raise_errors([Finding("SD807", "window", f"a step of {window} µs holds nothing", "choose 1 or more, or None")])


def counted(each: Events, steps: int, window: int | None, polarities: int) -> tuple[Array, int]:
    """Counts of one recording, uint16 (steps, polarities, height, width), and how many steps hold an event.

    Raises:
        SnnDeployError SD807: more than 65,535 events fall on a pixel in a step; no step, or one of no time.
    """
    check_time(steps, window)
    span = window or max(1, -(-(each.duration + 1) // steps))
    step = each.t // span
    inside = step < steps
    plane = each.p[inside].astype(np.int64) if polarities == 2 else 0
    at = ((step[inside] * polarities + plane) * each.height + each.y[inside]) * each.width + each.x[inside]
    shape = (steps, polarities, each.height, each.width)
    found = np.bincount(at, minlength=int(np.prod(shape))).reshape(shape)
    if found.max(initial=0) > MOST:
        what = f"{int(found.max()):,} events fall on one pixel in one step, and {MOST:,} can be counted"
        raise_errors([Finding("SD807", each.where, what, "choose more steps, or a shorter window")])
    return found.astype(np.uint16), len(np.unique(step[inside]))


def refuse_collapsed(steps_used: Sequence[int], events_each: Sequence[int], steps: int) -> None:
    """SD882 where the time axis is lost: most recordings in one step, or all in a fiftieth of the steps.

    Recordings of up to 1.4 s in steps of 1 s fall into one step, and the longest of them into two.

    Args:
        steps_used: per recording, how many steps hold an event. events_each: how many events it has.
    """
    told = [used for used, many in zip(steps_used, events_each, strict=True) if many >= FEWEST_EVENTS]
    one = sum(used <= 1 for used in told)
    if steps > 1 and told and (2 * one > len(told) or max(told) <= steps * FEWEST):
        each = f"each of {one:,}" if one == len(told) else f"{one:,} of {len(told):,}"
        what = f"all events of {each} recordings fall into one of {steps} steps"
        what += ", so time is lost" if one == len(told) else f", of the others into {max(told)}, so time is lost"
        fix = "give the step in the unit of the times (times in seconds need dt in seconds, 1e-3 rather than 1)"
        raise_errors([Finding("SD882", "time axis", what, fix)])
