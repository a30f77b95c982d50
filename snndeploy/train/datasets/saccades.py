"""Pictures -> events, as if an event camera moved before them: N-MNIST without a camera.

The camera makes three saccades along the sides of a triangle, 100 ms each. A pixel sends an event whenever the
logarithm of its brightness has moved by a threshold since its last one. Sources: Orchard, Jayawant, Cohen, Thakor,
Frontiers in Neuroscience 2015 (the movement); Lichtsteiner, Posch, Delbruck, IEEE JSSC 2008 (the pixel). Corners,
speed, DARK and threshold are those with which MNIST's digits give the events most like the recordings of the same
digits: correlation 0.66 over pixels, polarities and steps of 12.5 ms (on 100 recordings, and on 200 others).
"""

from __future__ import annotations

from math import erf, sqrt

import numpy as np

from snndeploy.network.arrays import Array

# corners of the path in pixels of the sensor, (down, right)
CORNERS = np.array([[0.35, -0.35], [6.0, 2.0], [0.3, 6.0], [0.35, 0.8]])
SACCADE = 100_000
# the eye is fastest at this part of a saccade; the spread of its speed around it
FASTEST, SPREAD = 0.46, 0.18
# brightness of black, as a share of white: what keeps its logarithm finite
DARK = 0.5
# free room around the sensor, so that a picture may leave it
ROOM = 8


def saccade_frames(
    pictures: Array, steps: int, size: int = 34, threshold: float = 0.18, corners: Array = CORNERS
) -> Array:
    """Counts of events per step and polarity, as `frames.counts` gives them for a camera.

    Brighter: L - r >= threshold, darker: r - L >= threshold, r moves by threshold with each event; L = log(DARK +
    brightness) of the shifted picture (bilinear), looked at once a step.

    Args:
        pictures: (sample, height, width), 0..1; at most size - 6 pixels a side.
        steps: over all three saccades. size: of the sensor, pixels a side. threshold: in units of L.
        corners: of the path, (down, right) in pixels, each within -ROOM..ROOM; their number less one is that of
            saccades.

    Returns:
        uint8 (steps, sample, 2, size, size). Polarity 0: brighter, 1: darker, which is how the recordings have it.
    """
    path = _path(steps + 1, corners)
    first = _log(pictures, path[0], size)
    reached = first.copy()
    out = np.zeros((steps, len(pictures), 2, size, size), np.uint8)
    for t in range(steps):
        moved = (_log(pictures, path[t + 1], size) - reached) / threshold
        many = np.trunc(moved)
        reached += threshold * many
        out[t, :, 0] = np.clip(many, 0, 255)
        out[t, :, 1] = np.clip(-many, 0, 255)
    return out


def _path(points: int, corners: Array) -> Array:
    """Positions (points, 2): slow at the corners, fast between them, the speed a bell."""
    at = np.linspace(0, len(corners) - 1, points)
    start = np.minimum(at.astype(int), len(corners) - 2)
    bell = np.array([erf((share - FASTEST) / (SPREAD * sqrt(2))) for share in (0.0, 1.0, *(at - start))])
    gone = ((bell[2:] - bell[0]) / (bell[1] - bell[0]))[:, None]
    return np.asarray(corners[start] + gone * (corners[start + 1] - corners[start]))


def _log(pictures: Array, shift: Array, size: int) -> Array:
    """The picture in the middle of the sensor, shifted by parts of a pixel: bilinear between four whole shifts."""
    height, width = pictures.shape[1:]
    top, left = ROOM + (size - height - 4) // 2, ROOM + (size - width - 6) // 2
    whole, part = np.floor(shift).astype(int), shift - np.floor(shift)
    found = np.zeros((len(pictures), size + 2 * ROOM, size + 2 * ROOM), np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.float32((part[0] if down else 1 - part[0]) * (part[1] if right else 1 - part[1]))
            y, x = top + whole[0] + down, left + whole[1] + right
            if weight:
                found[:, y : y + height, x : x + width] += weight * pictures
    return np.asarray(np.log(np.float32(DARK) + found[:, ROOM : ROOM + size, ROOM : ROOM + size]))
