"""How long placement takes, and how many cores and axons its strategies need, from 10^4 to 10^6 neurons.

    python benchmarks/placement.py                    writes docs/placement.json, docs/placement.png
    python benchmarks/placement.py --sizes 2 4 --dry  prints a part of it

Networks are chains of 3×3 convolutions of 12 channels on 64×64 places, each size in a process of its own, so that the
memory is that of one placement. Placed on Loihi 1, which writes every synapse out. One thread; seconds are those of its
processor, which other work on the machine changes little, and beside them those that passed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy import targets
from snndeploy.files import replacing
from snndeploy.network import Conv, Format, Input, Network, Population, Projection, Registers
from snndeploy.placement import place

DOCS = Path(__file__).resolve().parents[1] / "docs"
CHANNELS, SIDE = 12, 64
LAYERS = (1, 2, 4, 8, 12, 16, 21)
GOAL = {"seconds": 20, "GiB": 4}


def network(layers: int, seed: int = 0) -> Network:
    """A chain of convolutions with random weights."""
    rng, source, inside = np.random.default_rng(seed), "in", 2
    populations, projections = [], []
    for i in range(layers):
        conv = Conv(2 * rng.integers(-127, 128, (CHANNELS, inside, 3, 3)), padding=((1, 1), (1, 1)))
        populations.append(Population(f"c{i}", (CHANNELS, SIDE, SIDE), Registers(4095, 100, 500)))
        projections.append(Projection(source, f"c{i}", (conv,), format=Format()))
        source, inside = f"c{i}", CHANNELS
    return Network(1e-3, (Input("in", (2, SIDE, SIDE)),), tuple(populations), tuple(projections), (source,))


def measure(layers: int, strategy: str) -> dict[str, Any]:
    """One placement in this process."""
    net, chip = network(layers), targets.load("loihi1")
    begun, used = time.perf_counter(), time.process_time()
    plan = place(net, chip, strategy=strategy)
    seconds, busy = time.perf_counter() - begun, time.process_time() - used
    return {
        "strategy": strategy,
        "neurons": sum(core.neurons for core in plan.cores),
        "synapses": sum(core.synapses for core in plan.cores),
        "cores": len(plan.cores),
        "chips": plan.chips,
        "output_axons": sum(core.output_axons for core in plan.cores),
        "seconds": seconds,
        "processor_seconds": busy,
        "GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def every(layers: list[int], repeats: int) -> list[dict[str, Any]]:
    """Each size and strategy in a process of its own; the fastest of several."""
    rows = []
    for count in layers:
        for strategy in ("greedy", "best"):
            command = [sys.executable, __file__, "--one", str(count), strategy]
            tries = [
                json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                for _ in range(repeats)
            ]
            rows.append(min(tries, key=lambda row: row["processor_seconds"]))
            sys.stderr.write(f"{rows[-1]}\n")
    return rows


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Seconds over neurons, with a line of slope one through the largest."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for strategy, colour in (("greedy", "tab:gray"), ("best", "tab:blue")):
        mine = [row for row in rows if row["strategy"] == strategy]
        neurons = [row["neurons"] for row in mine]
        left.loglog(neurons, [row["processor_seconds"] for row in mine], "o-", color=colour, label=strategy)
        sent = [(row["neurons"], row["output_axons"]) for row in mine if row["output_axons"]]
        right.loglog(*zip(*sent, strict=True), "o-", color=colour, label=strategy)
    last = max((row for row in rows if row["strategy"] == "best"), key=lambda row: row["neurons"])
    line = np.array([min(row["neurons"] for row in rows), last["neurons"]])
    left.loglog(line, last["processor_seconds"] * line / last["neurons"], ":", color="black", label="linear")
    left.axhline(GOAL["seconds"], color="tab:red", lw=0.8, label=f"goal at 10⁶: {GOAL['seconds']} s")
    left.set(xlabel="neurons", ylabel="seconds of one processor")
    right.set(xlabel="neurons", ylabel="output axons")
    left.legend(frameon=False)
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(LAYERS), help="numbers of layers")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--one", nargs=2, metavar=("LAYERS", "STRATEGY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(measure(int(given.one[0]), given.one[1])))
        return
    rows = every(given.sizes, given.repeats)
    document = {"rows": rows, "goal": GOAL, "target": "loihi1"}
    if given.dry:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    with replacing(DOCS / "placement.json") as made:
        made.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    picture(rows, DOCS / "placement.png")


if __name__ == "__main__":
    main()
