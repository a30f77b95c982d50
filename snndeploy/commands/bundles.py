"""bundle: an archive that proves itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.labels import labelled
from snndeploy.commands.output import progress, say, show
from snndeploy.errors import error


@opt.reads
def bundle(
    model: opt.Model,
    data: Annotated[Path, typer.Option("--data", help=".npy or .npz, (time, batch, *shape): the golden input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .zip to write.")],
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, the class of each sample.")] = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Only the first so many samples.", min=1)] = None,
    engines: Annotated[
        str, typer.Option("--engines", help="Who must give the golden run, before it is written.")
    ] = "reference",
    target: Annotated[
        str | None, typer.Option("--target", help="Place it, and add the placement: loihi1, loihi2 or a .toml file.")
    ] = None,
    states: Annotated[bool, typer.Option("--states/--no-states", help="With u and v of every neuron.")] = True,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Write integers, golden input and spikes, and their verifier as one archive; exit code 1 if engines disagree."""
    from snndeploy import verbs
    from snndeploy.bundle.verifier.main import said
    from snndeploy.engines import base
    from snndeploy.files import check_output, existing, inputs_of

    existing(model, "NIR file")
    check_output(output, (model, data, labels, target))
    names = opt.words(engines)
    for name in names:
        base.load(name)
    net = reading.of(model)
    given, classes = labelled(data, labels, "data file", net.input)
    if samples is not None:
        given, classes = first_samples(given, samples), None if classes is None else classes[:samples]
    with progress("bundle", json) as update, inputs_of(data):
        placement = None if target is None else verbs.place(net, target)
        found = verbs.bundle(net, given, output, labels=classes, placement=placement, engines=names, states=states)
        update(1, 1)
    show(found, json, said(found))
    say(f"{output}: check it with `snndeploy verify {output}`, or `python {output}` where only NumPy is", json)


def check(path: Path, sha256: str, nir: bool, data: Path | None, output: Path | None, json: bool) -> dict[str, Any]:
    """`verify` of a bundle. Raises as `bundle.verify`, and SD800 where input is given for it."""
    from snndeploy.bundle.checking import verify
    from snndeploy.bundle.verifier.main import said
    from snndeploy.files import check_output

    if data is not None:
        raise error("SD800", f"--data {data}", "a bundle brings its own input", "leave it out")
    if output is not None:
        check_output(output, (path,))
    with progress("verify", json) as update:
        found = verify(path, sha256, nir)
        update(1, 1)
    show(found, json, said(found))
    return found


def first_samples(given: Any, samples: int) -> Any:
    """The first samples of an array, or of each of several."""
    return {n: a[:, :samples] for n, a in given.items()} if isinstance(given, dict) else given[:, :samples]


COMMANDS = (bundle,)
