"""How a training went: loss and accuracy per epoch, of one run or of several; looks at the test samples on the way."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, existing, short
from snndeploy.report.pictures.canvas import COLOURS, INK, bare, figure

EPOCHS, TESTS = "epochs.csv", "tests.csv"
TESTED = "accuracy on test samples"
# columns -> panel and style; the names are those of a run's epochs.csv
LINES = {
    "loss": ("loss", "-"),
    "validation_loss": ("loss", "--"),
    "accuracy": ("accuracy", "-"),
    "validation_accuracy": ("accuracy", "--"),
    "rate": ("spikes per step and neuron", "-"),
}
STYLES = {"-": "training samples", "--": "held back"}


def curves(runs: Sequence[str | Path]) -> Any:
    """A colour per run; whole lines: training samples, broken ones: samples held back. A panel for what a run with
    test_every saw of the test samples, by updates.

    Args:
        runs: folders of `snndeploy train`, or their epochs.csv.

    Raises:
        SnnDeployError SD801, SD841: there is no such file, or it is none of a run.
    """
    from matplotlib.lines import Line2D

    held = {k: Path(run) / TESTS for k, run in enumerate(runs)}
    looks = {k: path for k, path in held.items() if path.is_file() and path.stat().st_size}
    paths = [Path(run) / EPOCHS if Path(run).is_dir() else Path(run) for run in runs]
    rows = [_read(path, "epoch", "loss") for path in paths]
    there = {name for columns in rows for name in columns}
    panels = list(dict.fromkeys(panel for name, (panel, _) in LINES.items() if name in there)) + [TESTED] * bool(looks)
    made = figure(3.6 * len(panels), 3.1)
    axes = dict(zip(panels, np.atleast_1d(made.subplots(1, len(panels))), strict=True))
    for k, (path, columns) in enumerate(zip(paths, rows, strict=True)):
        label = path.parent.name if path.name == EPOCHS else path.stem
        for name, (panel, style) in LINES.items():
            if columns.get(name):
                epochs, values = zip(*columns[name], strict=True)
                said = label if name == panel or panel not in columns else None
                marker = "o" if len(values) == 1 else None
                axes[panel].plot(epochs, values, style, marker=marker, color=COLOURS[k % len(COLOURS)], label=said)
        if k in looks:
            updates, values = zip(*_read(looks[k], "step", "accuracy")["accuracy"], strict=True)
            axes[TESTED].plot(updates, values, ".-", color=COLOURS[k % len(COLOURS)])
    for panel, axis in axes.items():
        axis.set_title(panel, fontsize=9)
        axis.set_xlabel("updates" if panel == TESTED else "epoch", fontsize=9)
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        bare(axis)
    lines = axes["loss"].lines
    named = [each for each in lines if len(runs) > 1 and not each.get_label().startswith("_")]
    if any(each.get_linestyle() == "--" for each in lines):
        named += [Line2D([], [], color=INK, ls=style, label=said) for style, said in STYLES.items()]
    if named:
        axes["loss"].legend(handles=named, fontsize=7, frameon=False)
    return made


def _read(path: Path, along: str, needed: str) -> dict[str, list[tuple[int, float]]]:
    """Columns over the column `along`, which the rows' numbers stand in for."""
    existing(path, "log of a run")
    found: dict[str, list[tuple[int, float]]] = {}
    try:
        with path.open(newline="") as file:
            for i, row in enumerate(csv.DictReader(file), 1):
                for name, text in row.items():
                    if name in LINES and text:
                        found.setdefault(name, []).append((int(row.get(along) or i), float(text)))
    except (*UNREADABLE, csv.Error) as problem:
        raise error("SD841", str(path), f"it is no log of a run ({short(problem)})", "name the folder") from None
    if needed not in found:
        raise error("SD841", str(path), f"it has no column {needed}", "name the folder of a run of snndeploy train")
    return found
