"""Time against steps, batch, width and depth of a network without feedback: how straight the lines are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import snntorch as snn
import torch
from speed.calibrate import calibrate
from speed.equality import outputs
from speed.row import Row, Settings
from speed.timing import in_turns
from torch import nn

import snndeploy as sd
from snndeploy.network import Network

INPUTS, OUT, ACTIVE, RATE, SEED, TARGET = 784, 10, 0.1, 0.1, 0, "loihi2"
# where the axes cross; long enough that the work outweighs what one call costs
HERE = {"steps": 600, "batch": 64, "width": 512, "depth": 2}
AXES = {
    "steps": (600, 1200, 1800, 2400, 3000),
    "batch": (64, 128, 192, 256, 320),
    "width": (512, 1024, 1536, 2048, 2560),
    "depth": (2, 4, 6, 8, 10),
}
QUICK = {"steps": (4, 8, 12), "batch": (2, 4, 6), "width": (8, 16, 24), "depth": (1, 2, 3)}
STRAIGHT = 0.99


def integers(width: int, depth: int) -> Network:
    """784-width-10, or 784-512-512-…-10, of snnTorch's Leaky neurons with random weights."""
    torch.manual_seed(SEED)
    sizes = [INPUTS, *[width] * depth, OUT]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), snn.Leaky(beta=0.9, init_hidden=True, reset_mechanism="zero")]
    module = nn.Sequential(*layers).eval()
    x = spikes(16, 8)
    calibrate(module, torch.from_numpy(x).float(), RATE)
    return sd.quantize(sd.capture(module, x.astype(np.float32), 1e-3, decision="spike-count"), TARGET, x, "exponents")


def spikes(steps: int, batch: int) -> Any:
    """uint8 (steps, batch, 784), independent bins."""
    return (np.random.default_rng(SEED).random((steps, batch, INPUTS)) < ACTIVE).astype(np.uint8)


def straight(x: list[float], y: list[float]) -> dict[str, float]:
    """A line by least squares: how much variance it explains, and how far the farthest point is off, relative."""
    slope, start = np.polyfit(x, y, 1)
    fit = start + slope * np.asarray(x)
    left = np.square(y - fit).sum() / np.square(np.asarray(y) - np.mean(y)).sum()
    return {"r2": float(1 - left), "off": float(np.max(np.abs(y - fit) / fit))}


def rows(settings: Settings) -> list[Row]:
    here = {name: values[0] for name, values in QUICK.items()} if settings.quick else HERE
    found = []
    for axis, values in (QUICK if settings.quick else AXES).items():
        # one layer grows alone, so that work grows in proportion
        size = {**here, "depth": 1} if axis == "width" else here
        functions: dict[str, Callable[[], Any]] = {}
        for value in values:
            now = {**size, axis: value}
            network, x = integers(now["width"], now["depth"]), spikes(now["steps"], now["batch"])
            functions[str(value)] = lambda network=network, x=x: outputs(network, x)
        times = in_turns(functions, settings.repeats)
        # the least of the times: what else the machine did can only add
        least = [min(each.seconds) for each in times.values()]
        line = straight(list(map(float, values)), least)
        where = ", ".join(f"{name} {value}" for name, value in size.items() if name != axis)
        found.append(
            Row(
                f"scaling {axis}",
                f"time against {axis}, {values[0]:,} to {values[-1]:,} ({where}): R² of a line; "
                f"no point is off by more than {line['off']:.0%}",
                "",
                line["r2"],
                STRAIGHT,
                "least",
                times=times,
                points=tuple(zip(values, least, strict=True)),
            )
        )
    return found
