"""How a training went: loss and accuracy per epoch, of one run or of several."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snndeploy.errors import error
from snndeploy.files import UNREADABLE, existing, short
from snndeploy.report.pictures.canvas import COLOURS, bare, figure

EPOCHS = "epochs.csv"
# columns -> panel and style; the names are those of a run's epochs.csv
LINES = {
    "loss": ("loss", "-"),
    "validation_loss": ("loss", "--"),
    "accuracy": ("accuracy", "-"),
    "validation_accuracy": ("accuracy", "--"),
    "rate": ("spikes per step and neuron", "-"),
}


def curves(runs: Sequence[str | Path]) -> Any:
    """A colour per run; whole lines: training samples, broken ones: samples held back.

    Args:
        runs: folders of `snndeploy train`, or their epochs.csv.

    Raises:
        SnnDeployError SD801, SD841: there is no such file, or it is none of a run.
    """
    panels = list(dict.fromkeys(panel for panel, _ in LINES.values()))
    made = figure(3.6 * len(panels), 3.1)
    axes = dict(zip(panels, made.subplots(1, len(panels)), strict=True))
    for k, run in enumerate(runs):
        path = Path(run) / EPOCHS if Path(run).is_dir() else Path(run)
        columns = _read(path)
        label = path.parent.name if path.name == EPOCHS else path.stem
        for name, (panel, style) in LINES.items():
            if columns.get(name):
                epochs, values = zip(*columns[name], strict=True)
                said = label if name == panel or panel not in columns else None
                marker = "o" if len(values) == 1 else None
                axes[panel].plot(epochs, values, style, marker=marker, color=COLOURS[k % len(COLOURS)], label=said)
    for panel, axis in axes.items():
        axis.set_title(panel, fontsize=9)
        axis.set_xlabel("epoch", fontsize=9)
        axis.xaxis.get_major_locator().set_params(integer=True)
        bare(axis)
    if len(runs) > 1:
        axes["loss"].legend(fontsize=7, frameon=False)
    return made


def _read(path: Path) -> dict[str, list[tuple[int, float]]]:
    existing(path, "epochs.csv of a run")
    found: dict[str, list[tuple[int, float]]] = {}
    try:
        with path.open(newline="") as file:
            for i, row in enumerate(csv.DictReader(file), 1):
                for name, text in row.items():
                    if name in LINES and text:
                        found.setdefault(name, []).append((int(row.get("epoch") or i), float(text)))
    except (*UNREADABLE, csv.Error) as problem:
        raise error("SD841", str(path), f"it is no log of a run ({short(problem)})", "name the folder") from None
    if "loss" not in found:
        raise error("SD841", str(path), "it has no column loss", "name the folder of a run of snndeploy train")
    return found
