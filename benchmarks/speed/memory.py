"""Most memory that a run takes beside its input, in a process of its own: T = 10,000 and a tenth of it.

python benchmarks/speed/memory.py STEPS BATCH
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

BATCH, LONG = 4, 10_000
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


def rows(settings: Any) -> list[Any]:
    from speed.row import Row

    long = 40 if settings.quick else LONG
    found = {}
    for steps in (long // 10, long):
        command = [sys.executable, "-W", "ignore", __file__, str(steps), str(BATCH)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[steps] = json.loads(done.stdout) / 2**20
    few = f"{found[long // 10]:.0f} MiB at T = {long // 10:,}"
    what = f"mnist_csnn, T = {long:,}, batch {BATCH}: most memory beside the input, integer engine ({few})"
    return [Row("memory", what, "MiB", found[long], BUDGET / 2**20)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(*map(int, sys.argv[1:]))))
