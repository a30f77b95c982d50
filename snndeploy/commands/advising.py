"""advise, and what place says where something does not fit: changes that were tried, cheapest first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import findings_document, progress, report, say, show
from snndeploy.errors import SnnDeployError, error

if TYPE_CHECKING:
    from snndeploy.network import Network
    from snndeploy.targets import Target

Samples = Annotated[
    Path | None, typer.Option("--data", help=".npy or .npz, (time, batch, *shape): every change is run on it.")
]
Seconds = Annotated[float, typer.Option("--seconds", help="No change is begun after so many.", min=0.0)]
Calibration = Annotated[
    Path | None, typer.Option("--calibration", help="Of a float model: what it is quantised with; else --data.")
]
# about the files, the arguments, the form or the rates: no change of the network helps
NOT_ABOUT_FIT = ("SD201", "SD202", "SD204", "SD209", "SD210", "SD244", "SD250", "SD251")


@opt.reads
def advise(
    model: opt.Model,
    target: opt.Target,
    data: Samples = None,
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, the class of each sample.")] = None,
    calibration: Calibration = None,
    seconds: Seconds = 60.0,
    take: Annotated[int | None, typer.Option("--take", help="Number of the change to write, from 1 on.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .nir file for --take.")] = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Try what makes a network fit a target, or need fewer cores; exit code 1 if nothing does."""
    from snndeploy import targets, verbs
    from snndeploy.files import check_output, existing, load_arrays

    existing(model, "NIR file")
    if (take is None) != (output is None):
        raise error("SD800", "--take", "it goes with --output", "--take 1 -o changed.nir, or neither")
    if output is not None:
        check_output(output, (model, data, labels, calibration))
    chip = targets.load(target)
    net = reading.of(model)
    known = None if labels is None else load_arrays(labels, "labels file")
    with progress("advise", json) as update:
        found = verbs.advise(
            net,
            chip,
            _arrays(data, "data file"),
            known,
            calibration=_arrays(calibration, "calibration file"),
            seconds=seconds,
            progress=update,
        )
    if take is not None and output is not None:
        helped = [each for each in found.tried if each.network is not None and each.plan is not None]
        if not 1 <= take <= len(helped):
            raise error("SD800", f"--take {take}", f"{len(helped)} changes make it fit", "choose one of the numbers")
        network = helped[take - 1].network
        assert network is not None
        verbs.write(network, output)
    report(found.findings)
    show({"model": str(model), **found.as_dict()}, json, str(found))
    if output is not None:
        say(f"{output}: {helped[take - 1].title}", json)  # type: ignore[operator]
    if found.as_is.plan is None and found.best is None:
        raise typer.Exit(1)


def can_help(problem: SnnDeployError) -> bool:
    """Whether another network or another chip may be the answer."""
    return all(f.code.startswith("SD2") and f.code not in NOT_ABOUT_FIT for f in problem.findings)


def answer(
    net: Network,
    model: Path,
    chip: Target,
    problem: SnnDeployError,
    data: Path | None,
    calibration: Path | None,
    seconds: float,
    as_json: bool,
) -> None:
    """What does not fit, on stderr; what was tried, on stdout."""
    from snndeploy import verbs

    if not as_json:
        report(problem.findings)
    samples, typical = _arrays(data, "data file"), _arrays(calibration, "calibration file")
    with progress("advise", as_json) as update:
        found = verbs.advise(net, chip, samples, calibration=typical, seconds=seconds, progress=update)
    document = {"error": findings_document(problem.findings), "model": str(model), "advice": found.as_dict()}
    show(document, as_json, str(found))
    if found.best is not None:
        line = f"snndeploy advise {model} --target {chip.name}"
        say(f"to write it: {line} --take 1 -o changed.nir (with the options of this call)", as_json)


def integers(
    net: Network, model: Path, chip: Target, output: Path | None, calibration: Path | None, as_json: bool
) -> Network:
    """A float network rounded to a target, and written.

    Raises:
        SnnDeployError SD209: nobody said that it should be, or into which file.
    """
    from snndeploy import verbs

    if output is None:
        fix = f"snndeploy place {model} --target {chip.name} --quantize q.nir --calibration x.npy: rounds it into q.nir"
        raise error("SD209", str(model), "it is in the float form, and cores hold integers", f"{fix} and places that")
    made = verbs.quantize(net, chip, _arrays(calibration, "calibration file"))
    verbs.write(made, output)
    say(f"{output}: integers of {chip.name}", as_json)
    return made


def _arrays(path: Path | None, what: str) -> Any:
    from snndeploy.files import load_arrays

    return None if path is None else load_arrays(path, what)


COMMANDS = (advise,)
