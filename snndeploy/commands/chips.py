"""quantize, place: from a float network to the integers and the cores of a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import advising
from snndeploy.commands import options as opt
from snndeploy.commands.costs import measured
from snndeploy.commands.models import describe
from snndeploy.commands.output import progress, say, show
from snndeploy.errors import error

Calibration = Annotated[
    Path | None, typer.Option("--calibration", help=".npy or .npz, (time, batch, *shape): typical input.")
]
Cores = Annotated[int | None, typer.Option("--cores", help="The most cores that auto may use; those of one chip.")]
Synapses = Annotated[int | None, typer.Option("--synapses", help="Synapses per weight that auto may use, 1 or 2.")]


@opt.reads
def quantize(
    model: opt.Model,
    target: opt.Target,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .nir file to write.")],
    calibration: Calibration = None,
    method: Annotated[
        str, typer.Option("--method", help="How integers are chosen: names joined by +, or auto (see `methods`).")
    ] = "adaptive",
    cores: Cores = None,
    synapses: Synapses = None,
    uncertified: Annotated[
        str, typer.Option("--uncertified", help="refuse or allow a network whose currents could wrap around.")
    ] = "refuse",
    encoding: opt.Encoding = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Round a float network to the registers of a target."""
    from snndeploy import targets, tuning, verbs
    from snndeploy.encoding import costs, events
    from snndeploy.files import check_output, existing, inputs_of, load_arrays
    from snndeploy.network.table import render
    from snndeploy.quantize import decay_report, report

    existing(model, "NIR file")
    check_output(output, (model, calibration, target))
    chip = targets.load(target)
    samples = None if calibration is None else load_arrays(calibration, "calibration file")
    net = reading.of(model)
    chosen: Any = uncertified
    wanted, asked = net, opt.encodings(encoding)
    document: dict[str, Any] = {"output": str(output), "target": chip.name, "method": method}
    with progress("quantize", json) as update, inputs_of(calibration):
        if asked is not None:
            net = verbs.encode(net, chip, samples, asked)
        if method == "auto":
            own = events(net, samples) if net.encodings else samples
            found = tuning.auto(net, chip, own, cores, 2 if synapses is None else synapses, update)
            integers, document["auto"] = found.network, found.as_dict()
        else:
            integers = verbs.quantize(net, chip, samples, method, chosen, cores=cores, synapses=synapses)
        update(1, 1)
        encoded = costs(wanted, integers, samples) if integers.encodings and not wanted.encodings else []
    realised = report(wanted, integers)
    document["report"] = [each.as_dict() for each in realised]
    verbs.write(integers, output)
    text = render(integers) if method != "auto" else f"{found}\n\n{render(integers)}"
    text += "\n\n" + decay_report.text([(r.population, r.decays, r.least) for r in realised], integers.dt)
    if encoded:
        document["encodings"] = [each.as_dict() for each in encoded]
        text = "\n".join([*map(str, encoded), "", text])
    show(document | {"network": describe(integers)}, json, text)
    say(f"{output}: integers of {chip.name}", json)


