"""One picture of one sample: input, spikes of every population, and membranes, float against integers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.files import replacing
from snndeploy.network.registers import STATE_SHIFT, Registers

if TYPE_CHECKING:
    from snndeploy.conform import Comparison
    from snndeploy.engines import Trace

BOTH, FLOAT, INTEGER, FAINT = "#2b2d42", "#e76f51", "#2a9d8f", "#c9ccd5"


def draw(real: Trace, whole: Trace, parted: Comparison, labels: Any, path: Path, title: str) -> None:
    """Writes a PNG of the sample in which float and integer first part, or of the first one if they never do.

    Args:
        real, whole: the same network in the float and the integer form on the same input, with spikes and v.
        parted: their comparison. labels: (sample,), the true classes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sample = 0 if parted.first is None else parted.first.batch
    populations = [row.population for row in parted.table if row.population in real.spikes]
    name, image = next(iter(real.inputs.items()))
    heights = [1.1, *(1.0 + min(1.6, real.spikes[p][0, 0].size / 400) for p in populations), 1.5]
    figure = Figure(figsize=(10, 1.25 * sum(heights)), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(heights), 2, width_ratios=(1, 4.2), height_ratios=heights)
    axes = [figure.add_subplot(grid[row, 1]) for row in range(len(heights))]
    for each in axes[1:]:
        each.sharex(axes[0])
    chosen = (int(real.decisions()[sample]), int(whole.decisions()[sample]))
    said = f"both say {chosen[0]}" if chosen[0] == chosen[1] else f"float says {chosen[0]}, integers say {chosen[1]}"
    figure.suptitle(f"{title}: test sample {sample}, a {int(labels[sample])}; {said}", fontsize=12, fontweight="bold")

    picture = figure.add_subplot(grid[0, 0])
    _image(picture, image[:, sample].sum(axis=0))
    _raster(axes[0], image[:, sample] > 0, None, name)
    for axis, population in zip(axes[1:-1], populations, strict=True):
        _raster(axis, real.spikes[population][:, sample], whole.spikes[population][:, sample], population)
    counts = figure.add_subplot(grid[max(1, len(heights) - 3) : len(heights) - 1, 0])
    _counts(counts, real.spikes[populations[-1]][:, sample], whole.spikes[populations[-1]][:, sample])
    where = populations[0] if parted.first is None else parted.first.population
    _membrane(axes[-1], real, whole, where, sample, parted)
    axes[-1].set_xlabel("step")
    for each in axes[:-1]:
        each.tick_params(labelbottom=False)
    handles = [
        axes[0].plot([], [], "s", ms=6, color=colour, label=text)[0]
        for colour, text in ((BOTH, "float and integers"), (FLOAT, "float"), (INTEGER, "integers"))
    ]
    legend = figure.add_subplot(grid[len(heights) - 1, 0])
    legend.axis("off")
    legend.legend(handles=handles, loc="center left", frameon=False, alignment="left")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _bare(axis: Any) -> None:
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(labelsize=8)


def _image(axis: Any, counts: Any) -> None:
    flat = counts.reshape(-1) if counts.ndim == 1 else counts.reshape(-1, counts.shape[-1])
    side = int(np.sqrt(flat.size))
    shown = flat.reshape(side, side) if flat.ndim == 1 and side * side == flat.size else np.atleast_2d(flat)
    axis.imshow(shown, cmap="gray_r", interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title("spikes per input", fontsize=9)


def _raster(axis: Any, real: Any, whole: Any, name: str) -> None:
    """Spikes over time, a row per neuron; colours say who spiked."""
    a = real.reshape(len(real), -1)
    b = a if whole is None else whole.reshape(len(whole), -1)
    neurons = a.shape[1]
    thin = float(np.clip(90 / neurons, 0.7, 5))
    for spikes, colour, width in ((a & b, BOTH, thin), (a & ~b, FLOAT, thin + 1), (b & ~a, INTEGER, thin + 1)):
        step, neuron = np.nonzero(spikes)
        axis.hlines(neuron, step - 0.36, step + 0.36, color=colour, lw=width)
    axis.set_xlim(-0.7, len(a) - 0.3)
    axis.set_ylim(neurons - 0.5, -0.5)
    axis.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    axis.set_ylabel(f"{name}\n{neurons} neurons", fontsize=9)
    differ = int((a != b).sum())
    if whole is not None:
        axis.set_title(f"{int(a.sum())} | {int(b.sum())} spikes, {differ} bins differ", fontsize=8, loc="right", pad=2)
    _bare(axis)


def _counts(axis: Any, real: Any, whole: Any) -> None:
    a, b = (each.reshape(len(each), -1).sum(axis=0) for each in (real, whole))
    place = np.arange(a.size)
    axis.barh(place - 0.2, a, 0.4, color=FLOAT)
    axis.barh(place + 0.2, b, 0.4, color=INTEGER)
    axis.invert_yaxis()
    axis.set_yticks(place[:: max(1, a.size // 10)])
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_title("output spikes per class", fontsize=9)
    _bare(axis)


def _membrane(axis: Any, real: Trace, whole: Trace, population: str, sample: int, parted: Comparison) -> None:
    """The membrane of the neuron that parts first (else of the one that spikes most), in units of the float model."""
    a = real.membrane(population)[:, sample]
    b = whole.membrane(population)[:, sample]
    spikes = real.spikes[population][:, sample].sum(axis=0)
    first = parted.first
    index = first.index if first is not None else np.unravel_index(int(spikes.argmax()), spikes.shape)
    line_a, line_b = a[(slice(None), *index)], b[(slice(None), *index)]
    steps = np.arange(len(line_a))
    axis.plot(steps, line_a, color=FLOAT, lw=2.4, alpha=0.75)
    axis.plot(steps, line_b, color=INTEGER, lw=1.2, marker="o", ms=3)
    rule = whole.network.population[population].rule
    if isinstance(rule, Registers) and rule.vth is not None:
        level = (np.asarray(rule.vth) << STATE_SHIFT) / np.asarray(rule.scale) + np.asarray(rule.offset)
        threshold = float(np.broadcast_to(level, spikes.shape)[tuple(index)])
        axis.axhline(threshold, color=FAINT, ls="--", lw=1, zorder=0)
        axis.annotate("θ", (len(steps) - 0.6, threshold), fontsize=9, va="center", color="gray")
        top = max(threshold, float(line_a.max()), float(line_b.max()))
        reach = top - min(0.0, float(line_a.min()), float(line_b.min()))
        for form, colour, lift in ((real, FLOAT, 0.1), (whole, INTEGER, 0.2)):
            fired = np.flatnonzero(form.spikes[population][(slice(None), sample, *index)])
            axis.plot(fired, np.full(fired.size, top + lift * reach), "v", color=colour, ms=5)
    if first is not None:
        axis.axvline(first.step, color=FAINT, lw=6, zorder=0)
        text = "first difference" if not first.margin else f"first difference, {abs(first.margin):.2g} from θ"
        axis.set_title(f"step {first.step}: {text}", fontsize=8, loc="left", pad=2)
    axis.set_ylabel(f"{population}{[int(i) for i in index]}\nstored v", fontsize=9)
    axis.set_title("lines: membrane after the step; triangles: spikes", fontsize=8, loc="right", pad=2)
    _bare(axis)
