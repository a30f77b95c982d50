"""What `benchmarks/bench.py` measured, as table and curves: `python -m snndeploy.report.bench_tables build/bench.json`.

The numbers that the README shows are committed in docs/bench.json, their curves in docs/bench.png.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.files import replacing
from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "bench.json"
HEAD = ("what", "measured", "goal", "", "seconds: median (least to most)", "differ")
# programs per core, before the benchmark starts, from which on the machine counts as busy
BUSY = 0.5
INK, LINE = "#2b2d42", "#2a9d8f"


def summary(measured: dict[str, Any] | None = None) -> str:
    """The machine, and a row per number beside its goal."""
    parts = (measured or json.loads(MEASURED.read_text("utf-8")))["parts"].values()
    machines = list(dict.fromkeys(_machine(part["machine"]) for part in parts))
    load = max(part["machine"]["load"] for part in parts)
    if load > BUSY * min(part["machine"]["cores"] for part in parts):
        machines.append(
            f"**Other programs ran meanwhile (load {load:.1f}): no ratio of these times is to be trusted.**"
        )
    rows: list[tuple[str, ...]] = []
    before = None
    for row in (row for part in parts for row in part["rows"]):
        # rows that were measured together show their times once
        rows.append(_cells(row, {} if row["times"] == before else row["times"]))
        before = row["times"]
    told = _notes([row for part in parts for row in part["rows"] if row["value"] is not None])
    return "\n".join([*machines, "", table(HEAD, rows), *(["", told] if told else [])])


def _notes(rows: list[dict[str, Any]]) -> str:
    """What the networks and their inputs are, once each."""
    found: dict[str, str] = {}
    for row in rows:
        if row["note"]:
            found.setdefault(row["note"], row["what"].split(":")[0])
    return "\n\n".join(f"{what}: {note}." for note, what in found.items())


def _machine(about: dict[str, Any]) -> str:
    features = ", ".join(about["features"]) or "no vector units that we know"
    gpu = f", {about['gpu']}" if about["gpu"] else ""
    versions = ", ".join(f"{name} {about[name]}" for name in ("torch", "snntorch", "norse", "numba", "numpy"))
    return f"{about['cpu']} ({features}), {about['threads']} of {about['cores']} cores used{gpu}; {versions}."


def _cells(row: dict[str, Any], times: dict[str, Any]) -> tuple[str, ...]:
    value = "not measured" if row["value"] is None else f"{_short(row['value'])} {row['unit']}".strip()
    goal = "" if row["goal"] is None else f"at {row['bound']} {_short(row['goal'])}"
    verdict = {True: "met", False: "**missed**", None: ""}[row["met"]]
    told = "; ".join(f"{name} {_spread(each)}" for name, each in times.items() if not row["points"])
    bits = "" if row["compared"] is None else f"{row['differing']:,} of {row['compared']:,}"
    return (row["what"], value, goal, verdict, told or (row["note"] if row["value"] is None else ""), bits)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(each: dict[str, Any]) -> str:
    if each["repeats"] == 1:
        return f"{each['median_s']:.3g} (once)"
    return f"{each['median_s']:.3g} ({each['least_s']:.3g} to {each['most_s']:.3g})"


def draw(measured: dict[str, Any], path: Path) -> None:
    """Writes a PNG: seconds against each axis along which the work grows, with the line that fits them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = [row for part in measured["parts"].values() for row in part["rows"] if row["points"]]
    figure = Figure(figsize=(10, 2.6), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for axis, row in zip(figure.subplots(1, max(1, len(curves)), squeeze=False)[0], curves, strict=False):
        x, y = np.array(row["points"]).T
        slope, start = np.polyfit(x, y, 1)
        ends = np.array([0, x.max() * 1.05])
        axis.plot(ends, start + slope * ends, color=LINE, lw=1.5)
        axis.plot(x, y, "o", color=INK, ms=5)
        axis.set(xlabel=row["name"].removeprefix("scaling "), xlim=(0, ends[1]), ylim=(0, None))
        axis.set_title(f"R² = {row['value']:.4f}", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    if curves:
        figure.axes[0].set_ylabel("seconds")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def main(source: Path) -> None:
    """Takes what was measured over into docs."""
    text = source.read_text("utf-8")
    with replacing(MEASURED) as temporary:
        temporary.write_text(text, "utf-8")
    draw(json.loads(text), MEASURED.with_suffix(".png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
