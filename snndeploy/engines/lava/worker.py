"""What the worker interpreter does: reads `plan.npz` in its folder, runs Lava's runtime, writes `rows.npz`.

python -P -m snndeploy.engines.lava.worker FOLDER
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines.lava import patches
from snndeploy.engines.lava.build import build
from snndeploy.engines.lava.exchange import load
from snndeploy.engines.lava.guard import Guard
from snndeploy.network.arrays import Array


def run(folder: Path, guard: Guard) -> None:
    """Every sample as a network of its own; recorded as `<kind>.<population>`, (batch, steps, ...)."""
    from lava.proc.io.sink import PyReceiveModelFixed, PyReceiveModelFloat, RingBuffer
    from lava.proc.monitor.models import PyMonitorModel
    from lava.proc.monitor.process import Monitor

    plan, data, record = load(folder / "plan.npz")
    batch, _, steps = next(iter(data.values())).shape
    fixed = plan.form == "integer"
    kept: dict[str, list[Array]] = {}
    for sample in range(batch):
        with patches.quiet():
            built = build(plan, {name: array[sample] for name, array in data.items()}, steps)
            readers: dict[Any, tuple[str, Any]] = {}
            for each in plan.neurons:
                neuron = built.neurons[each.name]
                if "spikes" in record and "vth" in each.numbers:
                    sink = RingBuffer(shape=(each.size,), buffer=steps)
                    neuron.s_out.connect(sink.a_in)
                    built.config.exception_proc_model_map[sink] = PyReceiveModelFixed if fixed else PyReceiveModelFloat
                    readers[sink] = (f"spikes.{each.name}", sink.data)
                for what in {"u", "v"} & set(record):
                    monitor = Monitor()
                    monitor.probe(getattr(neuron, what), steps)
                    built.config.exception_proc_model_map[monitor] = PyMonitorModel
                    readers[monitor] = (f"{what}.{each.name}", monitor.var_read_0)

            def read(processes: list[Any], readers: dict[Any, tuple[str, Any]] = readers) -> None:
                for process in processes:
                    if process in readers:
                        name, var = readers[process]
                        rows = np.array(var.get())
                        kept.setdefault(name, []).append(rows.T != 0 if name.startswith("spikes.") else rows)

            everything = [*built.neurons.values(), *built.feeds.values()]
            guard.run(everything, built.config, steps, read)
    part = folder / "part.npz"
    np.savez(part, **{name: np.stack(rows) for name, rows in kept.items()})  # type: ignore[arg-type]
    part.replace(folder / "rows.npz")


def main(folder: Path) -> None:
    multiprocessing.set_start_method("fork")
    patches.load()
    guard = Guard(folder)
    try:
        run(folder, guard)
    except Exception:
        guard.fail(traceback.format_exc())
    # nothing of Lava may run at the end of the interpreter
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
