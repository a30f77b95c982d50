"""What it costs to pool as a chip can: `models/mnist_csnn.py` with each of its pools, trained alike, side by side.

    for each POOL of analogue, spikes, average: snndeploy train models/mnist_csnn.py --data ../shared/data/mnist \\
        --out runs/mnist_csnn_POOL --set pool=POOL --set steps=10 --test-every 50 [--accelerate | --no-capture]
    python benchmarks/pools.py runs/mnist_csnn_analogue runs/mnist_csnn_spikes runs/mnist_csnn_average [PUBLISHED]

PUBLISHED: the run of the published form with its 100 steps (pool=analogue, --no-capture, no other --set).

Accuracy is that of the run on all test pictures; spikes are counted in snnTorch's own loop, on the first `PICTURES` of
them; cores are those that the integers (method adaptive, pixels as graded events of 8 bits) take on Loihi 2.
"""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path
from typing import Any

from snndeploy.conform.statistics import wilson
from snndeploy.train import record

PICTURES, TARGET = 1000, "loihi2"
DOCS = Path(__file__).resolve().parents[1] / "docs" / "pools.md"
SAID = {
    "analogue": "maximum before the neuron (as published)",
    "spikes": "maximum of spikes, behind the neuron",
    "average": "average before the neuron",
}


def row(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers of a run, and how it was trained."""
    import numpy as np
    import snntorch
    import torch
    from snntorch import utils

    from snndeploy import models

    known = record.read(run)
    given = known["arguments"]
    file = models.load("mnist_csnn")
    data = file.data(Path(known["data"]), **models.chosen(given, file.data))
    module = models.build("mnist_csnn", run / "best.pt", models.chosen(given, file.build))
    layers = {name: each for name, each in module.named_children() if isinstance(each, snntorch.Leaky)}
    spikes, shapes = dict.fromkeys(layers, 0.0), {}

    def counted(name: str) -> Any:
        def hook(layer: Any, arrived: Any, out: Any) -> None:
            del layer, arrived
            spikes[name] += float(out.sum())
            shapes[name] = tuple(out.shape[1:])

        return hook

    for name, each in layers.items():
        each.register_forward_hook(counted(name))
    utils.reset(module)
    with torch.no_grad():
        for step in data.test[:, :PICTURES]:
            module(torch.from_numpy(step.copy()))
    accuracy = known["accuracy"]
    low, high = wilson(round(accuracy * len(data.test_labels)), len(data.test_labels))
    found = {
        "pool": given["pool"],
        "accuracy": f"{accuracy:.2%} ({low:.1%} to {high:.1%})",
        "neurons": f"{sum(prod(each) for each in shapes.values()):,}",
        "spikes": f"{sum(spikes.values()) / PICTURES:,.0f}",
        "cores": cores(run, np.array(data.train[:, :64])),
    }
    return found, known


def cores(run: Path, calibration: Any) -> str:
    """On Loihi 2, or why there are none."""
    import snndeploy as sd

    if not (run / "best.nir").exists():
        return "refused (SD302)"
    network = sd.read(run / "best.nir")
    return f"{len(sd.place(sd.quantize(network, TARGET, calibration, encoding='graded'), TARGET).cores):,}"


def looks(runs: list[Path]) -> list[str]:
    """A table of what each run saw of the test pictures on the way; of a run that was stopped, as far as it came."""
    import csv

    seen = []
    for each in runs:
        with (each / "tests.csv").open(newline="") as file:
            seen.append({int(line["step"]): float(line["accuracy"]) for line in csv.DictReader(file)})
    names = [f"`{each.name.rpartition('_')[2]}`" for each in runs]
    lines = ["| updates |" + "".join(f" {name} |" for name in names), "| --- |" + " --- |" * len(names)]
    for step in sorted(set().union(*seen)):
        lines.append(f"| {step} |" + "".join(f" {each[step]:.1%} |" if step in each else "  |" for each in seen))
    return lines


def published(run: Path) -> list[str]:
    """What the run of 100 steps reached, and what it saw on the way."""
    known = record.read(run)
    count, accuracy = known["samples"]["test"], known["accuracy"]
    low, high = wilson(round(accuracy * count), count)
    seconds = sum(each["seconds"] for each in known["sessions"])
    return [
        "## The published form, 100 steps",
        "",
        f"`analogue`, alike but for 100 steps: {accuracy:.2%} ({low:.1%} to {high:.1%}) of {count:,}; 90.4 % were",
        f"published. It took {seconds / 60:.0f} minutes in snnTorch's own loop, beside other programs.",
        "",
        *looks([run]),
        "",
    ]


def main(runs: list[str]) -> None:
    paths = [Path(each) for each in runs[:3]]
    rows = [row(each) for each in paths if (each / "run.json").exists()]
    about = rows[0][1]
    how = about["settings"]
    lines = [
        "# What pooling as a chip can costs",
        "",
        f"`models/mnist_csnn.py` on MNIST, {about['arguments']['steps']} steps, the picture itself in each; "
        f"{how['epochs']} epoch of 60,000, batch {how['batch']}, {how['optimizer']}, learning rate {how['lr']:g}, "
        f"{how['loss']}, seed {how['seed']}: alike but for the pool. Written by `benchmarks/pools.py`.",
        "",
        "| pool | accuracy, 10,000 test pictures (95 %) | neurons | spikes per picture | cores of Loihi 2 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each, _ in rows:
        cells = (
            f"`{each['pool']}`: {SAID[each['pool']]}",
            *(each[k] for k in ("accuracy", "neurons", "spikes", "cores")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Spikes are means over the first {PICTURES:,} test pictures."]
    stopped = [each.name.rpartition("_")[2] for each in paths if not (each / "run.json").exists()]
    lines += [f"`{each}` was stopped before its end: not measured." for each in stopped]
    lines += ["", "On the way, on the first 1,024 test pictures (nothing is chosen by them):", "", *looks(paths), ""]
    lines += [line for each in runs[3:] for line in published(Path(each))]
    DOCS.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
