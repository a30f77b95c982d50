"""docs/stdp.md and its pictures: what `models/stdp_population.py` learned; STDP on Lava's LearningDense beside ours.

python benchmarks/stdp.py RUN [RUN ...]          folders that `snndeploy train models/stdp_population.py` made
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import snndeploy as sd
from snndeploy import models
from snndeploy.engines.lava import learning as lava
from snndeploy.report.pictures import populations as draw
from snndeploy.report.pictures.canvas import save
from snndeploy.train.batches import divided
from snndeploy.train.learning import stdp

DOCS = Path(__file__).resolve().parent.parent / "docs"
FILE = models.load("stdp_population")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
STEPS, SIZES, DRAWS = 200, (16, 8), 10
INITIAL = (10, 40)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["", *("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)), ""]


def accuracies(runs: list[Path]) -> list[str]:
    """Each run, and k-means with as many prototypes on the same samples: those that the run learned from."""
    from sklearn.cluster import KMeans

    x, y, x_test, y_test = (each.reshape(len(each), -1) if each.ndim > 1 else each for each in FILE.pictures(None))
    rows, all_of = [], {"stdp": [], "kmeans": []}
    for run in runs:
        made = json.loads((run / "run.json").read_text())
        seed, share = made["settings"]["seed"], made["settings"]["validation"]
        kept, _ = divided(len(y), share, seed)
        found = KMeans(100, n_init=1, random_state=seed).fit(x[kept])
        votes = np.array([np.bincount(y[kept][found.labels_ == k], minlength=10).argmax() for k in range(100)])
        other = float((votes[found.predict(x_test)] == y_test).mean())
        all_of["stdp"].append(made["accuracy"])
        all_of["kmeans"].append(other)
        numbers = [made["validation_accuracy"], made["accuracy"], other]
        seconds = sum(each["seconds"] for each in made["sessions"])
        rows.append([str(seed), str(made["best"]), *(f"{each:.2%}" for each in numbers), f"{seconds:.0f}"])
    mean = [f"{np.mean(all_of[name]):.2%} ± {np.std(all_of[name], ddof=1):.2%}" for name in ("stdp", "kmeans")]
    rows.append(["mean ± standard deviation", "", "", *mean, ""])
    head = ["seed", "best epoch", "STDP, held back", "STDP, test", "k-means, test", "s"]
    return table(head, rows)


def chip_rows() -> list[list[str]]:
    """How far Lava's weights are from ours, same spikes in, over all steps, synapses and draws."""
    base = lava.OnChip(2**-6, -(2**-6), 10.0, 10.0, impulse=16)
    cases = [
        ("floating point", base),
        *((f"floating point, an update every {e} steps", replace(base, epoch=e)) for e in (2, 4, 8)),
        ("floating point, A+ = 0.02, A- = 0.024 asked for", replace(base, a_plus=0.02, a_minus=-0.024)),
        *((f"fixed point, impulse {i}", replace(base, impulse=i, a_plus=0.25 / i, a_minus=-0.25 / i, fixed=True))
          for i in (8, 16, 32)),
        *((f"fixed point, every {e} steps", replace(base, epoch=e, fixed=True)) for e in (2, 8)),
        *((f"fixed point, a pair moves {pair}", replace(base, a_plus=pair / 16, a_minus=-pair / 16, fixed=True))
          for pair in (1, 4)),
    ]  # fmt: skip
    rows = []
    for name, how in cases:
        largest, square, bias, moved, first = [], [], [], [], []
        for draw_ in range(DRAWS):
            rng = np.random.default_rng(draw_)
            pre, post = ((rng.random((STEPS, size)) < 0.1).astype(int) for size in SIZES)
            weight = 2 * rng.integers(*INITIAL, SIZES[::-1])
            # the constants as asked for: what Lava makes of them is part of the distance
            rule = stdp.PairSTDP(how.impulse * how.a_plus, -how.impulse * how.a_minus, 10.0, 10.0, -np.inf, np.inf)
            ours = stdp.learned(rule, weight, pre, post)
            found = lava.learned(replace(how, seed=draw_ + 1), weight, pre, post)
            off = found - ours
            # between two updates of an epoch Lava's weights wait
            at = slice(how.epoch - 1, None, how.epoch)
            largest.append(np.abs(off[at]).max())
            square.append((off[-1] ** 2).mean())
            bias.append(off[-1].mean())
            moved.append(((ours[-1] - weight) ** 2).mean())
            first.append(np.abs(off[:20][at]).max())
        rms, way = np.sqrt(np.mean(square)), np.sqrt(np.mean(moved))
        numbers = [np.max(first), np.max(largest), rms, np.mean(bias), way]
        rows.append([name, *(f"{each:.2g}" for each in numbers), f"{rms / way:.1%}" if rms / way > 1e-9 else "0"])
    return rows


