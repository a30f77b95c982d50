"""How long `models/mnist_csnn.py` trains on MNIST until it is right on 97 % of the test digits, with and without
acceleration.

    python benchmarks/time_to_accuracy.py [--steps 25] [--threads 2] [--every 50] [--limit 2000]
    python benchmarks/time_to_accuracy.py --report

Leaky neurons (decay 0.5), fast sigmoid of slope 25, rate loss, Adam, batch 128, evenly spaced spikes, one seed,
first weights with which a tenth of the bins of each layer holds a spike (with torch's own none does, and nothing is
learned from silence): the
two runs differ in how a step is computed and in nothing else. Every so many updates all 10,000 test digits are decided;
that takes no part in the times (both runs use the accelerated forward for it). A run that is broken off goes on from
its last evaluation, and one that has arrived is not run again.

Times are of the updates alone: seconds by the clock, and seconds of CPU over all threads of the process, which other
programs on the machine lengthen less. What is known is written to docs/time_to_accuracy.json and .png.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

GOAL, BATCH, LR, SEED, BETA, SLOPE = 0.97, 128, 2e-3, 0, 0.5, 25
WAYS = {"loop": "snnTorch's own loop", "accelerated": "accelerated"}
DOCS = Path(__file__).resolve().parents[1] / "docs" / "time_to_accuracy.json"


class Training:
    """One run: a number of steps and a way to compute them."""

    def __init__(self, steps: int, way: str, images: dict[str, Any]):
        import torch
        from speed.calibrate import calibrate
        from speed.csnn import RATE, rate_code

        from snndeploy import models
        from snndeploy.train.forwards import accelerated, forward_of
        from snndeploy.train.settings import Settings

        torch.manual_seed(SEED)
        self.steps, self.way, self.images, self.code = steps, way, images, rate_code
        self.module = models.load("mnist_csnn").build(pool="average", beta=BETA, slope=SLOPE, reset="zero")
        self.how = Settings(batch=BATCH, lr=LR, seed=SEED)
        x, labels = self.spikes("train", range(8))
        calibrate(self.module, x, RATE)
        own = forward_of(self.module, {"input": x[:, :4]}, self.how)
        fast, same = accelerated(own, {"input": x}, labels, self.how)
        self.fast, self.of, self.same = fast.unrolled, (own if way == "loop" else fast).unrolled, str(same)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=LR)
        self.done: dict[str, Any] = {"steps": steps, "way": way, "losses": [], "points": [], "wall": 0.0, "cpu": 0.0}

    def spikes(self, part: str, index: Any) -> tuple[Any, Any]:
        import torch

        x, labels = self.images[part]
        at = list(index)
        coded = self.code(x[at].reshape(-1, 1, 28, 28), self.steps)
        return torch.from_numpy(coded), torch.from_numpy(labels[at])

    def update(self) -> None:
        from snndeploy.train.batches import shuffled
        from snndeploy.train.losses import LOSSES

        self.module.train()
        count = len(self.images["train"][1])
        k, each = len(self.done["losses"]), count // BATCH
        order = shuffled(count, SEED, k // each)
        x, labels = self.spikes("train", order[k % each * BATCH :][:BATCH].tolist())
        wall, cpu = time.perf_counter(), time.process_time()
        loss = LOSSES["rate"].of(self.of({"input": x}).output.flatten(2), labels, self.how.scale)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.done["wall"] += time.perf_counter() - wall
        self.done["cpu"] += time.process_time() - cpu
        self.done["losses"].append(loss.item())

    def evaluate(self) -> float:
        import torch

        right, count = 0, len(self.images["test"][1])
        self.module.eval()
        with torch.no_grad():
            for first in range(0, count, BATCH):
                x, labels = self.spikes("test", range(first, min(count, first + BATCH)))
                counts = self.fast({"input": x}).output.flatten(2).sum(0)
                right += int((counts.argmax(1) == labels).sum())
        point = {name: self.done[name] for name in ("wall", "cpu")}
        self.done["points"].append({"updates": len(self.done["losses"]), **point, "accuracy": right / count})
        return right / count

    def go(self, path: Path, every: int, limit: int) -> None:
        import torch

        from snndeploy.files import replacing

        if path.exists():
            held = torch.load(path, weights_only=False)
            self.done = held["done"]
            self.module.load_state_dict(held["module"])
            self.optimizer.load_state_dict(held["optimizer"])
        points = self.done["points"]
        while len(self.done["losses"]) < limit and (not points or points[-1]["accuracy"] < GOAL):
            for _ in range(every):
                self.update()
            accuracy = self.evaluate()
            done = self.done
            told = f"{len(done['losses'])} updates, loss {done['losses'][-1]:.3f}, {accuracy:.2%}"
            told += f", {done['wall']:.0f} s, {done['cpu']:.0f} s of CPU"
            sys.stderr.write(f"T = {self.steps}, {self.way}: {told}\n")
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                state = {
                    "done": self.done,
                    "module": self.module.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                }
                torch.save(state, temporary)
            report(path.parent)


def report(folder: Path) -> None:
    """What the runs in a folder have shown, into docs/."""
    import torch
    from speed.machine import machine

    from snndeploy.files import replacing
    from snndeploy.report.learning_tables import draw

    runs = [torch.load(path, weights_only=False)["done"] for path in folder.glob("*.pt")]
    runs.sort(key=lambda run: (run["steps"], list(WAYS).index(run["way"])))
    settings = {"goal": GOAL, "batch": BATCH, "lr": LR, "seed": SEED, "beta": BETA, "slope": SLOPE}
    with replacing(DOCS) as temporary:
        temporary.write_text(json.dumps({"machine": machine(), "settings": settings, "runs": runs}) + "\n")
    draw(json.loads(DOCS.read_text()), DOCS.with_suffix(".png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, action="append", help="of a digit; 25 and 100 if left out")
    parser.add_argument("--way", choices=WAYS, action="append", help="both if left out")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--every", type=int, default=50, help="updates between two evaluations")
    parser.add_argument("--limit", type=int, default=2000, help="updates after which a run ends")
    parser.add_argument("--folder", type=Path, default=Path("build/time_to_accuracy"))
    parser.add_argument("--report", action="store_true", help="only write what is known")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(given.threads)
    if given.report:
        report(given.folder)
        return
    from recordings import mnist

    images = {"train": mnist("train"), "test": mnist("t10k")}
    for steps in given.steps or (25, 100):
        for way in given.way or ("accelerated", "loop"):
            Training(steps, way, images).go(given.folder / f"{steps}-{way}.pt", given.every, given.limit)


if __name__ == "__main__":
    main()
