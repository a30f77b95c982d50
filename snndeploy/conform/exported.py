"""An ONNX file, proven before it is there: checked by onnx, run by onnxruntime, held against the definition."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from snndeploy.conform.compare import compare
from snndeploy.conform.rebuilt import random_input
from snndeploy.engines import onnx as engine
from snndeploy.engines import reference
from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace, wanted
from snndeploy.errors import Finding, MissingEngineError, SnnDeployError, VerdictError, error
from snndeploy.files import check_output, replacing, short
from snndeploy.frontends.onnx import OPSET, OPSET_MIN, Interface, Settings, build, describe
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import COUNTED, Network

FORMS, FLOATS = ("step", "sequence"), ("float32", "float64")
FIX = "report this network: the export must be exact"
COUNTS = 2**31 - 1


def export(
    network: Network,
    path: str | os.PathLike[str],
    form: str = "sequence",
    dtype: str = "float32",
    batch: int | None = None,
    states: bool = False,
    record: Iterable[str] = ("spikes",),
    everywhere: bool = False,
    largest: int | Mapping[str, int] | None = None,
    opset: int | None = None,
    sample: Any = None,
) -> Interface:
    """Writes the file; see `snndeploy.export`.

    Raises:
        SnnDeployError: the network is not legal (SD1xx), a setting is not offered (SD541), counts may leave 64 bits
            (SD523), it is too large (SD540), or the file cannot be written (SD802).
        VerdictError SD542: the model does not compute what the network does. MissingEngineError SD502.
    """
    lacking = engine.missing()
    if lacking:
        what, _, fix = lacking.partition(" Fix: ")
        raise MissingEngineError(Finding("SD502", "ONNX", what, fix))
    target = check_output(path)
    spec.check(network)
    counts = (
        dict(largest)
        if isinstance(largest, Mapping)
        else {each.name: int(largest) for each in network.given if largest is not None and each.kind in COUNTED}
    )
    names = tuple(network.population) if everywhere else None
    settings = _settings(network, form, dtype, batch, states, wanted(network, record), names, counts, newest(opset))
    model, interface = build(network, settings)
    describe(model, network, settings, interface)
    content = checked(model)
    prove(network, settings, content, interface, sample)
    with replacing(target) as temporary:
        temporary.write_bytes(content)
    return interface


def newest(opset: int | None) -> int:
    """What was asked for, or the newest opset that is known here and that every operator was checked with."""
    import onnx

    return min(OPSET, onnx.defs.onnx_opset_version()) if opset is None else opset


def _settings(
    network: Network,
    form: str,
    dtype: str,
    batch: int | None,
    states: bool,
    record: tuple[str, ...],
    names: tuple[str, ...] | None,
    counts: dict[str, int],
    opset: int,
) -> Settings:
    """What the caller chose, checked."""
    bad = []
    for what, value, values in (("form", form, FORMS), ("dtype", dtype, FLOATS)):
        if value not in values:
            bad.append((f"{what} {value!r} is not offered", f"choose from {', '.join(values)}"))
    if network.form == "integer" and dtype != "float32":
        bad.append((f"dtype {dtype!r} has no meaning for the integer form", "leave it out"))
    if batch is not None and batch < 1:
        bad.append((f"a batch of {batch} is none", "give 1 or more, or leave it open"))
    if not OPSET_MIN <= opset <= OPSET:
        bad.append((f"opset {opset} is outside {OPSET_MIN}..{OPSET}", f"leave it out for {OPSET}"))
    for name, most in counts.items():
        kind = network.input[name].kind if name in network.input else None
        if kind not in COUNTED:
            bad.append((f"{name!r} is no input that counts", "name one that is, or give one number for all"))
        elif not 0 < most <= COUNTS:
            bad.append((f"counts up to {most:,} at input {name!r} are outside 1..{COUNTS:,}", "give smaller counts"))
    for each in (each for each in network.inputs if each.kind == "bias"):
        what = f"input {each.name!r} is a bias per sample, for which a model has no input"
        bad.append((what, "choose another encoding of it"))
    if not network.given:
        bad.append(("all inputs are constant, so that a model would have none", "give it one input that is not"))
    if bad:
        raise SnnDeployError(Finding("SD541", "ONNX", what, fix) for what, fix in bad)
    return Settings(form, dtype, batch, states, record, names, counts, False, opset)  # type: ignore[arg-type]


def checked(model: Any) -> bytes:
    """The model with the shapes of all tensors, as bytes. Raises VerdictError SD542 where onnx finds fault with it."""
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        onnx.checker.check_model(inferred, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as problem:
        raise VerdictError(
            Finding("SD542", "ONNX", f"onnx finds fault with the model: {short(problem)}", FIX)
        ) from None
    return bytes(inferred.SerializeToString())


def prove(network: Network, settings: Settings, content: bytes, names: Interface, sample: Any = None) -> None:
    """Runs the model on a sample, or on random input, and compares what it gives with the definition.

    Raises:
        VerdictError SD542: they differ by more than proven ties.
    """
    from snndeploy.engines.onnx.execute import feed_through

    inputs = as_inputs(network, _random(network, settings) if sample is None else sample)
    for each in network.given:
        _, low, high = settings.count_type(each.name, each.kind == "signed")
        rows = inputs[each.name]
        if each.kind in COUNTED and (int(rows.min()) < low or int(rows.max()) > high):
            most = int(np.abs(rows).max())
            what = f"it counts up to {most:,} in the sample, and the model takes {low:,} to {high:,}"
            raise error("SD541", f"input {each.name!r}", what, f"largest={most}")
    expected = reference.run(Job(network, inputs, ("spikes", "v")))
    chosen = np.arange(expected.batch) if settings.batch is None else np.arange(settings.batch) % expected.batch
    fed = {name: rows[:, chosen] for name, rows in inputs.items()}
    running = _session(content, settings.opset)
    found = feed_through(running, names, fed, single=settings.form == "step", chunk=expected.steps)
    wrong = _differing(expected, names, found, chosen)
    if wrong and network.form == "float":
        # rounding: all populations are needed to tell ties from faults
        options = {"graph": settings.form, "dtype": settings.dtype}
        witness = engine.run(Job(network, inputs, ("spikes", "v"), options=options))
        same = compare(expected, witness)
        if not same.agrees:
            raise VerdictError(Finding("SD542", "ONNX", f"model and network differ: {same.fault or same.first}", FIX))
        wrong = _differing(witness, names, found, chosen)
    if wrong:
        raise VerdictError(Finding("SD542", "ONNX", f"model and network differ in {wrong}", FIX))


def _session(content: bytes, opset: int) -> Any:
    """Raises VerdictError SD542 where the installed onnxruntime does not take the model."""
    import onnxruntime

    from snndeploy.engines.onnx.execute import session

    try:
        return session(content)
    except Exception as problem:  # onnxruntime's own exceptions share no base
        what = f"onnxruntime {onnxruntime.__version__} does not run it: {short(problem)}"
        fix = f"opset={OPSET_MIN}, which older versions run" if opset > OPSET_MIN else FIX
        raise VerdictError(Finding("SD542", "ONNX", what, fix)) from None


def _differing(expected: Trace, names: Interface, found: Mapping[str, Array], chosen: Array) -> str:
    """What of the recorded spikes, and of the membranes of integers, is not the same."""
    integer = expected.network.form == "integer"
    for what in ("spikes", "v") if integer else ("spikes",):
        for name, tensor in getattr(names, what).items():
            ours = getattr(expected, what)[name][:, chosen]
            wrong = int(np.count_nonzero(ours != found[tensor]))
            if wrong:
                return f"{wrong:,} of {ours.size:,} {what} of {name!r}"
    return ""


def _random(network: Network, settings: Settings) -> dict[str, Array]:
    """Random input, with counts as large as the model takes."""
    found = random_input(network)
    for each in network.given:
        if each.kind in COUNTED:
            found[each.name] = np.clip(found[each.name], *settings.count_type(each.name, each.kind == "signed")[1:])
    return found
