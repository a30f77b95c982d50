"""methods: ways to quantise side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.labels import labelled
from snndeploy.commands.output import progress, show


@opt.reads
def methods(
    model: opt.Model,
    target: opt.Target,
    calibration: Annotated[Path, typer.Option("--calibration", help="Input from which the methods choose.")],
    test: Annotated[
        Path | None, typer.Option("--test", help="Input that they are scored on, may hold labels; the calibration.")
    ] = None,
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, classes of the scored samples.")] = None,
    names: Annotated[
        str | None, typer.Option("--methods", help="Names by comma, each as for quantize --method; all of them alone.")
    ] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="For a file that has none: spike-count, last-v or max-v.")
    ] = None,
    encoding: opt.Encoding = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Compare methods of quantisation: what each keeps, and what it costs on the chip."""
    from snndeploy import targets, tuning, verbs
    from snndeploy.encoding import events
    from snndeploy.files import existing, inputs_of
    from snndeploy.frontends.said import decision_of
    from snndeploy.quantize import METHODS

    existing(model, "NIR file")
    chip, net = targets.load(target), reading.of(model)
    if decision is not None:
        net = net.with_(decision=decision_of(decision, net.outputs))
    samples, classes = labelled(calibration, labels if test is None else None, "calibration file", net.input)
    scored = samples
    if test is not None:
        scored, classes = labelled(test, labels, "test file", net.input)
    chosen = tuple(METHODS) if names is None else opt.words(names)
    asked = opt.encodings(encoding)
    with progress("methods", json) as update, inputs_of(test or calibration):
        if asked is not None:
            net = verbs.encode(net, chip, samples, asked)
        if net.encodings:
            same = scored is samples
            samples = events(net, samples)
            scored = samples if same else events(net, scored)
        rows = tuning.compare_methods(net, chip, samples, chosen, scored, classes, update)
    document = {"model": str(model), "target": chip.name, "scores": [each.as_dict() for each in rows]}
    show(document, json, tuning.table(rows))


COMMANDS = (methods,)
