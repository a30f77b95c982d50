"""What another simulator recorded of a network, as a trace.

A .npz holds arrays named `spikes/<population>`, `u/<population>`, `v/<population>`, or `<population>` alone for spikes;
a .npy or .csv file the spikes of one population. Every array is (time, batch, *shape), (time, *shape) for one sample,
or has all neurons in one axis. A trace that snndeploy wrote is read as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines.trace import RECORDABLE, Trace
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import UNREADABLE, existing, load_arrays, short
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

NOTE = "its arithmetic is not known: ties are judged as of float32 in units of its own"


def recording(
    path: str | os.PathLike[str],
    network: Network,
    inputs: Mapping[str, Array],
    population: str | None = None,
    name: str | None = None,
) -> Trace:
    """The trace of `network` on `inputs` that a file of another simulator holds.

    Args:
        inputs: what it was fed with, (time, batch, *shape) by name.
        population: whose spikes a .npy or .csv file holds; None: the network's only output.
        name: of the simulator; None: the file's name.

    Raises:
        SnnDeployError SD801, SD803, SD104: the file is missing, damaged or holds no numbers. SD722: what it holds does
        not fit the network or its input.
    """
    file = existing(path, "recording")
    held = _arrays(file, network, population)
    if isinstance(held, Trace):
        return held
    steps, batch = next(iter(inputs.values())).shape[:2]
    kept: dict[str, dict[str, Array]] = {what: {} for what in RECORDABLE}
    found: list[Finding] = []
    for member, array in held.items():
        what, _, of = member.partition("/") if member.split("/")[0] in RECORDABLE else ("spikes", "", member)
        where = f"{file}: {member}"
        if of not in network.population:
            have = ", ".join(network.population)
            found.append(Finding("SD722", where, f"the network has no population {of!r}", f"its populations: {have}"))
            continue
        fitted = _fitted(array, steps, batch, network.shapes[of])
        if fitted is None:
            wanted = (steps, batch, *network.shapes[of])
            what = f"its shape {array.shape} does not fit {wanted}"
            found.append(Finding("SD722", where, what, "give (time, batch, *shape) of the same input"))
            continue
        if what == "spikes":
            if not network.population[of].rule.spiking:
                found.append(Finding("SD722", where, "this population has no threshold", f"name it v/{of}"))
                continue
            fitted = fitted != 0
        kept[what][of] = fitted
    raise_errors(found)
    integer = network.form == "integer"
    notes = () if integer else (NOTE,)
    who = name or file.stem
    trace = Trace(network, who, "int" if integer else "float32", dict(inputs), notes=notes, converted=not integer)
    return replace(trace, spikes=kept["spikes"], u=kept["u"], v=kept["v"])


def _arrays(file: Path, network: Network, population: str | None) -> dict[str, Array] | Trace:
    """The arrays by member; a trace where it is one of ours."""
    if file.suffix == ".npz":
        try:
            with np.load(file, allow_pickle=False) as archive:
                ours = "header" in archive.files and "network" in archive.files
                only = archive.files[0] if len(archive.files) == 1 else None
        except UNREADABLE as problem:
            raise error(
                "SD803", str(file), f"it is not a whole .npz file ({short(problem)})", "np.savez(path, x)"
            ) from problem
        if ours:
            from snndeploy.engines import trace_file

            return trace_file.read(file)
        loaded: Any = load_arrays(file, "recording")
        if isinstance(loaded, dict):
            return loaded
        return {population or (only if only in network.population else None) or _output(file, network): loaded}
    if file.suffix == ".csv":
        try:
            table = np.loadtxt(file, delimiter=",", ndmin=2)
        except (ValueError, OSError, UnicodeDecodeError) as problem:
            raise error(
                "SD803", str(file), f"it is no table of numbers ({short(problem)})", "a row per step, commas"
            ) from problem
        return {population or _output(file, network): table}
    return {population or _output(file, network): load_arrays(file, "recording")}


def _output(file: Path, network: Network) -> str:
    if len(network.outputs) != 1:
        have = ", ".join(network.outputs)
        raise error("SD722", str(file), f"it does not say of which population it is: {have}", "name the population")
    return network.outputs[0]


def _fitted(array: Array, steps: int, batch: int, shape: tuple[int, ...]) -> Array | None:
    """(steps, batch, *shape); None where it cannot be that."""
    if array.shape[0] != steps or array.size != steps * batch * prod(shape):
        return None
    if array.shape[1:] in ((batch, *shape), (batch, prod(shape))) or (
        batch == 1 and array.shape[1:] in (shape, (prod(shape),))
    ):
        return array.reshape(steps, batch, *shape)
    return None
