"""Which class is taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.report.pictures.canvas import figure
from snndeploy.report.pictures.classes import checked


def confusion(decisions: Array, labels: Array, names: tuple[str, ...] | None = None) -> Any:
    """A count in each cell: row the true class, column the decision; accuracy with its 95 % Wilson interval.

    Args:
        decisions, labels: int64 (sample,). names: of the classes.

    Raises:
        SnnDeployError SD103: their numbers differ, or labels are no classes.
    """
    from snndeploy.conform.statistics import wilson

    decisions = np.asarray(decisions)
    labels = checked(labels, decisions.size, "confusion")
    if not labels.size:
        raise error("SD103", "confusion", "there are no samples", "give one at least")
    classes = int(max(decisions.max(), labels.max())) + 1
    table = np.bincount(labels * classes + decisions, minlength=classes**2).reshape(classes, classes)
    made = figure(0.42 * classes + 2.4, 0.42 * classes + 1.8)
    axis = made.subplots()
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in zip(*np.nonzero(table), strict=True):
        axis.text(j, i, str(table[i, j]), ha="center", va="center", fontsize=7, color="w" if share[i, j] > 0.5 else "k")
    said = names or tuple(map(str, range(classes)))
    axis.set_xticks(range(classes), said[:classes], fontsize=7, rotation=0 if classes < 12 else 90)
    axis.set_yticks(range(classes), said[:classes], fontsize=7)
    axis.set_xlabel("decision", fontsize=9)
    axis.set_ylabel("class", fontsize=9)
    right = int(np.trace(table))
    low, high = wilson(right, labels.size)
    title = f"{right:,} of {labels.size:,} right: {right / labels.size:.1%} (95 %: {low:.1%} to {high:.1%})"
    axis.set_title(title, fontsize=9)
    return made
