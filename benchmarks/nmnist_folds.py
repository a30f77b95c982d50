"""N-MNIST where only 1,000 of its recordings are at hand: each of them scored by a network that did not see it.

    for each FOLD of 0 to 4: snndeploy train models/MODEL.py --data ../shared/data/nmnist/nmnist_train_1000.zip \\
        --weights SEEN --set fold=FOLD --out runs/MODEL_fold_FOLD ...
    python benchmarks/nmnist_folds.py runs/*_fold_*

SEEN: trained on simulated recordings of pictures that none of the 1,000 is of. The settings are those of the shipped
network, chosen before; a fold's last epoch counts, for nothing is held back. Writes docs/nmnist_folds.md.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snndeploy.card.describe import before, command
from snndeploy.conform.statistics import wilson
from snndeploy.report.models_table import FIGURES
from snndeploy.train import record

DOCS = Path(__file__).resolve().parents[1] / "docs" / "nmnist_folds.md"


def row(name: str, folds: Sequence[dict[str, Any]]) -> str:
    """All folds of a model. Raises ValueError: they are not each part once, or not trained alike."""
    numbers = sorted(each["arguments"]["fold"] for each in folds)
    if numbers != list(range(len(folds))):
        raise ValueError(f"{name}: folds {numbers} are not each part once")
    if any(each["settings"] != folds[0]["settings"] or each["weights"] != folds[0]["weights"] for each in folds):
        raise ValueError(f"{name}: the folds are not trained alike")
    tested = sum(each["samples"]["test"] for each in folds)
    right = sum(round(each["accuracy"] * each["samples"]["test"]) for each in folds)
    low, high = wilson(right, tested)
    parts = [each["accuracy"] for each in folds]
    (figure,) = FIGURES[name]
    cells = (
        f"`{name}`",
        f"{right:,} of {tested:,}",
        f"{figure.published:.1%}",
        f"{right / tested:.2%} ({low:.1%} to {high:.1%})",
        f"{min(parts):.1%} to {max(parts):.1%}, spread {statistics.stdev(parts) * 100:.1f} points",
    )
    return f"| {' | '.join(cells)} |"


def main(folders: Sequence[str]) -> None:
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in folders:
        known = record.read(Path(each))
        runs[Path(known["model"]).stem].append(known)
    lines = [
        "# N-MNIST in folds",
        "",
        "Of N-MNIST's 60,000 recordings 1,000 are at hand, and 200 test recordings tell 92 % from 93 % no better than",
        "a coin. Here all 1,000 are test recordings, each of a network that was trained with the 800 outside its fold",
        "and did not see it; before, each network was trained on simulated recordings of other pictures. Settings were",
        "chosen before, on samples held back that are among the 1,000, as are the 250 that the path of the simulated",
        "camera was fitted to. The published accuracies are of trainings with all 60,000 recordings, on 10,000 others.",
        "Float networks. Written by `benchmarks/nmnist_folds.py`.",
        "",
        "| model | right | published | accuracy (95 %) | folds |",
        "| --- | --- | --- | --- | --- |",
        *(row(name, runs[name]) for name in sorted(runs)),
        "",
        "How each was trained (FOLD: 0 to 4):",
        "",
        "```",
        *(line for name in sorted(runs) for line in commands(runs[name][0])),
        "```",
        "",
    ]
    DOCS.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


def commands(known: dict[str, Any]) -> list[str]:
    """As they were typed, for any fold; those of the runs that it began from first."""
    fold = known["arguments"]["fold"]
    *earlier, last = [command(each["sessions"][0]["command"]) for each in (*before(known), known)]
    return [*earlier, last.replace(f"fold={fold}", "fold=FOLD").replace(f"_fold_{fold}", "_fold_FOLD")]


if __name__ == "__main__":
    main(sys.argv[1:])
