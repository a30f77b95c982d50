"""card, models: a trained run, the whole way to a chip; and the models and trained networks that are shipped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import command_line, progress, say, show


def card(
    run: Annotated[Path, typer.Argument(help="The folder of a run that `train` made.", show_default=False)],
    target: Annotated[str, typer.Option("--target", help="loihi1, loihi2 or a .toml file.")] = "loihi1",
    data: Annotated[
        Path | None, typer.Option("--data", help="In place of the folder that the run was trained on.")
    ] = None,
    method: Annotated[
        str,
        typer.Option("--method", help="cheapest: that keeps 99 % on samples held back; auto; or names joined by +."),
    ] = "cheapest",
    encoding: opt.Encoding = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Of the test split; all of them otherwise.")] = None,
    lava: Annotated[int, typer.Option("--lava", help="Samples that Lava runs too; 0: none.")] = 2,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the files; that of the run otherwise.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the files; that of the model file otherwise.")] = None,
    note: Annotated[list[str] | None, typer.Option("--note", help="A line that the card holds; repeated.")] = None,
    nir: Annotated[bool, typer.Option("--nir/--no-nir", help="Whether the float network is written too.")] = True,
    integers: Annotated[bool, typer.Option("--integers", help="Write the integers too, as NAME.TARGET.nir.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write the HTML report too.")] = False,
    json: opt.Json = False,
) -> None:
    """Take a run the whole way: quantise, place, run on every engine, Lava too; write a card of all that was measured.

    Exit code 1 if Lava gives other bits, or another engine disagrees; the card says so.
    """
    from snndeploy import verbs

    with progress("card", json) as update:
        shown = update if json or sys.stderr.isatty() else _lines()
        found = verbs.card(
            run,
            target,
            data=data,
            method=method,
            encoding=opt.encodings(encoding),
            samples=samples,
            lava=lava,
            out=out,
            name=name,
            notes=note or (),
            nir=nir,
            integers=integers,
            report=report,
            command=command_line(),
            progress=shown,
        )
    show(found.as_dict(), json, str(found))
    for each in found.files:
        say(f"{each}: written", json)
    if not found.agrees:
        raise typer.Exit(1)


def _lines() -> Callable[..., None]:
    """A line on stderr for each stage, where no bar can be drawn."""
    said = [""]

    def tell(*at: Any) -> None:
        total, text = (*at, None)[1:3]
        begins = not total or str(text).startswith("quantise: ")
        if begins and text != said[0]:
            said[0] = text
            say(f"card: {text}", False)

    return tell


def models(json: opt.Json = False) -> None:
    """List the models that are shipped, their data, and what their trained networks do."""
    from snndeploy.report.models_table import shipped, terminal

    found = shipped()
    show({"models": found}, json, terminal(found))


COMMANDS = (card, models)