@opt.reads
def place(
    model: opt.Model,
    target: opt.Target,
    data: Annotated[
        Path | None, typer.Option("--data", help=".npy or .npz, (time, batch, *shape): run, to measure spike rates.")
    ] = None,
    rates: Annotated[
        str | None, typer.Option("--rates", help="Expected spikes per neuron and step: 0.1, or x=0.2,hidden=0.05.")
    ] = None,
    arrange: Annotated[str, typer.Option("--arrange", help="Of cores on the mesh: metis, greedy or rows.")] = "metis",
    seed: Annotated[int, typer.Option("--seed", help="Of metis.")] = 0,
    strategy: Annotated[
        str, typer.Option("--strategy", help="Of splits: best, greedy, boxes, places, channels or fewest.")
    ] = "best",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .json plan to write, for `run`.")] = None,
    drawn: Annotated[
        Path | None, typer.Option("--picture", help="The .svg to write: cores on the mesh, their load and traffic.")
    ] = None,
    tabled: Annotated[
        Path | None, typer.Option("--tables", help="The .npz to write: compartments, axons, synapses and routes.")
    ] = None,
    all_cores: Annotated[bool, typer.Option("--all-cores", help="Every core in the table, however many.")] = False,
    rounded: Annotated[
        Path | None, typer.Option("--quantize", help="Of a float model: quantise it first, into this .nir file.")
    ] = None,
    calibration: Calibration = None,
    seconds: advising.Seconds = 30.0,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Put an integer network on the cores of a target; if it does not fit, say what makes it fit, exit code 1."""
    from snndeploy import targets, verbs
    from snndeploy.errors import SnnDeployError
    from snndeploy.files import check_output, existing, replacing
    from snndeploy.placement import addresses, plan_file
    from snndeploy.placement import report as of_plan
    from snndeploy.placement.picture import picture
    from snndeploy.placement.traffic import traffic

    existing(model, "NIR file")
    named = {"--output": output, "--picture": drawn, "--quantize": rounded, "--tables": tabled}
    files = {name: path for name, path in named.items() if path is not None}
    for name, path in files.items():
        check_output(path, (model, data, calibration, target))
        first = next(other for other, same in files.items() if same == path)
        if first != name:
            raise error("SD800", name, f"it is the same file as {first}", "name another")
    chip = targets.load(target)
    net = reading.of(model)
    known: Any = opt.rates(rates)
    if data is not None and rates is not None:
        raise error("SD800", "--rates", "it is given beside --data", "give one of them")
    try:
        if net.form == "float":
            net = advising.integers(net, model, chip, rounded, calibration, json)
        if data is not None:
            known = measured(net, data, json)
        plan = verbs.place(net, chip, rates=known, arrange=arrange, seed=seed, strategy=strategy)
    except SnnDeployError as problem:
        if not advising.can_help(problem):
            raise
        advising.answer(net, model, chip, problem, data, calibration, seconds, json)
        raise typer.Exit(1) from None
    if output is not None:
        plan_file.write(plan, net, output)
    if tabled is not None:
        addresses.write(addresses.tables(net, plan.core_of, chip.core.axons_are_shared.value), net, tabled)
    if drawn is not None:
        with replacing(drawn) as made:
            made.write_text(picture(plan, traffic(net, plan.core_of, known).between, chip), "utf-8")
    text = "\n".join([of_plan.text(plan, all_cores), *map(str, plan.findings)])
    show({"model": str(model), **plan.as_dict()}, json, text)
    if output is not None:
        say(f"{output}: {of_plan.count(len(plan.cores))} of {chip.name}, and which neuron is where", json)
    if plan.chips > 1:
        held = model if rounded is None else rounded
        say(f"snndeploy advise {held} --target {chip.name}: tries what takes fewer cores", json)
    if tabled is not None:
        say(f"{tabled}: tables of {of_plan.count(len(plan.cores))}", json)
    if drawn is not None:
        say(f"{drawn}: the mesh", json)


def targets(
    name: Annotated[str | None, typer.Argument(help="A target's name or .toml file: all its numbers.")] = None,
    new: Annotated[Path | None, typer.Option("--new", help="Write a template for a chip of your own.")] = None,
    json: opt.Json = False,
) -> None:
    """List the chips, or every number of one with its source; --new writes a file to start from."""
    from snndeploy import targets as chips
    from snndeploy.files import check_output, replacing
    from snndeploy.report.targets_text import every, one

    if new is not None:
        check_output(new)
        if new.exists():
            raise error("SD802", str(new), "it is there already", "choose another name")
        with replacing(new) as made:
            made.write_text(chips.template(new.stem), "utf-8")
        show({"output": str(new)}, json, f"{new}: replace values and sources, then place q.nir --target {new}")
    elif name is not None:
        chip = chips.load(name)
        show(chip.model_dump(mode="json", exclude_none=True), json, one(chip))
    else:
        held = [chips.load(each) for each in (*chips.shipped(), chips.FITTED)]
        document = [{"name": c.name, "title": c.title, "cores": c.chip.cores.value, "chips": c.chips} for c in held]
        show({"targets": document}, json, every(held))


COMMANDS = (quantize, place, targets)
