"""Spoken digits: spiking networks beside an MLP and a CNN on the same spikes in bins: accuracy, operations, latency.

    python benchmarks/shd_baselines.py --data ../shared/data/fsdd \
        --run "LIF 128, 256=runs/speech-0" --run "LIF 128, 256=runs/speech-1" --run "recurrent 128=runs/speech-r-0"

A run is a folder that `snndeploy train models/shd_recurrent.py` made; several of one name are its seeds. The MLP and
the CNN are trained here, with the same augmentation, on the 600 training samples, with usual settings that were not
searched for. All are scored on the 300 samples of the official test split. Writes docs/shd_baselines.json, .md, .png.

Operations per sample: of the MLP and the CNN all products of weights and activations (MAC), and those where the
activation is not 0; of the spiking networks a spike times the weights that it is added through (one addition each).
Latency: the accuracy if the decision is made after t steps, for all networks from the spikes of these steps alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

import snndeploy as sd
from snndeploy import models
from snndeploy.conform.statistics import wilson
from snndeploy.files import replacing
from snndeploy.train import record
from snndeploy.train.augment import Augment, generator
from snndeploy.train.data import Data

DOCS = Path(__file__).resolve().parent.parent / "docs"
MODEL = "shd_recurrent"
# bins of the baselines: so many steps by so many channels
STEPS, CHANNELS = 4, 10
EPOCHS, BATCH = 60, 32
# the training samples are augmented so often, and shown in turn
COPIES = 8
MOMENTS = range(4, 65, 4)


def binned(x: torch.Tensor) -> torch.Tensor:
    """Spikes (time, sample, channel) -> square roots of counts, float32 (sample, 1, channel / 10, time / 4)."""
    steps, batch, channels = x.shape
    parts = x.float().reshape(steps // STEPS, STEPS, batch, channels // CHANNELS, CHANNELS)
    # a count's noise grows with its square root
    return parts.sum(dim=(1, 4)).sqrt().permute(1, 2, 0).unsqueeze(1)


def mlp() -> nn.Sequential:
    layers = [nn.Flatten(), nn.Linear(1120, 128), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(128, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10))


def cnn() -> nn.Sequential:
    first = [nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5)]
    return nn.Sequential(*first, *second, nn.Linear(32 * 17 * 4, 10))


BASELINES: dict[str, Callable[[], nn.Sequential]] = {"MLP 128, 256": mlp, "CNN 16, 32": cnn}


def copies(x: NDArray[Any], augment: Augment) -> list[torch.Tensor]:
    """Bins of the training samples, augmented anew in each."""
    return [binned(augment(torch.from_numpy(x), generator(0, k, 0, 0))) for k in range(COPIES)]


def fitted(build: Callable[[], nn.Sequential], shown: list[torch.Tensor], y: Any, seed: int) -> nn.Sequential:
    """Trained with AdamW and a cosine."""
    torch.manual_seed(seed)
    module, labels = build(), torch.from_numpy(y)
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        for part in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(module(shown[epoch % COPIES][part]), labels[part]).backward()
            optimizer.step()
        schedule.step()
    return module.eval()


@torch.no_grad()
def operations(module: nn.Sequential, x: torch.Tensor) -> tuple[float, float]:
    """Products per sample, (all, those with an activation that is not 0)."""
    every = some = 0.0
    for layer in module:
        y = layer(x)
        if isinstance(layer, nn.Linear):
            every += layer.weight.numel()
            some += float((x != 0).sum()) * layer.out_features / len(x)
        elif isinstance(layer, nn.Conv2d):
            counting = nn.Conv2d(layer.in_channels, 1, layer.kernel_size, padding=layer.padding, bias=False)
            counting.weight.fill_(1.0)
            every += float(counting(torch.ones_like(x[:1])).sum()) * layer.out_channels
            some += float(counting((x != 0).float()).sum()) * layer.out_channels / len(x)
        x = y
    return every, some


def additions(network: sd.Network, trace: sd.Trace) -> float:
    """Synaptic operations per sample: spikes of each source times the weights behind each."""
    total = 0.0
    for p in network.projections:
        sent = trace.spikes[p.source] if p.source in trace.spikes else trace.inputs[p.source]
        total += float(np.count_nonzero(sent)) * int(np.prod(network.shapes[p.target])) / trace.batch
    return total


def seconds(call: Callable[[], Any], times: int = 15) -> float:
    """The median, after one call that warms up."""
    taken = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def early(network: sd.Network, x: NDArray[Any], labels: NDArray[Any]) -> tuple[list[float], float, NDArray[Any]]:
    """Accuracy after each of MOMENTS, additions per sample, and which samples are right at the end."""
    trace = sd.run(network, x, engine="torch")
    assert network.decision is not None
    counts = trace.spikes[network.decision.population].cumsum(axis=0, dtype=np.int64)
    after = [float((counts[t - 1].argmax(axis=1) == labels).mean()) for t in MOMENTS]
    return after, additions(network, trace), trace.decisions() == labels


def row(name: str, each: list[NDArray[Any]], curves: list[list[float]], **numbers: Any) -> dict[str, Any]:
    right = [int(r.sum()) for r in each]
    n = len(each[0])
    low, high = wilson(round(statistics.mean(right)), n)
    curve = np.mean(curves, axis=0)
    # behind the last moment that is not close to the end
    close = MOMENTS[sum(1 + np.flatnonzero(curve < curve[-1] - 0.01)[-1:])]
    return {
        "network": name,
        "seeds": len(each),
        "accuracy": round(statistics.mean(right) / n, 4),
        "lowest": round(min(right) / n, 4),
        "highest": round(max(right) / n, 4),
        "interval": [round(low, 4), round(high, 4)],
        "decided_by_step": close,
        "after_steps": {str(t): round(float(a), 4) for t, a in zip(MOMENTS, curve, strict=True)},
        **numbers,
    }


def of_runs(name: str, folders: list[Path], data: Data) -> dict[str, Any]:
    """A row of spiking networks."""
    rights, curves, added = [], [], []
    for each in folders:
        network = sd.read(each / "best.nir")
        curve, count, right = early(network, data.test, data.test_labels)
        curves.append(curve)
        added.append(count)
        rights.append(right)
    about = record.read(folders[0])["arguments"]
    module = models.build(MODEL, folders[0] / "best.pt", models.chosen(about, models.load(MODEL).build))
    one = torch.from_numpy(data.test[:, :1]).float()

    @torch.no_grad()
    def stepped() -> None:
        state = None
        for x in one:
            _, state = module(x, state)

    dense = sum(int(np.prod(network.shapes[p.source]) * np.prod(network.shapes[p.target])) for p in network.projections)
    times = {"Norse": seconds(stepped), "torch": seconds(lambda: sd.run(network, data.test[:, :1], engine="torch"))}
    return row(
        name,
        rights,
        curves,
        kind="spiking",
        additions=round(statistics.mean(added)),
        weights=dense,
        milliseconds={k: round(1e3 * v, 3) for k, v in times.items()},
    )


def of_baseline(name: str, data: Data, shown: list[torch.Tensor], seeds: int) -> dict[str, Any]:
    """A row of one of BASELINES."""
    rights, curves = [], []
    spikes = torch.from_numpy(data.test)
    for seed in range(seeds):
        module = fitted(BASELINES[name], shown, data.train_labels, seed)
        decided = []
        for t in MOMENTS:
            heard = spikes.clone()
            heard[t:] = 0
            with torch.no_grad():
                decided.append(module(binned(heard)).argmax(dim=1).numpy() == data.test_labels)
        rights.append(decided[-1])
        curves.append([float(each.mean()) for each in decided])
    whole = binned(spikes)
    every, some = operations(module, whole)
    with torch.no_grad():
        taken = seconds(lambda: module(whole[:1]))
    return row(
        name,
        rights,
        curves,
        kind="not spiking",
        macs=round(every),
        macs_not_zero=round(some),
        weights=sum(p.numel() for p in module.parameters() if p.ndim > 1),
        milliseconds={"PyTorch": round(1e3 * taken, 3)},
    )


def table(rows: list[dict[str, Any]]) -> str:
    head = ["network", "seeds", "test accuracy", "95 %", "weights", "operations per sample", "decided by", "CPU"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for each in rows:
        if each["kind"] == "spiking":
            done = f"{each['additions']:,} additions"
        else:
            done = f"{each['macs']:,} MAC ({each['macs_not_zero']:,} not of 0)"
        low, high = each["interval"]
        taken = ", ".join(f"{ms:g} ms ({where})" for where, ms in each["milliseconds"].items())
        mean = f"{each['accuracy']:.1%} ({each['lowest']:.1%} to {each['highest']:.1%})"
        cells = [each["network"], each["seeds"], mean, f"{low:.1%} to {high:.1%}", f"{each['weights']:,}", done]
        lines.append("| " + " | ".join(map(str, [*cells, f"step {each['decided_by_step']}", taken])) + " |")
    return "\n".join(lines) + "\n"


def drawn(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for each in rows:
        style = "-" if each["kind"] == "spiking" else "--"
        steps = [int(t) * 10 for t in each["after_steps"]]
        axes.plot(steps, [100 * a for a in each["after_steps"].values()], style, label=each["network"], linewidth=1.8)
    axes.set(xlabel="decision after, ms of sound", ylabel="test accuracy, %", ylim=(0, 100), xlim=(0, 640))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", action="append", default=[], help="NAME=FOLDER; repeated")
    parser.add_argument("--seeds", type=int, default=5, help="of the baselines; 0: as they were measured before")
    parser.add_argument("--cache", default="", help="a folder that keeps what the cochlea heard")
    given = parser.parse_args()
    torch.set_num_threads(1)
    runs: dict[str, list[Path]] = {}
    for each in given.run:
        name, _, at = each.rpartition("=")
        runs.setdefault(name, []).append(Path(at))
    first = record.read(next(iter(runs.values()))[0])["arguments"] if runs else {}
    make = models.load(MODEL).data
    data = make(**{"folder": Path(given.data), **models.chosen(first, make), "cache": given.cache})
    augment = data.augment or Augment()
    if given.seeds:
        shown = copies(data.train, augment)
        rows = [of_baseline(name, data, shown, given.seeds) for name in BASELINES]
    else:
        before = json.loads((DOCS / "shd_baselines.json").read_text("utf-8"))["rows"]
        rows = [each for each in before if each["kind"] == "not spiking"]
    rows += [of_runs(name, folders, data) for name, folders in runs.items()]
    samples = {"train": len(data.train_labels), "test": len(data.test_labels)}
    found = {"data": given.data, "samples": samples, "augment": repr(augment), "rows": rows}
    text = table(rows)
    for name, content in (("json", json.dumps(found, indent=1) + "\n"), ("md", intro(samples) + text)):
        with replacing(DOCS / f"shd_baselines.{name}") as temporary:
            temporary.write_text(content, "utf-8")
    drawn(rows, DOCS / "shd_baselines.png")
    sys.stdout.write(text)


def intro(samples: dict[str, int]) -> str:
    return f"""# Spoken digits: spiking networks, an MLP and a CNN

Free Spoken Digit Dataset through the cochlea model, {samples["train"]} samples to train, the {samples["test"]} of the
official test split to score. Mean over the seeds (lowest to highest), Wilson's 95 % interval of the mean on the test
samples. An addition is one spike through one weight; a MAC is one product of a weight and an activation. *Decided by*:
steps of 10 ms after which the accuracy stays within a point of that at the end; the spiking networks count spikes so
far, the others see the bins so far. CPU: median of one sample, one thread, beside other programs and
not all in one run: roughly. The MLP and the CNN have usual settings, which were not searched for. Written by
`benchmarks/shd_baselines.py`.

![accuracy against the time of the decision](shd_baselines.png)

"""


if __name__ == "__main__":
    main()
