"""finetune: from a rounded network to one that was trained on the chip's own arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.labels import taught
from snndeploy.commands.output import progress, say, show

Epochs = Annotated[int, typer.Option("--epochs", help="How often all samples are shown.")]
Lr = Annotated[float, typer.Option("--lr", help="Steps of the mantissas' grid per update, at most.")]


@opt.reads
def finetune(
    model: opt.Model,
    target: opt.Target,
    data: Annotated[Path, typer.Option("--data", help=".npy or .npz, (time, sample, *shape); may hold labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .nir file to write.")],
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, whole numbers (sample,).")] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Samples that only the report looks at.")] = None,
    test_labels: Annotated[Path | None, typer.Option("--test-labels", help="Their labels.")] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="For a file that has none: spike-count, last-v or max-v.")
    ] = None,
    train_reset: Annotated[
        str | None, typer.Option("--train-reset", help="to-zero: train with this reset instead of the network's own.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--start", help="The integers to start from, as quantize wrote them with a method.")
    ] = None,
    epochs: Epochs = 30,
    batch: Annotated[int, typer.Option("--batch", help="Samples per update.")] = 32,
    lr: Lr = 0.03,
    imitate: Annotated[
        float, typer.Option("--imitate", help="0..1: how much the float network's spikes count against the labels.")
    ] = 0.5,
    learn: Annotated[str, typer.Option("--learn", help="Of weight, bias, threshold.")] = "weight,bias",
    surrogate: Annotated[
        str, typer.Option("--surrogate", help="Stands for the derivative of a spike.")
    ] = "fast_sigmoid",
    slope: Annotated[float, typer.Option("--slope", help="Of the surrogate, per threshold.")] = 10.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the order of the samples.")] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    encoding: opt.Encoding = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Train on the integers of a target, with its own arithmetic in the forward pass."""
    from snndeploy import targets, verbs
    from snndeploy.files import check_output, existing, inputs_of
    from snndeploy.frontends.said import decision_of

    existing(model, "NIR file")
    given = [each for each in (model, data, labels, test, test_labels, start) if each is not None]
    check_output(output, (*given, target))
    chip = targets.load(target)
    samples = taught(data, labels)
    held = None if test is None else taught(test, test_labels)
    net = reading.of(model)
    if decision is not None:
        opt.choice("--decision", decision.rpartition(":")[2], ("spike-count", "last-v", "max-v"))
        net = net.with_(decision=decision_of(decision, net.outputs))
    begin = None if start is None else verbs.read(existing(start, "NIR file"))
    with progress("finetune", json) as update, inputs_of(data):
        done = verbs.finetune(
            net,
            chip,
            samples,
            test=held,
            reset=train_reset,
            start=begin,
            encoding=opt.encodings(encoding),
            epochs=epochs,
            batch=batch,
            lr=lr,
            imitate=imitate,
            learn=opt.words(learn),
            surrogate=surrogate,
            slope=slope,
            seed=seed,
            device=device,
            progress=update,
        )
    verbs.write(done.network, output)
    show({"output": str(output), "target": chip.name, **done.as_dict()}, json, str(done))
    say(f"{output}: integers of {chip.name}", json)


COMMANDS = (finetune,)
