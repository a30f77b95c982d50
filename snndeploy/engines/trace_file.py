"""Traces on disk: one .npz file that needs nothing else to be compared.

Members: `header` (JSON, what is not an array), `network` (the bytes of the network's .nir file), and one array per
recorded quantity, named `inputs/<name>`, `spikes/<population>`, `u/<population>`, `v/<population>`, time first.
Nothing is pickled. The module a network was captured from is not stored. A trace of a data set lies in shards, see
`trace_shards`; `read` takes both.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, raise_errors
from snndeploy.files import check_output, replacing
from snndeploy.network.network import Network

FORMAT = "snndeploy trace 1"
GROUPS = ("inputs", "spikes", "u", "v")
PLAIN = ("header", "network", "decisions")


def write(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Writes a trace; the file appears only when it is whole.

    Raises:
        SnnDeployError SD802: the file cannot be written there.
    """
    check_output(path)
    members = opening(FORMAT, trace.network, header_of(trace))
    for group in GROUPS:
        members |= {f"{group}/{name}": np.asarray(array) for name, array in getattr(trace, group).items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **members)


def read(path: str | os.PathLike[str]) -> Trace:
    """The trace in a file.

    Raises:
        SnnDeployError SD801: no such file. SD806: it is damaged, or not a trace. SD4xx: its network is damaged.
    """
    from snndeploy.engines import trace_shards

    with trace_shards.opened(path) as shards:
        return shards.part(0, shards.samples)


def header_of(trace: Trace) -> dict[str, Any]:
    """What of a trace is no array."""
    return {
        "engine": trace.engine,
        "dtype": trace.dtype,
        "latency": dict(trace.latency),
        "notes": list(trace.notes),
        "raw": trace.raw,
        "converted": trace.converted,
    }


def opening(form: str, network: Network, header: Mapping[str, Any]) -> dict[str, Any]:
    """The members that every trace file begins with."""
    from snndeploy.frontends.nir import write as write_nir

    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "network.nir"
        write_nir(network, model)
        held = np.frombuffer(model.read_bytes(), np.uint8)
    return {"network": held, "header": np.frombuffer(json.dumps({"format": form, **header}).encode(), np.uint8)}


def network_of(archive: Any) -> Network:
    """The network in an open trace file."""
    from snndeploy.frontends.nir import read as read_nir

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "network.nir"
        file.write_bytes(archive["network"].tobytes())
        return read_nir(file)


def groups_of(archive: Any) -> dict[str, dict[str, Any]]:
    """The arrays in an open file, by group and name."""
    groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for name in archive.files:
        if name not in PLAIN:
            group, _, part = name.partition("/")
            groups[group][part] = archive[name]
    return groups


def trace_of(
    path: str | os.PathLike[str], network: Network, header: Mapping[str, Any], groups: dict[str, dict[str, Any]]
) -> Trace:
    """A trace from its parts. Raises SD806 if they do not belong together."""
    trace = Trace(
        network,
        str(header["engine"]),
        str(header["dtype"]),
        **groups,
        latency={str(name): int(steps) for name, steps in header["latency"].items()},
        notes=tuple(map(str, header["notes"])),
        raw=bool(header["raw"]),
        converted=bool(header.get("converted", False)),
    )
    raise_errors(Finding("SD806", f"{path}: {where}", what, "run it again") for where, what in _misfits(trace))
    return trace


def _misfits(trace: Trace) -> Iterator[tuple[str, str]]:
    """(member, what is wrong) of arrays that do not belong to the network of the trace."""
    inputs = {each.name: each.shape for each in trace.network.inputs}
    for each in trace.network.given:
        if each.name not in trace.inputs:
            yield f"inputs/{each.name}", "it is missing"
    times = {array.shape[:2] for array in trace.inputs.values()}
    if len(times) > 1:
        yield "inputs", f"they differ in (time, batch): {sorted(times)}"
    steps, batch = next(iter(times), (0, 0)) if all(len(each) == 2 for each in times) else (0, 0)
    for group in GROUPS:
        known = inputs if group == "inputs" else {each.name: each.shape for each in trace.network.populations}
        for name, array in getattr(trace, group).items():
            shape = known.get(name)
            if shape is None:
                yield f"{group}/{name}", "the network has nothing of this name"
                continue
            own = array.shape[2:]
            fits = own == shape or (group == "u" and own[1:] == shape)
            if not fits or array.shape[1] != batch or (array.shape[0] != steps and not trace.raw):
                yield f"{group}/{name}", f"its shape {array.shape} does not fit {(steps, batch, *shape)}"
            if array.dtype.kind not in ("b" if group == "spikes" else "biuf"):
                yield f"{group}/{name}", f"its type is {array.dtype}"
