"""plot: pictures of traces, networks, recordings and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import say, show
from snndeploy.errors import error

WHAT = (
    "raster, membranes, confusion, embedding (a trace), weights (a .nir file), frames (samples, events), curves (runs) "
    "or activations (a trace with spikes and v, or a .nir file and --data)"
)


def plot(
    kind: Annotated[str, typer.Argument(help=WHAT)],
    files: Annotated[
        list[Path], typer.Argument(help="A trace, .nir file, file of samples or events; folders of runs.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The .png, .svg or .pdf to write; frames: .gif too; activations: .html."),
    ],
    data: Annotated[Path | None, typer.Option("--data", help="Samples for activations of a .nir file.")] = None,
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, classes of the samples.")] = None,
    sample: Annotated[int, typer.Option("--sample", help="Which sample of the trace or file.")] = 0,
    population: Annotated[
        list[str] | None, typer.Option("--population", help="Which; may be repeated. All of them otherwise.")
    ] = None,
    projection: Annotated[str | None, typer.Option("--projection", help="Of weights: 'source -> target'.")] = None,
    neurons: Annotated[int, typer.Option("--neurons", help="Of membranes: how many of each population.")] = 4,
    steps: Annotated[int, typer.Option("--steps", help="Of frames: how many; of events: into how many they go.")] = 24,
    json: opt.Json = False,
) -> None:
    """Draw rasters, membranes, weights, frames, a confusion matrix, training curves or a t-SNE into a file."""
    from snndeploy.report import pictures
    from snndeploy.report.pictures.canvas import save

    kinds = (*pictures.KINDS, PAGE)
    if kind not in kinds:
        raise error("SD800", f"plot {kind}", "there is no such picture", f"choose from {', '.join(kinds)}")
    if kind != "curves" and len(files) != 1:
        raise error("SD800", f"plot {kind}", f"{len(files)} files are given", "name one")
    for option, value in (("--neurons", neurons), ("--steps", steps)):
        if value < 1:
            raise error("SD800", f"{option} {value}", "there would be nothing to see", f"{option} 4")
    if kind == "frames" and output.suffix.lower() == ".gif":
        pictures.animation(_samples(files[0], steps), output, sample)
    elif kind == PAGE:
        _page(files[0], data, labels, sample, population, output)
    else:
        how = {"labels": labels, "sample": sample, "population": population, "projection": projection}
        save(_figure(kind, files, {**how, "neurons": neurons, "steps": steps}), output)
    if json:
        show({"kind": kind, "output": str(output)}, json, "")
    say(f"{output}: {kind}", json)


PAGE = "activations"


def _page(
    file: Path, data: Path | None, labels: Path | None, sample: int, names: list[str] | None, output: Path
) -> None:
    """One sample of a trace, or of a network that is run on it."""
    from snndeploy import verbs
    from snndeploy.commands.labels import labelled
    from snndeploy.engines import trace_file
    from snndeploy.files import check_output, load_arrays
    from snndeploy.models import network_file
    from snndeploy.report.html.activations import write
    from snndeploy.report.pictures.classes import checked

    if output.suffix.lower() != ".html":
        raise error("SD800", f"plot {PAGE}", f"{output.name} is no page", "-o activations.html")
    file = network_file(file)
    check_output(output, (file, data, labels))
    if file.suffix.lower() == ".nir":
        if data is None:
            raise error("SD800", f"plot {PAGE}", "a network shows nothing without samples", "--data x.npy")
        network = verbs.read(file)
        held, classes = labelled(data, labels, inputs=network.input)
        parts = held if isinstance(held, dict) else {"": held}
        for x in parts.values():
            if x.ndim < 2:
                raise error("SD103", str(data), f"its shape is {x.shape}", "(time, sample, *shape)")
        count = min(x.shape[1] for x in parts.values())
        if not 0 <= sample < count:
            raise error("SD102", f"sample {sample}", f"there are {count}", f"0 to {count - 1}")
        one = {name: x[:, sample : sample + 1] for name, x in parts.items()}
        trace = verbs.run(network, one if isinstance(held, dict) else one[""], "torch", ("spikes", "v"))
        at = 0
    else:
        if data is not None:
            raise error("SD800", f"plot {PAGE}", f"{file} is a trace, which holds its samples", "leave out --data")
        trace, at = trace_file.read(file), sample
        classes, count = None if labels is None else load_arrays(labels, "label file"), trace.batch
    known = None if classes is None else checked(classes, count, "labels")
    said = f"class {known[sample]}" if known is not None and 0 <= sample < count else ""
    write(trace, output, at, names, said, sample)


def _figure(kind: str, files: list[Path], how: dict[str, Any]) -> Any:
    from snndeploy import verbs
    from snndeploy.engines import trace_file
    from snndeploy.report import pictures

    if kind == "curves":
        return pictures.curves(files)
    if kind == "weights":
        return pictures.weights(verbs.read(files[0]), how["projection"])
    if kind == "frames":
        return pictures.frames(_samples(files[0], how["steps"]), how["sample"], how["steps"])
    trace = trace_file.read(files[0])
    if kind == "raster":
        return pictures.raster(trace, how["sample"], how["population"])
    if kind == "membranes":
        return pictures.membranes(trace, how["sample"], how["population"], how["neurons"])
    if how["labels"] is None:
        raise error("SD800", f"plot {kind}", "it needs the classes of the samples", "--labels y.npy")
    from snndeploy.files import load_arrays

    classes = load_arrays(how["labels"], "label file")
    if kind == "confusion":
        return pictures.confusion(trace.decisions(), classes)
    return pictures.embedding(trace, classes, (how["population"] or [None])[0])


def _samples(path: Path, steps: int) -> Any:
    """Samples of a .npy or .npz file, or one recording of events as counts in `steps` steps."""
    from snndeploy.files import existing, load_arrays
    from snndeploy.train.datasets.event_files import READERS, read_events
    from snndeploy.train.datasets.frames import counts

    existing(path, "file of samples")
    if path.suffix.lower() in (".npy", ".npz"):
        held = load_arrays(path, "file of samples")
        if not isinstance(held, dict):
            return held
        if not {"t", "times", "ts"} & set(held):
            shown = [name for name in held if name != "labels"]
            if len(shown) != 1:
                what = f"it holds several arrays: {', '.join(shown)}"
                raise error("SD800", str(path), what, f"np.save('{shown[0]}.npy', {shown[0]})")
            return held[shown[0]]
    if path.suffix.lower() not in READERS:
        raise error("SD807", str(path), "it holds neither samples nor events", f".npy, {', '.join(READERS)}")
    return counts([read_events(path)], steps)


COMMANDS = (plot,)
