"""What `benchmarks/time_to_accuracy.py` measured, as a table and as curves.

The runs that the README shows are committed in docs/time_to_accuracy.json, their curves in docs/time_to_accuracy.png.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snndeploy.files import replacing
from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "time_to_accuracy.json"
HEAD = ("steps", "computed by", "updates", "test accuracy", "seconds of CPU", "seconds", "arrived")
NAMES = {"loop": "snnTorch's own loop", "accelerated": "`accelerate=True`"}
# the load is read while a run is at work, which makes one for each core by itself
BUSY = 1.25
COLOURS, STYLES = {"loop": "#e76f51", "accelerated": "#2a9d8f"}, ("-", "--", ":")


def summary(measured: dict[str, Any] | None = None) -> str:
    """A row per run, and by how much the losses of both ways differ."""
    measured = measured or json.loads(MEASURED.read_text("utf-8"))
    goal, about = measured["settings"]["goal"], measured["machine"]
    rows = []
    for run in measured["runs"]:
        last = run["points"][-1]
        arrived = "yes" if last["accuracy"] >= goal else "**broken off before**"
        what = (str(run["steps"]), NAMES[run["way"]], str(last["updates"]), f"{last['accuracy']:.2%}")
        rows.append((*what, f"{last['cpu']:,.0f}", f"{last['wall']:,.0f}", arrived))
    lines = [table(HEAD, rows), "", *(each for each in _compared(measured["runs"]))]
    if about["load"] > BUSY * about["cores"]:
        lines.append(
            f"Other programs ran meanwhile (load {about['load']:.1f} on {about['cores']} cores): seconds by the clock "
            "are those of a busy machine, seconds of CPU are what the updates took."
        )
    return "\n".join(lines)


def _compared(runs: list[dict[str, Any]]) -> list[str]:
    """Both ways beside each other, for each number of steps: losses, and the time of as many updates."""
    told = []
    for steps in dict.fromkeys(run["steps"] for run in runs):
        by = {run["way"]: run for run in runs if run["steps"] == steps}
        if len(by) < len(NAMES):
            continue
        losses = [by[way]["losses"] for way in NAMES]
        both = list(zip(*losses, strict=False))
        away = max(abs(a - b) for a, b in both)
        alike = next((k for k, (a, b) in enumerate(both) if abs(a - b) > 1e-3 * abs(a)), len(both))
        each = [by[way]["points"][-1]["cpu"] / by[way]["points"][-1]["updates"] for way in NAMES]
        told.append(
            f"T = {steps}: the losses of the first {alike} updates agree within 0.1 %, all {len(both)} within "
            f"{away:.2g}; an update takes {each[0]:.3g} and {each[1]:.3g} seconds of CPU, {each[0] / each[1]:.3g} "
            "times as many without acceleration.\n"
        )
    return told


def draw(measured: dict[str, Any], path: Path) -> None:
    """Writes a PNG: test accuracy against the time of the updates, and the losses of both ways."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    lengths = list(dict.fromkeys(run["steps"] for run in measured["runs"]))
    for run in measured["runs"]:
        how: dict[str, Any] = {"color": COLOURS[run["way"]], "ls": STYLES[lengths.index(run["steps"]) % len(STYLES)]}
        points, name = run["points"], f"T = {run['steps']}, {NAMES[run['way']].strip('`')}"
        axes[0].plot([p["cpu"] for p in points], [100 * p["accuracy"] for p in points], marker=".", label=name, **how)
        axes[1].plot(range(1, len(run["losses"]) + 1), run["losses"], lw=1, label=name, **how)
    goal = measured["settings"]["goal"]
    axes[0].axhline(100 * goal, color="#c9ccd5", lw=1, zorder=0, label=f"{goal:.0%}, where the clock stops")
    axes[0].set(xlabel="seconds of CPU in updates", ylabel="right of 10,000 test digits, %", xlim=(0, None))
    axes[1].set(xlabel="update", ylabel="loss", xlim=(0, None))
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.legend(frameon=False, fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
