"""Populations and what they learn: tuning curves, codes of pictures and what is read back, learned fields, STDP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.report.pictures.canvas import COLOURS, FAINT, INK, bare, figure
from snndeploy.report.pictures.raster import marks, said_of
from snndeploy.train.datasets.encoders import population_code, population_decode
from snndeploy.train.learning.stdp import PairSTDP, learned, window

if TYPE_CHECKING:
    from snndeploy.engines.trace import Trace

COLUMNS = 20


def tuning_curves(neurons: int, width: float = 1.0, low: float = 0.0, high: float = 1.0) -> Any:
    """The rate of each neuron of a population over the value, and what is read back from the rates."""
    values = np.linspace(low, high, 201)
    rates = population_code(values, neurons, low, high, width)
    made = figure(7, 2.8)
    left, right = made.subplots(1, 2)
    for k in range(neurons):
        left.plot(values, rates[:, k], color=COLOURS[k % len(COLOURS)], lw=1.6)
    left.set_title(f"{neurons} tuning curves, width {width:g} distances", fontsize=9)
    left.set_xlabel("value")
    left.set_ylabel("rate, of the highest")
    left.set_ylim(0, None)
    right.plot(values, values, color=FAINT, lw=3, label="value")
    right.plot(values, population_decode(rates, low, high), color=COLOURS[1], lw=1.4, label="read back")
    right.set_title("mean of preferred values, weighed by rates", fontsize=9)
    right.set_xlabel("value")
    right.set_ylabel("read back")
    right.legend(fontsize=8, frameon=False)
    bare(left)
    bare(right)
    return made


def reconstruction(pictures: Array, read: Mapping[str, Array]) -> Any:
    """Pictures, and under each what was read back from its spikes, with the root mean square distance.

    Args:
        pictures: 0..1 (sample, height, width) or (sample, 3, height, width). read: the same shape, by name of a code.

    Raises:
        SnnDeployError SD103: a shape differs.
    """
    shown = {"original": np.asarray(pictures), **{name: np.asarray(each) for name, each in read.items()}}
    for name, each in shown.items():
        if each.shape != shown["original"].shape or each.ndim not in (3, 4):
            what = f"{name!r} is {each.shape}, the pictures are {shown['original'].shape}"
            raise error("SD103", "reconstruction", what, "(sample, height, width) or (sample, 3, height, width)")
    count = len(pictures)
    made = figure(1.1 * count + 1.2, 1.25 * len(shown) + 0.2)
    axes = np.atleast_2d(made.subplots(len(shown), count, squeeze=False))
    for row, (name, each) in zip(axes, shown.items(), strict=True):
        off = np.sqrt(np.nanmean((each - shown["original"]) ** 2))
        for axis, picture in zip(row, each, strict=True):
            coloured = np.moveaxis(picture, 0, -1) if picture.ndim == 3 else picture
            axis.imshow(np.clip(np.nan_to_num(coloured), 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(name if name == "original" else f"{name}\nrms {off:.3f}", fontsize=8)
    return made


def codes(spikes: Mapping[str, Array], sample: int = 0) -> Any:
    """Rasters of one sample in several codes. `spikes: (time, sample, *shape)` by name."""
    # rows that are closer than a pixel cannot be told apart
    heights = [max(1.6, np.asarray(each)[0, 0].size / 50) for each in spikes.values()]
    made = figure(8, sum(heights) + 0.3 * (1 + len(spikes)))
    axes = np.atleast_1d(made.subplots(len(spikes), 1, sharex=True, height_ratios=heights))
    for k, (axis, (name, each)) in enumerate(zip(axes, spikes.items(), strict=True)):
        one = np.asarray(each)[:, sample] != 0
        marks(axis, one, COLOURS[k % len(COLOURS)])
        axis.set_ylabel(f"{name}\n{one[0].size:,} neurons", fontsize=8)
        axis.set_title(said_of(one), fontsize=8, loc="right", pad=2)
    axes[-1].set_xlabel("step")
    return made


def fields(weights: Array, shape: tuple[int, int], curves: int = 1, labels: Array | None = None) -> Any:
    """What each neuron answers to, as pictures: its weights, or the brightness that those of a pixel's population say.

    Args:
        weights: (neuron, pixels · curves). labels: the class that each votes for, shown above it.

    Raises:
        SnnDeployError SD103: the weights are not of such pictures.
    """
    w = np.asarray(weights, np.float64)
    if w.ndim != 2 or w.shape[1] != shape[0] * shape[1] * curves:
        what = f"weights {w.shape} are not those of {shape[0]}×{shape[1]} pixels with {curves} neurons each"
        raise error("SD103", "fields", what, "(neuron, pixels · curves)")
    if curves > 1:
        w = population_decode((w - w.min(axis=1, keepdims=True)).reshape(len(w), -1, curves))
    pictures = w.reshape(-1, *shape)
    wide = min(COLUMNS, len(pictures))
    high = -(-len(pictures) // wide)
    made = figure(0.5 * wide, 0.62 * high)
    for axis, k in zip(np.ravel(made.subplots(high, wide)), range(high * wide), strict=True):
        axis.axis("off")
        if k < len(pictures):
            axis.imshow(pictures[k], cmap="gray", interpolation="nearest")
            if labels is not None:
                axis.set_title(str(labels[k]) if labels[k] >= 0 else "-", fontsize=6, pad=1)
    return made


def stdp_window(rule: PairSTDP, longest: int = 40) -> Any:
    """Δw against Δt: the closed form, and what two spikes in a simulation do."""
    distances = np.arange(-longest, longest + 1)
    moved = []
    for d in map(int, distances):
        pre, post = np.zeros((longest + 1, 1)), np.zeros((longest + 1, 1))
        pre[max(0, -d)], post[max(0, d)] = 1, 1
        free = PairSTDP(rule.a_plus, rule.a_minus, rule.tau_plus, rule.tau_minus, low=-np.inf, high=np.inf)
        moved.append(learned(free, np.zeros((1, 1)), pre, post)[-1, 0, 0])
    made = figure(6, 3)
    axis = made.subplots()
    axis.axhline(0, color=FAINT, lw=1)
    axis.axvline(0, color=FAINT, lw=1)
    fine = np.linspace(-longest, longest, 20 * longest + 2)
    for side in (fine[fine < 0], fine[fine > 0]):
        axis.plot(side, window(rule, side), color=COLOURS[0], lw=1.6, label="closed form" if side[0] < 0 else None)
    axis.plot(0, window(rule, np.zeros(1)), "o", color=COLOURS[0], ms=7, mfc="none")
    axis.plot(distances, moved, "o", color=COLOURS[1], ms=3, label="simulated")
    axis.set_xlabel("Δt = t(post) - t(pre), steps")
    axis.set_ylabel("Δw")
    axis.legend(fontsize=8, frameon=False)
    bare(axis)
    return made


def constant_drive(traces: Mapping[str, Trace], neuron: int = 0) -> Any:
    """Membranes and spikes of single neurons under the same input, and the steps between spikes."""
    made = figure(8, 1.9 * len(traces) + 0.3)
    axes = np.atleast_1d(made.subplots(len(traces), 1, sharex=True))
    for axis, (name, trace) in zip(axes, traces.items(), strict=True):
        (population,) = trace.spikes
        v = trace.membrane(population)[:, 0].reshape(trace.steps, -1)[:, neuron]
        fired = np.flatnonzero(trace.spikes[population][:, 0].reshape(trace.steps, -1)[:, neuron])
        axis.plot(v, color=COLOURS[0], lw=1.2)
        axis.vlines(fired, v.max() * 1.08, v.max() * 1.3, color=INK, lw=1.2)
        between = [str(each) for each in sorted({*np.diff(fired)})]
        said = f"; {' to '.join(dict.fromkeys([between[0], between[-1]]))} steps between" if between else ""
        axis.set_title(f"{len(fired)} spikes{said}", fontsize=8, loc="right", pad=2)
        axis.set_ylabel(f"{name}\nv", fontsize=8)
        bare(axis)
    axes[-1].set_xlabel("step")
    return made
