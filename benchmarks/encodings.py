"""What each input encoding costs: a convolutional network trained on real-valued digits, held for all its steps.

    python benchmarks/encodings.py [--samples 450] [--epochs 12] --output benchmarks/encodings.json

`models/digits_csnn.py` is trained on scikit-learn's digits as they are (pixels 0..1, the same in every step), and put
on Loihi 2 through every encoding: chosen on 200 training digits, scored on test digits. The engines are compared bit by
bit, spikes, u and v: reference and torch on all scored digits, Lava on the first 20.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import snndeploy as sd
from snndeploy import models, targets
from snndeploy.demo import one_torch_thread
from snndeploy.encoding import costs, events
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.files import replacing
from snndeploy.network import Network
from snndeploy.placement import place
from snndeploy.quantize import quantize
from snndeploy.train.data import Data
from snndeploy.train.loop import train
from snndeploy.tuning.score import Tally

MODEL = "digits_csnn"
TARGET = "loihi2"
CHOSEN, ON_LAVA = 200, 20
WAYS = (
    "graded",
    "graded:bits=2",
    "planes",
    "planes:code=unary,most=16",
    "rate",
    "rate:code=bernoulli",
    "delta",
    "delta:most=16",
    "bias",
    "host",
)
RECORD = ("spikes", "u", "v")


def held_digits(steps: int, share: float = 0.25) -> Data:
    """Pixels 0..1 as real input, the same in every step."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    x, x_test, y, y_test = train_test_split(images, labels, test_size=share, random_state=0, stratify=labels)
    return Data(*(part for a, b in ((x, y), (x_test, y_test)) for part in (_held(a, steps), b.astype(np.int64))))


def _held(images: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    return np.repeat(images[None], steps, axis=0)


def trained(epochs: int) -> tuple[Network, Data]:
    """The captured network and its data."""
    file = models.load(MODEL)
    data = held_digits(file.STEPS)
    module = models.build_seeded(MODEL)
    train(module, data, seed=0, **{**file.TRAIN, "epochs": epochs})
    return sd.capture(module, data.test[:, :16], file.DT, decision="spike-count", input_kind="real"), data


def measured(network: Network, data: Data, samples: int, ways: tuple[str, ...] = WAYS) -> list[dict[str, Any]]:
    """A row for the float network, and one per encoding."""
    chip = targets.load(TARGET)
    chosen, scored = data.train[:, :CHOSEN], data.test[:, :samples]
    labels = data.test_labels[:samples]
    wanted = run(network, scored, "torch", dtype="float64")
    same = Tally("float")
    same.add(wanted, wanted)
    rows = [{"encoding": "none, float", **_kept(same.score(labels))}]
    for way in ways:
        start = time.perf_counter()
        try:
            encoded = sd.encode(network, chip, chosen, way)
        except SnnDeployError as problem:
            rows.append({"encoding": way, "refused": str(problem)})
            continue
        made = quantize(encoded, chip, events(encoded, chosen))
        given = events(made, scored)
        floats = run(encoded, given, "torch", dtype="float64")
        counts = {"float": Tally(way), "integer": Tally(way)}
        one = run(made, given, "reference", RECORD)
        both = {name: [n for n in wanted.spikes if n in trace.spikes] for name, trace in (("f", floats), ("i", one))}
        for name, trace, kept in (("float", floats, both["f"]), ("integer", one, both["i"])):
            teacher = replace(wanted, spikes={n: wanted.spikes[n] for n in kept})
            counts[name].add(teacher, trace)
        (cost,) = costs(network, made, scored)
        two = run(made, given, "torch", RECORD)
        few = {name: array[:, :ON_LAVA] for name, array in given.items()}
        lava = run(made, few, "lava", RECORD)
        alike = all(
            np.array_equal(a, getattr(other, what)[n][:, : other.batch]) and a.shape[1] >= other.batch
            for other, cut in ((two, samples), (lava, ON_LAVA))
            for what in RECORD
            for n, a in ((n, a[:, :cut]) for n, a in getattr(one, what).items())
        )
        plan = place(made, chip)
        rows.append(
            {
                "encoding": way,
                "error": cost.error,
                "axons": cost.axons,
                "events": cost.events,
                "moved": cost.moved,
                "float": _kept(counts["float"].score(labels)),
                **_kept(counts["integer"].score(labels)),
                "input_axons": sum(c.input_axons for c in plan.cores),
                "cores": len(plan.cores),
                "identical": bool(alike),
                "on_lava": few[next(iter(few))].shape[1],
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
        sys.stderr.write(f"{rows[-1]}\n")
    return rows


def _kept(score: Any) -> dict[str, Any]:
    return {name: getattr(score, name) for name in ("samples", "accuracy", "interval", "kept", "cosine")}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=450)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    one_torch_thread()
    network, data = trained(given.epochs)
    found = {"model": MODEL, "target": TARGET, "rows": measured(network, data, given.samples)}
    with replacing(given.output) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
