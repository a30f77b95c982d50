"""export: a network as a file that runs without snndeploy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import progress, say, show


@opt.reads
def export(
    model: opt.Model,
    onnx: Annotated[Path, typer.Option("--onnx", help="The .onnx file to write.")],
    form: Annotated[
        str, typer.Option("--form", help="sequence: all steps of a sample; step: one, its state in and out.")
    ] = "sequence",
    dtype: Annotated[str, typer.Option("--dtype", help="Of the float form: float32 or float64.")] = "float32",
    batch: Annotated[str, typer.Option("--batch", help="Samples at once, or dynamic: any number.")] = "dynamic",
    states: Annotated[
        bool, typer.Option("--states", help="The sequence too takes its state and gives it back: it runs in parts.")
    ] = False,
    record: Annotated[str, typer.Option("--record", help="Of spikes, u and v, separated by commas.")] = "spikes",
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Record all populations, not the outputs alone.")
    ] = False,
    largest: Annotated[
        int | None,
        typer.Option("--largest", help="The largest count that comes in; 255 without, 127 of signed numbers."),
    ] = None,
    opset: Annotated[int | None, typer.Option("--opset", help="Of ONNX, for an older runtime: 21 or more.")] = None,
    sample: Annotated[
        Path | None, typer.Option("--sample", help=".npy or .npz to prove the file on; random input without.")
    ] = None,
    reading: opt.Reading = opt.UNSAID,
    json: opt.Json = False,
) -> None:
    """Write a network as an ONNX file that onnxruntime runs alone; checked and held against the network before."""
    from snndeploy import verbs
    from snndeploy.errors import error
    from snndeploy.files import check_output, inputs_of, load_arrays

    check_output(onnx, (model, sample))
    opt.choice("--form", form, ("step", "sequence"))
    if batch != "dynamic" and not batch.isdecimal():
        raise error("SD800", "--batch", f"{batch!r} is neither a number nor dynamic", "--batch 16")
    given = None if sample is None else load_arrays(sample)
    net = reading.of(model)
    chosen: dict[str, Any] = {"dtype": dtype, "states": states, "record": opt.words(record), "everywhere": everywhere}
    chosen |= {"largest": largest, "opset": opset, "batch": None if batch == "dynamic" else int(batch)}
    with progress("export and prove", json) as update, inputs_of(sample):
        made = verbs.export(net, onnx, form, sample=given, **chosen)
        update(1, 1)
    outputs = {"spikes": dict(made.spikes), "u": dict(made.u), "v": dict(made.v)}
    carried = [{"before": s.before, "after": s.after, "dtype": s.dtype, "shape": list(s.shape)} for s in made.states]
    inputs = [{"name": n, "tensor": tensor, "dtype": made.types[tensor]} for n, tensor in made.inputs.items()]
    document = {"output": str(onnx), "form": form, "bytes": onnx.stat().st_size, "inputs": inputs}
    lines = [f"in   {each['tensor']}: {each['dtype']}" for each in inputs]
    lines += [f"out  {tensor}" for each in outputs.values() for tensor in each.values()]
    lines += [
        f"kept {state.before} -> {state.after}: {state.dtype}, zeros before the first step" for state in made.states
    ]
    show({**document, "outputs": outputs, "states": carried}, json, "\n".join(lines))
    say(f"{onnx}: written, and the same as the network on its sample", json)


COMMANDS = (export,)
