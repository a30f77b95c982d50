"""Membranes of the neurons that spike most, with thresholds and spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.report.pictures.canvas import COLOURS, FAINT, bare, figure
from snndeploy.report.pictures.raster import check_sample, chosen
from snndeploy.report.thresholds import fixed_threshold

if TYPE_CHECKING:
    from snndeploy.engines.trace import Trace


def membranes(trace: Trace, sample: int = 0, populations: Sequence[str] | None = None, neurons: int = 4) -> Any:
    """The stored membrane after each step, in units of the float network.

    Args:
        trace: with v. neurons: how many of each population: those with most spikes, else with the largest |v|.

    Raises:
        SnnDeployError SD102: no such population or sample, or no membranes were recorded.
    """
    names = chosen(trace, trace.v, populations, "v")
    check_sample(trace, sample)
    made = figure(9, 1.9 * len(names) + 0.5)
    axes = np.atleast_1d(made.subplots(len(names), 1, sharex=True))
    for axis, name in zip(axes, names, strict=True):
        v = trace.membrane(name)[:, sample].reshape(trace.steps, -1)
        spikes = trace.spikes[name][:, sample].reshape(trace.steps, -1) if name in trace.spikes else None
        busy = spikes.sum(axis=0) if spikes is not None and spikes.any() else np.abs(v).max(axis=0)
        level = fixed_threshold(trace.network.population[name].rule)
        shown = np.argsort(-busy, kind="stable")[:neurons]
        top, low = float(v[:, shown].max()), float(v[:, shown].min())
        top = top if level is None else max(top, level)
        for k, i in enumerate(shown):
            colour = COLOURS[k % len(COLOURS)]
            axis.plot(v[:, i], color=colour, lw=1.3, label=f"neuron {i}")
            if spikes is not None:
                fired = np.flatnonzero(spikes[:, i])
                axis.plot(fired, np.full(fired.size, top + 0.07 * (k + 1) * (top - low)), "v", color=colour, ms=5)
        if level is not None:
            axis.axhline(level, color=FAINT, ls="--", lw=1, zorder=0)
        axis.set_ylabel(f"{name}\nv", fontsize=9)
        axis.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        bare(axis)
    axes[-1].set_xlabel(f"step ({trace.network.dt:g} s)")
    made.suptitle(f"sample {sample}, {trace.engine}: membrane after the step; triangles: spikes", fontsize=10)
    return made
