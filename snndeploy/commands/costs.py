"""cost: energy and time of a placed network."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import progress, show
from snndeploy.errors import error

if TYPE_CHECKING:
    from snndeploy.engines import Trace
    from snndeploy.network import Network

# neurons times bins of which u and v are recorded as well
STATES = 2**26


@opt.reads
def cost(
    model: opt.Model,
    target: opt.Target,
    data: Annotated[Path, typer.Option("--data", help=".npy or .npz, (time, batch, *shape): what is run.")],
    placement: Annotated[
        Path | None, typer.Option("--placement", help="A plan that `place -o` wrote; else it is placed for these data.")
    ] = None,
    opinion: Annotated[
        str | None, typer.Option("--second-opinion", help="sanafe: SANA-FE's energy and time of the same (Loihi 1).")
    ] = None,
    arrange: Annotated[str, typer.Option("--arrange", help="Of cores on the mesh: metis, greedy or rows.")] = "metis",
    seed: Annotated[int, typer.Option("--seed", help="Of metis.")] = 0,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Say what an inference costs on a target: energy and time as intervals, from a run on data."""
    from snndeploy import targets, verbs
    from snndeploy.files import existing
    from snndeploy.placement import plan_file

    existing(model, "NIR file")
    if opinion is not None:
        opt.choice("--second-opinion", opinion, ("sanafe",))
    chip = targets.load(target)
    net = reading.of(model)
    if net.form != "integer":
        raise error("SD209", str(model), "it is in the float form", "quantise it first: snndeploy quantize")
    trace = measured(net, data, json, states=True)
    if placement is None:
        plan = verbs.place(net, chip, rates=trace, arrange=arrange, seed=seed)
    else:
        plan = plan_file.read(placement, net)
    found = verbs.cost(plan, net, trace, chip)
    document: dict[str, Any] = {"model": str(model), "data": str(data), **found.as_dict()}
    text = str(found)
    if opinion is not None:
        from snndeploy.placement.second_opinion import second_opinion

        with progress("SANA-FE", json):
            other = second_opinion(plan, net, trace, chip)
        document["second_opinion"] = other.as_dict()
        text += f"\n\n{other}"
    show(document, json, text)


def measured(net: Network, data: Path, as_json: bool, states: bool = False) -> Trace:
    """A run on data for the spikes of all populations, and where there are not too many for u and v."""
    from snndeploy import verbs
    from snndeploy.files import inputs_of, load_arrays

    samples = load_arrays(data, "data file")
    arrays = samples.values() if isinstance(samples, dict) else (samples,)
    bins = max((prod(each.shape[:2]) for each in arrays), default=0)
    small = bins * sum(prod(p.shape) for p in net.populations) <= STATES
    record = ("spikes", "u", "v") if states and small else ("spikes",)
    with progress("run", as_json) as update, inputs_of(data):
        return verbs.run(net, samples, engine="torch", record=record, progress=update)


COMMANDS = (cost,)
