"""report: one HTML file about a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.bundles import first_samples
from snndeploy.commands.labels import labelled
from snndeploy.commands.output import progress, say, show
from snndeploy.errors import error
from snndeploy.models import network_file


@opt.reads
def report(
    models: Annotated[
        list[Path],
        typer.Argument(
            parser=network_file,
            help="A .nir file, or two: the float network, and its integers.",
            show_default=False,
        ),
    ],
    data: Annotated[Path, typer.Option("--data", "--input", help=".npy or .npz, (time, batch, *shape).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .html to write.")],
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, the class of each sample.")] = None,
    engines: Annotated[str, typer.Option("--engines", help="all, or names separated by commas.")] = "all",
    target: Annotated[
        str | None, typer.Option("--target", help="Place the integers, for the map of cores: loihi1, loihi2, a .toml.")
    ] = None,
    budget: Annotated[bool, typer.Option("--budget/--no-budget", help="What the parts of quantising cost.")] = True,
    shown: Annotated[int, typer.Option("--show", help="Samples whose spikes are on the page.", min=1)] = 4,
    samples: Annotated[int | None, typer.Option("--samples", help="Only the first so many samples.", min=1)] = None,
    title: Annotated[str, typer.Option("--title", help="Of the page; the names of the files if not given.")] = "",
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Write one HTML file about a network on every engine; exit code 1 if the engines disagree."""
    from snndeploy import verbs
    from snndeploy.files import check_output, existing, inputs_of

    if len(models) > 2:
        raise error("SD800", "report", f"{len(models)} networks are named", "name one, or a float one and its integers")
    for model in models:
        existing(model, "NIR file")
    check_output(output, (*models, data, labels, target))
    networks = [reading.of(model) for model in models]
    given, classes = labelled(data, labels, "data file", networks[0].input)
    if samples is not None:
        given, classes = first_samples(given, samples), None if classes is None else classes[:samples]
    with progress("report", json) as update, inputs_of(data):
        found = verbs.report(
            networks[0],
            given,
            output,
            integers=networks[1] if len(networks) > 1 else None,
            labels=classes,
            engines="all" if engines == "all" else opt.words(engines),
            target=target,
            budget=budget,
            samples=shown,
            title=title or " and ".join(model.name for model in models),
            progress=update,
        )
    forms = {each.form: each.as_dict() for each in found.verifications}
    document = {"output": str(output), "agrees": found.agrees, "forms": forms, "hashes": dict(found.hashes)}
    show(document, json, "\n\n".join(map(str, found.verifications)))
    say(f"{output}: the report; open it in a browser", json)
    if not found.agrees:
        raise typer.Exit(1)


COMMANDS = (report,)
