"""Most memory that a run takes beside its input, in a process of its own: T = 10,000 and a tenth of it; and that of a
training step over T = 1,000, with and without pieces of time that are computed again.

python benchmarks/speed/memory.py STEPS BATCH [PIECE]
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

BATCH, LONG = 4, 10_000
# steps of a training step, and of the pieces that are computed again
TRAINED, PIECE = 1_000, 25
# bytes that the engine is given
BUDGET = 512 * 2**20


class Watch:
    """The most that this process holds while a block runs, beyond what it held before."""

    def __init__(self) -> None:
        import psutil

        self.process, self.done = psutil.Process(), threading.Event()
        self.before = self.most = self.process.memory_info().rss
        self.thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self.done.wait(0.002):
            self.most = max(self.most, self.process.memory_info().rss)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.done.set()
        self.thread.join()

    @property
    def extra(self) -> int:
        return self.most - self.before


def measured(steps: int, batch: int) -> int:
    """Bytes beyond the input's, of the integer engine on the convolutional network; nothing is recorded."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from speed.csnn import images, networks

    import snndeploy as sd

    integer = networks(16, 4)[2]
    x = images(steps, batch)[0]
    sd.run(integer, x[:8], "torch", record=())
    with Watch() as watch:
        sd.run(integer, x, "torch", record=(), memory=BUDGET)
    return watch.extra


def training(steps: int, batch: int, piece: int) -> int:
    """Bytes beyond the input's, of forward and backward with all steps at once; piece: 0: nothing is computed again."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import torch
    from speed.csnn import BUILD, images

    from snndeploy import models
    from snndeploy.train.forwards import accelerated, forward_of
    from snndeploy.train.losses import LOSSES
    from snndeploy.train.settings import Settings

    x = torch.from_numpy(images(steps, batch)[0])
    module, how = models.load("mnist_csnn").build(**BUILD), Settings(recompute=piece, accelerate=True)
    first, labels = {"input": x[:8].float()}, torch.arange(batch) % 10
    fast, _ = accelerated(forward_of(module, first, how), first, labels, how)
    module.train()
    floats = x.float()
    with Watch() as watch:
        LOSSES["rate"].of(fast.unrolled({"input": floats}).output, labels, how.scale).backward()
    return watch.extra


def alone(*arguments: int) -> float:
    """MiB, in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)) / 2**20


def rows(settings: Any) -> list[Any]:
    from speed.row import Row

    long = 40 if settings.quick else LONG
    found = {}
    for steps in (long // 10, long):
        found[steps] = alone(steps, BATCH)
    few = f"{found[long // 10]:.0f} MiB at T = {long // 10:,}"
    what = f"mnist_csnn, T = {long:,}, batch {BATCH}: most memory beside the input, integer engine ({few})"
    steps, piece = (8, 4) if settings.quick else (TRAINED, PIECE)
    whole, again = alone(steps, BATCH, 0), alone(steps, BATCH, piece)
    told = (
        f"training step of mnist_csnn, T = {steps:,}, batch {BATCH}: most memory with recompute={piece}, beside without"
    )
    note = f"without {whole:,.0f} MiB, with recompute={piece} {again:,.0f} MiB"
    return [
        Row("memory", what, "MiB", found[long], BUDGET / 2**20),
        Row("memory training", f"{told}, of that without", "x", again / max(1e-9, whole), 0.5, note=note),
    ]


if __name__ == "__main__":
    given = list(map(int, sys.argv[1:]))
    sys.stdout.write(json.dumps(training(*given) if len(given) > 2 else measured(*given)))
