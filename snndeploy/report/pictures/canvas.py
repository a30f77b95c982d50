"""What all pictures share: colours that colour-blind readers tell apart, bare axes, saving as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snndeploy.errors import error
from snndeploy.files import check_output, replacing

# Okabe and Ito, 2008
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000", "#8C510A", "#332288")
INK, FAINT = "#2b2d42", "#c9ccd5"
FORMATS = ("png", "svg", "pdf")


def figure(width: float, height: float) -> Any:
    """An empty `matplotlib.figure.Figure`, inches; it needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(made)
    return made


def bare(axis: Any) -> None:
    """Two spines are enough."""
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(labelsize=8)


def save(made: Any, path: str | Path) -> Path:
    """Writes a figure as .png, .svg or .pdf, the same bytes each time.

    Raises:
        SnnDeployError SD802: it cannot be written there. SD807: no such format.
    """
    target = check_output(path)
    kind = target.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        fix = f"name a file that ends in {', '.join('.' + each for each in FORMATS)} (frames: .gif too)"
        raise error("SD807", str(path), f"there are no pictures of the kind {kind or 'without ending'!r}", fix)
    import matplotlib

    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    with replacing(target) as temporary, matplotlib.rc_context({"svg.hashsalt": "snndeploy"}):
        made.savefig(temporary, format=kind, metadata=dates)
    return target
