"""capture, inspect, lint: from a trained module to a network in a file, and what there is to know about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import findings_document, progress, report, say, show


def capture(
    source: Annotated[str, typer.Argument(help="file.py:function that returns the module, or the name of a model.")],
    sample: Annotated[
        Path,
        typer.Option(
            "--sample", help=".npy, (time, batch, *shape); for several inputs a .npz, one array by argument of forward."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .nir file to write.")],
    weights: Annotated[Path | None, typer.Option("--weights", help="A state_dict; plain tensors only.")] = None,
    dt: Annotated[float, typer.Option("--dt", help="Seconds per step.")] = 1e-3,
    decision: Annotated[
        str | None,
        typer.Option(
            "--decision", help="How classes are decided: spike-count, last-v or max-v; of several outputs: name:rule."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="binary, counts or real, or by input: x=binary,y=real; read from the sample."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            help="Where the loop over time is: outside forward, inside it, batch-first, or held: inside, with one "
            "frame for all steps; or by input: x=inside,y=held. Found out if it is not said.",
        ),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Capture a trained snnTorch or Norse module as a network, proven on a sample."""
    from snndeploy import models, verbs
    from snndeploy.errors import Finding
    from snndeploy.files import check_output, existing, inputs_of, load_arrays
    from snndeploy.network.table import render

    given = source.rpartition(":")[0] if ":" in source else source
    existing(sample, "sample file")
    check_output(output, (sample, weights, given))
    given_arrays = load_arrays(sample)
    if decision is not None:
        opt.choice("--decision", decision.rpartition(":")[2], ("spike-count", "last-v", "max-v"))
    kinds: Any = opt.by_name("--kind", kind, opt.KINDS)
    places: Any = opt.by_name("--time", time, ("outside", "inside", "batch-first", "held"))
    module = models.build(source, weights)
    with progress("capture and prove", json) as update, inputs_of(sample):
        net = verbs.capture(module, given_arrays, dt, decision, kinds, places)
        update(1, 1)
    verbs.write(net, output)
    first = next(iter(given_arrays.values())) if isinstance(given_arrays, dict) else given_arrays
    steps, batch = first.shape[:2]
    said = net.provenance["proof"]
    silent = [name for name in net.provenance["silent"].split(", ") if name]
    proof = {"steps": steps, "samples": batch, "verdict": said, "silent": silent}
    show({"output": str(output), "network": describe(net), "proof": proof}, json, render(net))
    fix = "capture with a sample in which it spikes: real input, or more of it"
    what = "it never spikes in the sample, which so proves little about it"
    if not json:
        report([Finding("SD317", f"population {name!r}", what, fix, "warning") for name in silent])
    say(f"{output}: module and network agree, {said}", json)


@opt.reads
def inspect(model: opt.Model, reading: opt.Reading = opt.UNSAID, json: opt.Json = False) -> None:
    """Print the network in a file as a table, and everything that was repaired in the file."""
    from snndeploy.network.table import render

    net = reading.of(model)
    repairs = repairs_of(net)
    text = "\n".join([render(net), *(f"repaired: {line}" for line in repairs)])
    show({"model": str(model), "network": describe(net), "repairs": repairs}, json, text)


@opt.reads
def lint(
    model: opt.Model,
    target: Annotated[str | None, typer.Option("--target", help="loihi1, loihi2 or a .toml file.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help=".npy or .npz, (time, batch, *shape); also the array labels.")
    ] = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """List what keeps a network from a target, and what is worth knowing; exit code 1 if there are errors."""
    from snndeploy import verbs
    from snndeploy.files import inputs_of, load_arrays

    samples = None if data is None else load_arrays(data, "data file")
    net = reading.of(model)
    with inputs_of(data):
        found = verbs.lint(net, target, samples)
    bad = [each for each in found if each.severity == "error"]
    on = f" on {target}" if target else ""
    whole = f"{len(found)} finding{'s' if len(found) != 1 else ''} in all"
    text = f"{model}{on}: {f'{len(bad)} errors' if bad else 'nothing in the way'}, {whole}"
    show({"model": str(model), "target": target, "ok": not bad, "findings": findings_document(found)}, json, text)
    if not json:
        report(found)
    if bad:
        raise typer.Exit(1)


def repairs_of(network: Any) -> list[str]:
    """What was put right when the network was first read, a line each."""
    return [line for line in network.provenance.get("repairs", "").split("\n") if line]


def describe(network: Any) -> dict[str, Any]:
    """A network as plain numbers and strings, as the table shows it."""
    from snndeploy.network.table import rows

    decision = network.decision
    return {
        "form": network.form,
        "dt": network.dt,
        "decision": None if decision is None else {"rule": decision.rule, "population": decision.population},
        "outputs": list(network.outputs),
        "parts": [dict(zip(("kind", "name", "shape", "what"), row, strict=True)) for row in rows(network)],
        "provenance": dict(network.provenance),
    }


COMMANDS = (capture, inspect, lint)