def pictures(run: Path) -> None:
    module = models.build("stdp_population", run / "best.pt")
    labels = module[1].weight.detach().numpy()
    votes = np.where(labels.any(axis=0), labels.argmax(axis=0), -1)
    at = DOCS / "stdp"
    at.mkdir(exist_ok=True)
    save(draw.fields(module[0].input_weights.detach().numpy(), (8, 8), 3, votes), at / "fields.png")
    save(draw.tuning_curves(3), at / "curves.png")
    save(draw.stdp_window(stdp.PairSTDP(1.0, 0.6, 10.0, 15.0)), at / "window.png")
    x = FILE.pictures(None)[0][:8]
    spikes = {"Poisson": FILE.coded(x, 1, 80, 0.8, 0), "population of 3, Poisson": FILE.coded(x, 3, 80, 0.8, 0)}
    save(draw.codes(spikes), at / "codes.png")
    if (SHARED / "mnist").is_dir():
        x = FILE.pictures(SHARED / "mnist", samples=8)[0]
    read = {
        f"{name}, {steps} steps": FILE.decoded(FILE.coded(x, curves, steps, 0.8, 0), curves, 0.8, x.shape[1:])
        for name, curves in (("Poisson", 1), ("population", 3))
        for steps in (20, 80)
    }
    save(draw.reconstruction(x, read), at / "reconstruction.png")
    drive = np.full((200, 1, 1), 0.3, np.float32)
    drive[:10] = 0
    traces = {}
    for name, made in {
        "LIF": FILE.refractory(0),
        "refractory, 10 steps": FILE.refractory(10),
        "adaptive threshold": FILE.adaptive(0.3, 0.05),
    }.items():
        with torch.no_grad():
            made[0].weight.fill_(1.0)
        traces[name] = sd.run(sd.capture(made.eval(), drive, 1e-3), drive, record=("spikes", "v"))
    save(draw.constant_drive(traces), at / "neurons.png")


def main(runs: list[Path]) -> None:
    pictures(runs[0])
    text = [
        "# STDP: learned without labels, and on Lava's LearningDense",
        "",
        "Written by `python benchmarks/stdp.py RUN ...`, of runs of",
        "`snndeploy train models/stdp_population.py --out RUN --validation 0.2 --seed N`.",
        "",
        "## 100 neurons on scikit-learn's digits",
        "",
        "450 test digits, 1,347 others, of which a fifth is held back and chooses the epoch; the constants of the",
        "model were chosen on samples held back too. k-means has 100 prototypes, sees the same samples (brightness,",
        "not spikes), and each prototype votes for its most frequent class.",
        *accuracies(runs),
        "In training the winner of a step silences all others at once; the deployed network has the inhibitory",
        "projection alone, which acts one step later, and the accuracy above is that of the deployed network.",
        "",
        "![what each neuron answers to, and the class that it votes for](stdp/fields.png)",
        "",
        "## The same rule on Lava",
        "",
        f"`LearningDense` with `STDPLoihi`, {SIZES[0]} × {SIZES[1]} synapses, {STEPS} steps, every neuron on both",
        f"sides spikes with chance 0.1, {DRAWS} draws; τ = 10 steps on both sides, a pair moves a weight by 0.25,",
        f"weights begin at even numbers from {2 * INITIAL[0]} to {2 * INITIAL[1] - 2}. The",
        "distance is Lava's weight less that of `train.learning.stdp`, both after the same step; the least step of a",
        "fixed-point weight is 1.",
        *table(
            ["Lava", "largest, first 20 steps", "largest of all", "rms at the end", "mean at the end",
             "rms that weights moved", "distance / moved"], chip_rows()),
        "* The float model with an update in every step is the rule, to the last digits of float64.",
        "* With an epoch of several steps each neuron keeps the time of its last spike in it alone.",
        "* Lava writes a constant as a whole number times a power of two: 0.02 becomes 2^-6, 0.024 becomes 2^-5.",
        "* The fixed-point model calls itself approximate: traces have 7 bits and are rounded at random in each decay,",
        "  weights have 8 bits and are rounded at random in each update. The distance hardly grows with a pair's step.",
        "",
        "![Δw against Δt](stdp/window.png)",
        "",
        "## Codes and neurons",
        "",
        "![tuning curves](stdp/curves.png)",
        "",
        "![rasters of one digit](stdp/codes.png)",
        "",
        "![pictures, and what is read back from their spikes](stdp/reconstruction.png)",
        "",
        "![one neuron under constant drive: as it is, with rest, with a threshold that adapts](stdp/neurons.png)",
    ]  # fmt: skip
    (DOCS / "stdp.md").write_text("\n".join(text) + "\n", "utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(each) for each in sys.argv[1:]])
