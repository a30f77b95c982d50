"""convert: a file of one kind as a .nir file of another style, with everything that had to be repaired."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.models import describe, repairs_of
from snndeploy.commands.output import say, show


@opt.reads
def convert(
    model: opt.Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .nir file to write.")],
    style: Annotated[
        str, typer.Option("--style", help="standard, or decomposed: soft resets by NIR's primitives alone.")
    ] = "standard",
    for_: Annotated[
        str | None, typer.Option("--for", help="norse or snntorch: exact in that library's own importer.")
    ] = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Write a .nir or .net file as a .nir file in another style; lists what was repaired."""
    from snndeploy import verbs
    from snndeploy.files import check_output

    check_output(output, (model,))
    net = reading.of(model)
    notes = verbs.write(net, output, style, for_)
    repairs = repairs_of(net)
    lines = [*(f"repaired: {line}" for line in repairs), *(f"import it with {line}" for line in notes[:1]), *notes[1:]]
    document = {"output": str(output), "style": style, "for": for_, "repairs": repairs, "notes": list(notes)}
    show({**document, "network": describe(net)}, json, "\n".join(lines or ["nothing had to be repaired"]))
    say(f"{output}: written", json)


COMMANDS = (convert,)
