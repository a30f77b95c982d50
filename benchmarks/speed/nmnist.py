"""The N-MNIST network of the NIR paper, per recording: the integer engine beside Lava, inline and in its runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recordings import DATA, nmnist, nmnist_network
from speed.equality import RECORD, differing, outputs
from speed.row import Row, Settings
from speed.timing import in_turns

import snndeploy as sd
from snndeploy.network import Network

STEPS, BATCH, INLINE, TARGET, SEED = 300, 64, 2, "loihi2", 0
# of the input's bins hold an event, as in the recordings
ACTIVE = 0.006


def network_and_input(steps: int, batch: int) -> tuple[Network, Any, str]:
    """The integer form and events, uint8 (steps, batch, 2, 34, 34); random ones where the files are absent."""
    if (DATA / "nmnist").exists():
        x = nmnist(steps=steps, last=batch)[0]
        network = nmnist_network("to-zero")
        note = "the first recordings of its training set, 1 ms per step"
    else:
        x = (np.random.default_rng(SEED).random((steps, batch, 2, 34, 34)) < ACTIVE).astype(np.uint8)
        network, note = stand_in(x), "random events and weights: the recordings are not here"
    return sd.quantize(network, TARGET, x[:, :4], "exponents"), x, note


def stand_in(x: Any) -> Network:
    """A network of the same shapes with random weights."""
    import snntorch as snn
    from speed.calibrate import calibrate
    from torch import nn

    def neuron() -> snn.Leaky:
        return snn.Leaky(beta=1.0, init_hidden=True, reset_mechanism="zero", reset_delay=False)

    torch.manual_seed(SEED)
    module = nn.Sequential(
        *(nn.Conv2d(2, 16, 5, 2, 1, bias=False), neuron(), nn.Conv2d(16, 16, 3, 1, 1, bias=False), neuron()),
        *(nn.AvgPool2d(2), nn.Conv2d(16, 8, 3, 1, 1, bias=False), neuron(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(128, 256, bias=False), neuron(), nn.Linear(256, 10, bias=False), neuron()),
    ).eval()
    calibrate(module, torch.from_numpy(x[:, :4]).float(), 0.02)
    return sd.capture(module, x[:, :4].astype(np.float32), 1e-3, decision="spike-count")


def rows(settings: Settings) -> list[Row]:
    steps, batch, inline = (4, 2, 1) if settings.quick else (STEPS, BATCH, INLINE)
    network, x, note = network_and_input(steps, batch)
    one = x[:, :1]
    times = in_turns(
        {
            f"batch {batch}": lambda: outputs(network, x),
            "batch 1": lambda: outputs(network, one),
            f"lava, {inline}": lambda: outputs(network, x[:, :inline], "lava"),
        },
        settings.repeats,
    )
    kept: list[Any] = []
    # a network is built and processes are started for every sample: once is enough to see how long that takes
    once = in_turns({"runtime": lambda: kept.append(outputs(network, one, "lava", mode="runtime"))}, 1, 0)
    bits = compared(network, x[:, :inline], kept[0])
    each = {
        "many": times[f"batch {batch}"].median / batch,
        "one": times["batch 1"].median,
        "inline": times[f"lava, {inline}"].median / inline,
        "runtime": once["runtime"].median,
    }
    same: dict[str, Any] = {"times": {**times, **once}, "note": note, "compared": bits[1], "differing": bits[0]}
    what = f"N-MNIST, T = {steps}, per recording: integer engine,"
    pairs = (
        ("nmnist runtime", f"batch {batch}, against Lava's runtime", "runtime", "many", 300.0),
        ("nmnist inline", f"batch {batch}, against Lava in one process", "inline", "many", 60.0),
        ("nmnist runtime, batch 1", "batch 1, against Lava's runtime", "runtime", "one", 100.0),
    )
    return [
        Row(f"integer {name}", f"{what} {text}", "times as fast", each[a] / each[b], goal, "least", **same)
        for name, text, a, b, goal in pairs
    ]


def compared(network: Network, x: Any, runtime: Any) -> tuple[int, int]:
    """Numbers that differ between the integer engine, Lava in both its modes, and the reference, and all of them."""
    reference = sd.run(network, x, "reference", RECORD)
    found = [differing(sd.run(network, x, engine, RECORD), reference) for engine in ("torch", "lava")]
    one = outputs(network, x[:, :1], "reference")
    found.append(differing(runtime, one, RECORD[:1]))
    return sum(wrong for wrong, _ in found), sum(whole for _, whole in found)
