"""search: hyperparameters of a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.arguments import arguments_of, typed
from snndeploy.commands.output import progress, say, show
from snndeploy.commands.train import SETTINGS, resumable
from snndeploy.errors import Finding, raise_errors

if TYPE_CHECKING:
    from snndeploy.searching import Range


def search(
    model: Annotated[str, typer.Argument(help="file.py, file.py:function, or the name of a model.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the search; it goes on where it stopped.")],
    ranges: Annotated[
        list[str],
        typer.Option("--range", help="Setting or argument: lr=1e-4:1e-2:log, batch=32,64, beta=0.5:0.99; repeated."),
    ],
    data: Annotated[Path | None, typer.Option("--data", help="A folder for data() of the model file.")] = None,
    trials: Annotated[int, typer.Option("--trials", help="Trials in all.")] = 20,
    validation: Annotated[float, typer.Option("--validation", help="Share of the samples held back.")] = 0.2,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="What all trials have: a setting of train or an argument, name=value; repeated."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of proposals, weights and order.")] = 0,
    json: opt.Json = False,
) -> None:
    """Search settings and arguments of a model, by accuracy on samples held back; the test samples are not used."""
    from snndeploy import verbs

    wanted = [range_of(text) for text in ranges]
    said = {pair.partition("=")[0]: pair for pair in settings or ()}
    how = {name: typed(pair.partition("=")[2], SETTINGS[name][0]()) for name, pair in said.items() if name in SETTINGS}
    own = arguments_of(model, [pair for name, pair in said.items() if name not in SETTINGS])
    with progress("search", json) as update, resumable(out, json):
        done = verbs.search(
            model,
            wanted,
            out,
            data,
            trials=trials,
            validation=validation,
            seed=seed,
            arguments=own,
            progress=update,
            **how,
        )
    show(done.as_dict(), json, str(done))
    say(f"{out}: study.db", json)


def range_of(text: str) -> Range:
    """ "lr=1e-4:1e-2:log", "hidden=64:256" or "batch=32,64,128". Raises SD800."""
    from snndeploy.searching import Range

    name, equals, rest = text.partition("=")
    parts = rest.split(":")
    if equals and name and len(parts) == 1 and "," in rest:
        return Range(name, choices=tuple(typed(each, None) for each in rest.split(",")))
    numbers = [typed(each, None) for each in parts[:2]]
    fits = equals and name and len(parts) in (2, 3) and parts[2:] in ([], ["log"])
    if not fits or any(isinstance(each, str) for each in numbers):
        what = "it is neither name=low:high, name=low:high:log nor name=a,b,c"
        raise_errors([Finding("SD800", f"--range {text}", what, "--range lr=1e-4:1e-2:log")])
    low, high = numbers
    whole = isinstance(low, int) and isinstance(high, int)
    return Range(name, float(low), float(high), len(parts) == 3, whole)


COMMANDS = (search,)
