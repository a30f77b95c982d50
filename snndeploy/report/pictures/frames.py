"""What goes in, as pictures over time: event frames side by side, or a short animation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.files import check_output, replacing
from snndeploy.network.arrays import Array
from snndeploy.report.pictures.canvas import figure

COLUMNS, ROWS = 8, 3


def frames(x: Array, sample: int = 0, steps: int = COLUMNS * ROWS) -> Any:
    """Evenly spaced steps of one sample: one channel in grey; of two, as polarities 0 and 1 are, the first is blue, the
    second red; more are added up.

    Args:
        x: (time, sample, [channel,] height, width). steps: how many are shown at most.

    Raises:
        SnnDeployError SD103: it holds no pictures. SD102: there is no such sample.
    """
    shown = coloured(x, sample)
    at = np.unique(np.linspace(0, len(shown) - 1, min(steps, len(shown))).round().astype(int))
    wide = min(COLUMNS, len(at))
    high = -(-len(at) // wide)
    made = figure(1.25 * wide, 1.4 * high + 0.3)
    for axis in np.atleast_1d(made.subplots(high, wide)).ravel():
        axis.axis("off")
    for axis, t in zip(made.axes, at, strict=False):
        axis.imshow(shown[t], interpolation="nearest")
        axis.set_title(f"step {t}", fontsize=7, pad=2)
    made.suptitle(f"sample {sample}, {len(shown)} steps", fontsize=9)
    return made


def animation(x: Array, path: str | Path, sample: int = 0, milliseconds: int = 80, side: int = 272) -> Path:
    """All steps of one sample as an animated .gif, about `side` pixels wide."""
    from PIL import Image

    target = check_output(path)
    shown = (coloured(x, sample) * 255).astype(np.uint8)
    times = max(1, side // shown.shape[2])
    images = [Image.fromarray(each.repeat(times, axis=0).repeat(times, axis=1)) for each in shown]
    with replacing(target) as temporary:
        images[0].save(temporary, format="GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0)
    return target


def coloured(x: Array, sample: int) -> Array:
    """RGB float64 (time, height, width, 3), 0..1, white where nothing happens."""
    x = np.asarray(x)
    if x.ndim not in (4, 5):
        fix = "(time, sample, height, width) or (time, sample, channel, height, width)"
        raise error("SD103", "frames", f"its shape {x.shape} holds no pictures", fix)
    if not 0 <= sample < x.shape[1]:
        raise error("SD102", f"sample {sample}", f"there are {x.shape[1]}", f"0 to {x.shape[1] - 1}")
    one = x[:, sample].astype(np.float64)
    one = one[:, None] if one.ndim == 3 else one
    # the few brightest pixels must not make all others pale
    top = float(np.percentile(one[one > 0], 95)) if (one > 0).any() else 1.0
    one = np.clip(one / top, 0, 1)
    if one.shape[1] == 2:
        on, off = one[:, 1], one[:, 0]
        return np.stack([1 - off, 1 - np.maximum(on, off), 1 - on], axis=-1)
    grey = np.clip(1 - one.sum(axis=1), 0, 1)
    return np.stack([grey] * 3, axis=-1)
