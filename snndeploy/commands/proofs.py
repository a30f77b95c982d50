"""certify, budget: whether an integer network can leave its registers, and what its parts cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.labels import labelled
from snndeploy.commands.output import progress, say, show
from snndeploy.errors import error

AnyTarget = Annotated[
    str | None, typer.Option("--target", help="loihi1, loihi2 or a .toml file; else the one it was quantised for.")
]


@opt.reads
def certify(
    model: opt.Model,
    target: AnyTarget = None,
    data: Annotated[
        Path | None, typer.Option("--data", help=".npy or .npz, (time, batch, *shape): input to run and watch.")
    ] = None,
    largest: Annotated[
        list[str] | None, typer.Option("--largest", help="Most events per step of an input that counts, name=number.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Longest sample; any length if not given.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Membranes that may saturate count too.")] = False,
    search: Annotated[bool, typer.Option("--search/--no-search", help="Look for inputs that do it.")] = True,
    witness: Annotated[
        Path | None, typer.Option("--witness", help="The .npz to write: an input that leaves a register, for run.")
    ] = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Prove that no input makes a register overflow; exit code 1 if that is not proven."""
    from snndeploy import verbs
    from snndeploy.files import check_output, existing, inputs_of, load_arrays

    existing(model, "NIR file")
    if witness is not None:
        check_output(witness, (model, data, target))
    samples = None if data is None else load_arrays(data, "data file")
    net = reading.of(model)
    with progress("certify", json) as update, inputs_of(data):
        found = verbs.certify(
            net, target, samples, largest=numbers(largest or ()), steps=steps, strict=strict, search=search
        )
        update(1, 1)
    show({"model": str(model), **found.as_dict()}, json, str(found))
    if witness is not None and found.witnesses:
        _write(witness, found.witnesses[0].inputs)
        say(f"{witness}: the input of the first witness", json)
    if not found.proven:
        raise typer.Exit(1)


def numbers(pairs: Iterable[str]) -> dict[str, int]:
    """["in=15"] -> {"in": 15}.

    Raises:
        SnnDeployError SD800: one is not of this form.
    """
    found = {}
    for pair in pairs:
        name, _, text = pair.rpartition("=")
        if not name or not text.isdecimal():
            raise error("SD800", f"--largest {pair}", "it is not of the form name=number", "--largest in=15")
        found[name] = int(text)
    return found


def _write(path: Path, inputs: object) -> None:
    import numpy as np

    from snndeploy.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **dict(inputs))  # type: ignore[call-overload]


@opt.reads
def budget(
    model: opt.Model,
    integers: Annotated[Path, typer.Argument(help="What quantize made of it, a .nir file.", show_default=False)],
    data: Annotated[Path, typer.Option("--data", help=".npy or .npz, (time, batch, *shape); a .npz may hold labels.")],
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, the class of each sample.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="The .png to write.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="reference, torch, lava or onnx.")] = "reference",
    continuous: Annotated[
        bool, typer.Option("--continuous", help="The network stands for continuous time: what do its steps cost?")
    ] = False,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Attribute what quantising costs to decays, weights, thresholds and truncation, each alone and each left out."""
    from snndeploy import verbs
    from snndeploy.engines import base
    from snndeploy.files import check_output, existing, inputs_of

    existing(model, "NIR file")
    existing(integers, "NIR file")
    if plot is not None:
        check_output(plot, (model, integers, data, labels))
    base.load(engine)
    net, made = reading.of(model), reading.of(integers)
    samples, classes = labelled(data, labels, "data file", net.input)
    with progress("budget", json) as update, inputs_of(data):
        found = verbs.budget(net, made, samples, classes, engine, continuous)
        update(1, 1)
    if plot is not None:
        found.plot(plot)
    show({"model": str(model), "integers": str(integers), **found.as_dict()}, json, str(found))
    if plot is not None:
        say(f"{plot}: the budget as bars", json)


COMMANDS = (certify, budget)
