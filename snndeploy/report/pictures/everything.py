"""All pictures of a trained network, into one folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from snndeploy.engines import run as execute
from snndeploy.engines.trace import Trace
from snndeploy.errors import error
from snndeploy.files import make_folder
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.report.html.activations import most, write
from snndeploy.report.pictures.canvas import save
from snndeploy.report.pictures.classes import checked
from snndeploy.report.pictures.confusion import confusion
from snndeploy.report.pictures.curves import EPOCHS, curves
from snndeploy.report.pictures.embedding import embedding, last_hidden, spread_out
from snndeploy.report.pictures.frames import animation, frames
from snndeploy.report.pictures.membranes import membranes
from snndeploy.report.pictures.raster import raster
from snndeploy.report.pictures.weights import weights

ENGINE = "torch"


def everything(
    network: Network,
    data: Any,
    labels: Array,
    folder: str | os.PathLike[str],
    run: str | os.PathLike[str] | None = None,
    sample: int = 0,
    progress: Callable[..., None] = lambda done, total, text=None: None,
) -> list[Path]:
    """curves, confusion, embedding, raster, membranes, weights, frames (.png, .gif) and activations.html.

    What there is nothing of is left out: curves without a run, confusion without a decision, an embedding of fewer
    than 4 samples or of equal ones, frames of inputs that are no pictures, activations beyond what a page holds.

    Args:
        data: (time, batch, *shape) input. labels: int64 (batch,). run: the folder of a training's epochs.csv.
        sample: the one that is drawn by itself.

    Raises:
        SnnDeployError SD802: the folder cannot be made. SD102: there is no such sample. SD103: labels are not one
            class for each sample. Else as `run`.
    """
    target = make_folder(folder)
    inputs = as_inputs(network, data)
    count = int(next(iter(inputs.values())).shape[1])
    if not 0 <= sample < count:
        raise error("SD102", f"sample {sample}", f"there are {count}", f"0 to {count - 1}")
    labels = checked(labels, count, "pictures")
    one = execute(network, {n: x[:, sample : sample + 1] for n, x in inputs.items()}, ENGINE, ("spikes", "v"))
    made: list[Path] = []

    def draw(name: str, make: Callable[[], Any]) -> None:
        progress(len(made), 9, name)
        made.append(save(make(), target / f"{name}.png"))

    if run is not None and (Path(run) / EPOCHS).is_file():
        draw("curves", partial(curves, [Path(run)]))
    whole = _last_layers(network, inputs)
    if network.decision is not None:
        draw("confusion", lambda: confusion(whole.decisions(), labels))
    if spread_out(whole):
        draw("embedding", lambda: embedding(whole, labels))
    if one.spikes:
        draw("raster", lambda: raster(one))
    draw("membranes", lambda: membranes(one))
    if any(each.weighted for p in network.projections for each in p.maps):
        draw("weights", lambda: weights(network))
    for name, x in inputs.items():
        if x.ndim in (4, 5):
            draw("frames" if len(inputs) == 1 else f"frames-{name}", partial(frames, x, sample))
            made.append(animation(x, made[-1].with_suffix(".gif"), sample))
    if most(one) is None:
        progress(len(made), 9, "activations")
        said = f"class {labels[sample]}"
        made.append(write(one, target / "activations.html", said=said, number=sample))
    return made


def _last_layers(network: Network, inputs: dict[str, Array]) -> Trace:
    """What confusion and embedding look at, of all samples."""
    names = {*last_hidden(network), *network.outputs}
    if network.decision is not None:
        names.add(network.decision.population)
    return execute(network, inputs, ENGINE, ("spikes",), only=sorted(names))
