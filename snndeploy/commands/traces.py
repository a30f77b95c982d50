"""run, compare: traces of networks, and where two of them part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands import sharding
from snndeploy.commands.output import progress, say, show

# samples of which every decision is shown
SHOWN = 256
EngineOptions = Annotated[
    list[str] | None, typer.Option("--option", help="A setting of the engine, name=value; may be repeated.")
]


@opt.reads
def run(
    model: opt.Model,
    data: sharding.Data,
    engine: Annotated[str, typer.Option("--engine", help="reference, torch, lava or onnx.")] = "reference",
    record: Annotated[str, typer.Option("--record", help="Of spikes, u and v, separated by commas.")] = "spikes",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .npz trace to write, or .json.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Keep the engine's own time, latency included.")] = False,
    option: EngineOptions = None,
    labels: sharding.Labels = None,
    shard_size: sharding.ShardSize = None,
    workers: sharding.Workers = None,
    memory: sharding.Memory = None,
    fresh: sharding.Fresh = False,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Run a network on an engine."""
    from snndeploy import engines, shards
    from snndeploy.engines import base, trace_file
    from snndeploy.files import check_output, existing, inputs_of, load_arrays

    existing(model, "NIR file")
    samples, words = sharding.named(data), opt.words(record)
    settings = opt.settings(option or ())
    if output is not None:
        check_output(output, (model, labels, *sharding.files(samples)))
    base.load(engine)
    if sharding.needed(samples, output, (labels, shard_size, workers, memory, fresh)):
        net = reading.of(model)
        with progress(engine, json) as update:
            done = shards.evaluate(
                *(net, samples, labels, engine, words, output),
                raw=raw,
                shard_size=shard_size,
                workers=workers or 1,
                memory=memory,
                fresh=fresh,
                progress=sharding.paced(update),
                **settings,
            )
        summary = done.as_dict()
    else:
        assert isinstance(samples, Path)
        spikes = load_arrays(existing(samples, "input file"), "input file")
        net = reading.of(model)
        with progress(engine, json) as update, inputs_of(samples):
            trace = engines.run(net, spikes, engine, words, raw, update, **settings)
        if output is not None:
            trace_file.write(trace, output)
        summary = summarise(trace)
    show({"output": None if output is None else str(output), **summary}, json, lambda console: _print(console, summary))
    if output is not None:
        say(f"{output}: {', '.join(words)} of {summary['engine']}", json)


@opt.reads
def compare(
    files: Annotated[list[Path], typer.Argument(help="Two .npz traces, or one .nir file.", show_default=False)],
    samples: Annotated[
        Path | None, typer.Option("--input", help="Input for a .nir file, (time, batch, *shape).")
    ] = None,
    engine_names: Annotated[str, typer.Option("--engines", help="Engines; all are compared with the first.")] = (
        "reference,torch,lava"
    ),
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Compare two traces, or a network on several engines; exit code 1 if they differ by more than proven ties."""
    from snndeploy import verbs
    from snndeploy.engines import trace_file
    from snndeploy.errors import error

    if len(files) == 2:
        pairs = [verbs.compare(trace_file.read(files[0]), trace_file.read(files[1]))]
    elif len(files) == 1 and samples is not None:
        pairs = _across_engines(files[0], samples, opt.words(engine_names), reading, json)
    else:
        form = "compare a.npz b.npz, or compare model.nir --input x.npy"
        raise error("SD800", "compare", f"{len(files)} files and {'an' if samples else 'no'} --input", form)
    agrees = all(each.agrees for each in pairs)
    document = {"agrees": agrees, "comparisons": [each.as_dict() for each in pairs]}
    show(document, json, "\n\n".join(map(str, pairs)))
    if not agrees:
        raise typer.Exit(1)


def _across_engines(model: Path, samples: Path, names: tuple[str, ...], reading: opt.Reading, json: bool) -> list[Any]:
    from snndeploy import engines, verbs
    from snndeploy.engines import base
    from snndeploy.errors import error
    from snndeploy.files import inputs_of, load_arrays

    if len(names) < 2:
        raise error("SD800", "--engines", f"{len(names)} engines cannot be compared", "--engines reference,torch")
    for name in names:
        base.load(name)
    spikes = load_arrays(samples, "input file")
    net = reading.of(model)
    record = ("spikes", "u", "v") if net.form == "integer" else ("spikes", "v")
    traces = []
    for name in names:
        with progress(name, json) as update, inputs_of(samples):
            traces.append(engines.run(net, spikes, name, record, progress=update))
    return [verbs.compare(traces[0], other) for other in traces[1:]]


def summarise(trace: Any) -> dict[str, Any]:
    """Who ran what, spikes per population, and the decisions where the network decides."""
    summary: dict[str, Any] = {
        "engine": trace.engine,
        "arithmetic": trace.dtype,
        "steps": trace.steps,
        "samples": trace.batch,
        "latency": dict(trace.latency),
        "spikes": {name: int(array.sum()) for name, array in trace.spikes.items()},
        "notes": list(trace.notes),
    }
    rule = trace.network.decision
    if (
        rule is not None
        and not trace.raw
        and rule.population in (trace.spikes if rule.rule == "spike-count" else trace.v)
    ):
        summary["decisions"] = trace.decisions().tolist()
    return summary


def _print(console: Any, summary: dict[str, Any]) -> None:
    from rich.table import Table

    console.print(f"{summary['engine']}: {summary['samples']} samples of {summary['steps']} steps", markup=False)
    table = Table("population", "spikes", box=None)
    for name, count in summary["spikes"].items():
        table.add_row(name, f"{count:,}")
    console.print(table)
    if "accuracy" in summary:
        low, high = summary["interval"]
        right = f"{summary['right']:,} of {summary['samples']:,}"
        console.print(f"accuracy: {summary['accuracy']:.2%} ({right}; 95 %: {low:.1%} to {high:.1%})")
    elif "decisions" in summary and summary["samples"] <= SHOWN:
        console.print("decisions: " + " ".join(map(str, summary["decisions"])), markup=False)
    for note in summary["notes"]:
        console.print(note, markup=False)


COMMANDS = (run, compare)
