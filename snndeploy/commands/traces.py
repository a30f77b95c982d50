"""run, compare: traces of networks, and where two of them part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands import sharding
from snndeploy.commands.output import plain, progress, say, show

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
    scheduler: sharding.Scheduler = None,
    memory: sharding.Memory = None,
    fresh: sharding.Fresh = False,
    placement: Annotated[
        Path | None, typer.Option("--placement", help="A plan of `place`: every core runs on its own, the same bits.")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="The input is what the network's encodings make, not what they take.")
    ] = False,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Run a network on an engine; with --placement, --engine cores executes the address tables."""
    from snndeploy import shards, verbs
    from snndeploy.engines import base, trace_file
    from snndeploy.files import check_output, existing, inputs_of, load_arrays

    existing(model, "NIR file")
    samples, words = sharding.named(data), opt.words(record)
    settings = opt.settings(option or ())
    if output is not None:
        check_output(output, (model, labels, placement, *sharding.files(samples)))
    if placement is not None:
        sharding.in_one(samples, output, (labels, shard_size, workers, scheduler, memory, fresh))
    if placement is None or engine != "cores":
        base.load(engine)
    if placement is None and sharding.needed(samples, output, (labels, shard_size, workers, scheduler, memory, fresh)):
        net = _taking(reading.of(model), events)
        with progress(engine, json) as update:
            how = shards.How(
                shard_size, 1 if workers is None else workers, memory, fresh, sharding.paced(update), scheduler
            )
            done = shards.evaluate(net, samples, labels, engine, words, output, raw=raw, how=how, **settings)
        summary = done.as_dict()
    else:
        assert isinstance(samples, Path)
        spikes = load_arrays(existing(samples, "input file"), "input file")
        net = _taking(reading.of(model), events)
        with progress(engine, json) as update, inputs_of(samples):
            trace = verbs.run(net, spikes, engine, words, raw, update, placement=placement, **settings)
        if output is not None:
            trace_file.write(trace, output)
        summary = summarise(trace)
    show({"output": None if output is None else str(output), **summary}, json, lambda console: _print(console, summary))
    if output is not None:
        say(f"{output}: {', '.join(words)} of {summary['engine']}", json)


@opt.reads
def compare(
    files: Annotated[list[Path], typer.Argument(help="Two .npz traces, or one .nir file.", show_default=False)],
    data: sharding.MaybeData = None,
    engine_names: Annotated[str, typer.Option("--engines", help="Engines; all are compared with the first.")] = (
        "reference,torch,lava,onnx"
    ),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .json verdict to write.")] = None,
    shard_size: sharding.ShardSize = None,
    workers: sharding.Workers = None,
    scheduler: sharding.Scheduler = None,
    memory: sharding.Memory = None,
    fresh: sharding.Fresh = False,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Compare two traces, or a network on several engines; exit code 1 if they differ by more than proven ties."""
    from snndeploy import shards
    from snndeploy.engines import base
    from snndeploy.errors import error
    from snndeploy.files import check_output, existing

    if len(files) == 2 and not data:
        with progress("compare", json) as update:
            found = [shards.compare_files(files[0], files[1], update)]
    elif len(files) == 1 and data:
        names = opt.words(engine_names)
        if len(names) < 2:
            raise error("SD800", "--engines", f"{len(names)} engines cannot be compared", "--engines reference,torch")
        samples = sharding.named(data)
        existing(files[0], "NIR file")
        if output is not None:
            check_output(output, (files[0], *sharding.files(samples)))
        for name in names:
            base.load(name)
        net = reading.of(files[0])
        with progress(" ".join(names), json) as update:
            how = shards.How(
                shard_size, 1 if workers is None else workers, memory, fresh, sharding.paced(update), scheduler
            )
            found = shards.compare_engines(net, samples, names, output, how=how)
    else:
        form = "compare a.npz b.npz, or compare model.nir --input x.npy"
        raise error("SD800", "compare", f"{len(files)} files and {'an' if data else 'no'} --input", form)
    document = shards.document(found)
    show(document, json, "\n\n".join(map(str, found)))
    if output is not None:
        say(f"{output}: the verdict", json)
    if not document["agrees"]:
        raise typer.Exit(1)


def _taking(network: Any, events: bool) -> Any:
    """The network, or what it is without its encodings."""
    return network.with_(encodings=()) if events else network


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
    from rich.text import Text

    console.print(f"{summary['engine']}: {summary['samples']} samples of {summary['steps']} steps", markup=False)
    table = Table("population", "spikes", box=None)
    for name, count in summary["spikes"].items():
        table.add_row(Text(plain(name)), f"{count:,}")
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
