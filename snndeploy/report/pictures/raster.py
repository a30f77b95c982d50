"""Spikes of one sample over time, a panel for the input and for each population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.report.pictures.canvas import COLOURS, INK, bare, figure

if TYPE_CHECKING:
    from snndeploy.engines.trace import Trace


def raster(trace: Trace, sample: int = 0, populations: Sequence[str] | None = None) -> Any:
    """One row per neuron, a mark per spike; the mean number of spikes per neuron and step stands beside each panel.

    Of an input that is no spikes, a mark stands for each value that is not 0.

    Args:
        trace: with spikes. sample: which one of its batch. populations: which; None: all with spikes.

    Raises:
        SnnDeployError SD102: no such population or sample, or no spikes were recorded.
    """
    names = chosen(trace, trace.spikes, populations, "spikes")
    check_sample(trace, sample)
    panels = [(name, x[:, sample] != 0, said_of(x[:, sample])) for name, x in trace.inputs.items()]
    panels += [(name, each, said_of(each)) for name in names for each in (trace.spikes[name][:, sample],)]
    heights = [1.0 + min(2.0, spikes[0].size / 300) for _, spikes, _ in panels]
    made = figure(9, 1.1 * sum(heights) + 0.4)
    axes = np.atleast_1d(made.subplots(len(panels), 1, sharex=True, height_ratios=heights))
    for k, (axis, (name, spikes, said)) in enumerate(zip(axes, panels, strict=True)):
        marks(axis, spikes, INK if k < len(trace.inputs) else COLOURS[0])
        axis.set_ylabel(f"{name}\n{spikes[0].size:,}", fontsize=9)
        axis.set_title(said, fontsize=8, loc="right", pad=2)
    axes[-1].set_xlabel(f"step ({trace.network.dt:g} s)")
    made.suptitle(f"sample {sample}, {trace.engine}", fontsize=10)
    return made


def said_of(x: Array) -> str:
    """What stands beside a panel of `x (time, *shape)`."""
    some = int(np.count_nonzero(x))
    if np.isin(x, (0, 1)).all():
        return f"{some:,} spikes, {some / x.size:.3f} per neuron and step"
    return f"{some:,} of {x.size:,} values are not 0"


def marks(axis: Any, spikes: Array, colour: str) -> None:
    """The spikes bool (time, *shape) as marks; many of them as a picture, which draws as fast as few."""
    flat = spikes.reshape(len(spikes), -1)
    neurons = flat.shape[1]
    if flat.sum() > MOST:
        axis.imshow(flat.T, aspect="auto", cmap="Greys", interpolation="none", vmin=0, vmax=1)
    else:
        step, neuron = np.nonzero(flat)
        axis.hlines(neuron, step - 0.38, step + 0.38, color=colour, lw=float(np.clip(90 / neurons, 0.6, 5)))
    axis.set_xlim(-0.7, len(flat) - 0.3)
    axis.set_ylim(neurons - 0.5, -0.5)
    axis.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    bare(axis)


MOST = 20_000


def chosen(trace: Trace, held: Any, populations: Sequence[str] | None, what: str) -> list[str]:
    """The populations to draw, in the network's order. Raises SD102."""
    if not held:
        fix = f'record=("{what}",) (--record {what})'
        raise error("SD102", "trace", f"it holds no {what}", fix)
    order = [each.name for each in trace.network.populations if each.name in held]
    for name in populations or ():
        if name not in held:
            raise error("SD102", f"population {name!r}", f"it has no {what} here", f"choose from {', '.join(order)}")
    return [name for name in order if populations is None or name in populations]


def check_sample(trace: Trace, sample: int) -> None:
    if not 0 <= sample < trace.batch:
        raise error("SD102", f"sample {sample}", f"the trace has {trace.batch}", f"0 to {trace.batch - 1}")
