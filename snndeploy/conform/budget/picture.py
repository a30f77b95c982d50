"""The budget as bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from snndeploy.files import check_output, replacing

if TYPE_CHECKING:
    from snndeploy.conform.budget.result import Budget, Entry

ALONE, REST, ALL = "#e76f51", "#2a9d8f", "#2b2d42"


def draw(found: Budget, path: str | Path) -> None:
    """One panel for the rasters, one for the decisions where there are any."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_output(path)
    panels: list[tuple[str, Callable[[Entry], float]]] = [
        ("spikes out of place: 1 - cosine of the rasters", lambda e: 1 - e.cosine)
    ]
    if found.floating.kept is not None:
        panels.append(("decisions changed, share of the samples", lambda e: 1 - (e.kept or 0) / e.samples))
    figure = Figure(figsize=(4.6 * len(panels) + 1.4, 3.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    names = list(found.alone)
    for k, (title, cost) in enumerate(panels):
        axis = figure.add_subplot(1, len(panels), k + 1)
        for i, name in enumerate(names):
            axis.barh(i - 0.2, cost(found.alone[name]), 0.4, color=ALONE, label="this part alone" if not i else None)
            axis.barh(i + 0.2, cost(found.without[name]), 0.4, color=REST, label="all others" if not i else None)
        axis.axvline(cost(found.whole), color=ALL, lw=1.5, label="all: the integers")
        axis.set_yticks(range(len(names)), names if not k else [])
        axis.invert_yaxis()
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=8)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.axes[0].legend(fontsize=8, frameon=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
