"""Samples with their classes, from one file or from two."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from snndeploy.errors import error
from snndeploy.files import load_arrays

LABELS = "labels"


def labelled(
    samples: Path, labels: Path | None, what: str = "sample file", inputs: Collection[str] = ()
) -> tuple[Any, Any]:
    """(samples, classes): the classes from a file of their own or the array `labels` of the samples' .npz; else None.

    Args:
        what: what the samples are, for errors.
        inputs: names of the network's inputs; an input may itself be called labels.

    Raises:
        SnnDeployError SD800: labels are in both, or several arrays in their file. SD801, SD803, SD104: as
            `load_arrays`.
    """
    held = load_arrays(samples, what)
    inside = held.pop(LABELS, None) if isinstance(held, dict) and LABELS not in inputs else None
    if labels is not None and inside is not None:
        raise error("SD800", str(labels), f"labels are also in {samples}", "leave out one")
    if isinstance(held, dict) and len(held) == 1:
        held = next(iter(held.values()))
    if labels is None:
        return held, inside
    classes = load_arrays(labels, "label file")
    if isinstance(classes, dict):
        raise error(
            "SD800", str(labels), f"it holds {', '.join(classes)}, and labels are one array", "np.save(path, y)"
        )
    return held, classes


def taught(samples: Path, labels: Path | None) -> tuple[Any, Any]:
    """Samples that have labels. Raises SD800 where there are none."""
    held, classes = labelled(samples, labels)
    if classes is None:
        fix = f"name --labels, or store them as {LABELS!r} in the .npz"
        raise error("SD800", str(samples), "no labels are given", fix)
    return held, classes
