"""The integer form as ONNX graphs, one step and a whole sequence, in onnxruntime beside the integer engine."""

from __future__ import annotations

from typing import Any

from speed import csnn, recurrent
from speed.equality import RECORD, differing, outputs
from speed.row import Row, Settings
from speed.timing import in_turns, ratio

import snndeploy as sd
from snndeploy.network import Network

BATCH = 8
GRAPHS = ("step", "sequence")


def cases(quick: bool) -> dict[str, tuple[Network, Any]]:
    """A convolutional and a recurrent network, each with as long a sample as in its own part."""
    steps = (4, 6) if quick else (csnn.STEPS, recurrent.STEPS)
    batch = 2 if quick else BATCH
    _, _, convolutional, x, _ = csnn.networks(steps[0], batch)
    y = recurrent.spikes(steps[1], batch)
    return {"mnist_csnn": (convolutional, x), "recurrent": (recurrent.networks("snntorch", y)[2], y)}


def rows(settings: Settings) -> list[Row]:
    found = []
    for name, (network, x) in cases(settings.quick).items():

        def by(graph: str, network: Network = network, x: Any = x) -> Any:
            return lambda: outputs(network, x, "onnx", graph=graph, threads=settings.threads)

        plain = {"torch": lambda network=network, x=x: outputs(network, x)}
        times = in_turns({**plain, **{graph: by(graph) for graph in GRAPHS}}, settings.repeats)
        part = x[:, :2]
        reference = sd.run(network, part, "reference", RECORD)
        for graph in GRAPHS:
            wrong, whole = differing(sd.run(network, part, "onnx", RECORD, graph=graph), reference)
            what = f"{name}, T = {x.shape[0]}, batch {x.shape[1]}: ONNX, {graph} graph, against the integer engine"
            value = ratio(times[graph], times["torch"])
            found.append(
                Row(f"integer onnx {name}, {graph}", what, "x", value, times=times, compared=whole, differing=wrong)
            )
    return found
