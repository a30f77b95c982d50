"""verify, diagnose, identify, why: engines against each other, and what made them do so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import bundles
from snndeploy.commands import options as opt
from snndeploy.commands.labels import labelled
from snndeploy.commands.output import progress, say, show
from snndeploy.errors import error
from snndeploy.models import network_file


@opt.reads
def verify(
    model: Annotated[
        Path,
        typer.Argument(
            parser=network_file,
            help="A .nir file, trained:NAME, or the .zip of a bundle.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", "--input", help=".npy or .npz, (time, batch, *shape); may hold labels.")
    ] = None,
    engines: Annotated[str, typer.Option("--engines", help="all, or names separated by commas.")] = "all",
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, the class of each sample.")] = None,
    require: Annotated[str, typer.Option("--require", help="The tier that every pair must reach.")] = "ties",
    recording: Annotated[
        list[str] | None,
        typer.Option(
            "--recording",
            help="What another simulator gave for the same input, name=file or name:population=file; may be repeated.",
        ),
    ] = None,
    jitter: Annotated[int, typer.Option("--jitter", help="Steps that the tier jitter allows.")] = 3,
    rate: Annotated[float, typer.Option("--rate", help="Share of spikes that the tier rate allows.")] = 0.05,
    leaks: Annotated[bool, typer.Option("--leaks/--no-leaks", help="Run samples alone and in another order.")] = True,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .json to write.")] = None,
    events: Annotated[
        bool, typer.Option("--events", help="The input is what the network's encodings make, not what they take.")
    ] = False,
    sha256: Annotated[str, typer.Option("--sha256", help="Of a bundle, as its sender said it.")] = "",
    nir: Annotated[bool, typer.Option("--nir", help="Also read the .nir file of a bundle.")] = False,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Run a network on every engine and compare each with each; exit code 1 if a pair misses the required tier.

    A bundle is held to its own golden run, by NumPy alone; its options are --sha256, --nir, --output and --json.
    """
    if model.suffix == ".zip":
        proven = bundles.check(model, sha256, nir, data, output, json)
        if output is not None:
            _write(output, proven)
        return
    if sha256 or nir:
        raise error("SD800", "--sha256 and --nir", f"{model} is no bundle", "leave it out")
    if data is None:
        raise error("SD800", "verify", f"nothing says what {model} is run on", "--data x.npy")
    from snndeploy import verbs
    from snndeploy.conform.tiers import Tolerances
    from snndeploy.conform.tiers.definition import tier_named
    from snndeploy.files import check_output, existing, inputs_of

    existing(model, "NIR file")
    required = tier_named(require, "--require")
    if output is not None:
        check_output(output, (model, data, labels))
    others = recordings(recording or ())
    net = reading.of(model)
    samples, classes = labelled(data, labels, inputs=net.input)
    net = net.with_(encodings=()) if events else net
    with progress("verify", json) as update, inputs_of(data):
        found = verbs.verify(
            net,
            samples,
            "all" if engines == "all" else opt.words(engines),
            classes,
            required,
            recordings=others,
            leaks=leaks,
            tolerances=Tolerances(jitter=jitter, rate=rate),
            progress=update,
        )
    document = {"model": str(model), "data": str(data), **found.as_dict()}
    if output is not None:
        _write(output, document)
    show(document, json, str(found))
    if output is not None:
        say(f"{output}: the verification", json)
    if not found.agrees:
        raise typer.Exit(1)


def recordings(pairs: Iterable[str]) -> dict[str, tuple[Path, str | None]]:
    """["nest=a.npz", "brian:lif1=b.npy"] -> {"nest": (a.npz, None), "brian": (b.npy, "lif1")}.

    Raises:
        SnnDeployError SD800: one is not of this form.
    """
    found: dict[str, tuple[Path, str | None]] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        who, _, population = name.partition(":")
        if not equals or not who or not path or who in found:
            raise error("SD800", f"--recording {pair}", "it is not name=file, once each", "--recording nest=nest.npz")
        found[who] = (Path(path), population or None)
    return found


def _write(path: Path, document: dict[str, Any]) -> None:
    from json import dumps

    from snndeploy.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")


def diagnose(
    a: Annotated[Path, typer.Argument(help="A .npz trace.", show_default=False)],
    b: Annotated[Path, typer.Argument(help="A .npz trace of the same input.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .json to write.")] = None,
    json: opt.Json = False,
) -> None:
    """Say why two traces differ: the guilty layer and the cause; exit code 1 if there is a fault."""
    from snndeploy import verbs
    from snndeploy.files import check_output, existing

    for each in (a, b):
        existing(each, "trace")
    if output is not None:
        check_output(output, (a, b))
    with progress("diagnose", json) as update:
        found = verbs.diagnose(a, b)
        update(1, 1)
    document = {"a": str(a), "b": str(b), **found.as_dict()}
    if output is not None:
        _write(output, document)
    show(document, json, str(found))
    if output is not None:
        say(f"{output}: the diagnosis", json)
    if found.guilty is not None:
        raise typer.Exit(1)


def identify(
    model: opt.Model,
    data: Annotated[
        Path, typer.Option("--data", "--input", help=".npy or .npz, (time, batch, *shape): what was fed in.")
    ],
    spikes: Annotated[
        Path, typer.Option("--spikes", help=".npy or .csv: what the simulator recorded, a row per step.")
    ],
    v: Annotated[Path | None, typer.Option("--v", help=".npy or .csv: recorded membranes, in any unit.")] = None,
    population: Annotated[str | None, typer.Option("--population", help="Of which population.")] = None,
    dt: opt.Dt = None,
    json: opt.Json = False,
) -> None:
    """Find the reading of a network that another simulator computed; exit code 1 if none gives every spike."""
    from snndeploy import verbs
    from snndeploy.conform.reread import rows_of
    from snndeploy.files import existing

    existing(model, "NIR file")
    recorded = rows_of(spikes)
    membranes = None if v is None else rows_of(v)
    with progress("identify", json) as update:
        found = verbs.identify(model, rows_of(data), recorded, membranes, population, None, dt)
        update(1, 1)
    show({"model": str(model), **found.as_dict()}, json, str(found))
    if not found.found:
        raise typer.Exit(1)


def why(
    trace: Annotated[Path, typer.Argument(help="A .npz trace, or a .nir file with --data.", show_default=False)],
    neuron: Annotated[str, typer.Argument(help="hidden[3], conv[0,4,2].", show_default=False)],
    step: Annotated[int, typer.Argument(help="Its step.", show_default=False)],
    sample: Annotated[int, typer.Option("--sample", help="Its sample.")] = 0,
    depth: Annotated[int, typer.Option("--depth", help="How often to ask the same of the largest sources.")] = 0,
    data: Annotated[Path | None, typer.Option("--data", "--input", help="What to run a .nir file on.")] = None,
    json: opt.Json = False,
) -> None:
    """Say why a neuron spiked or did not: every contribution to its membrane."""
    from snndeploy import verbs
    from snndeploy.files import existing, load_arrays

    existing(trace, "trace")
    given: Any = verbs.read(trace) if data is not None else trace
    with progress("why", json) as update:
        found = verbs.why(given, neuron, step, None if data is None else load_arrays(data), sample, depth)
        update(1, 1)
    show({"trace": str(trace), **found.as_dict()}, json, str(found))


COMMANDS = (verify, diagnose, identify, why)
