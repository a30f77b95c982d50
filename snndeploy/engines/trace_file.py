"""Traces on disk: one .npz file that needs nothing else to be compared.

Members: `header` (JSON, what is not an array), `network` (the bytes of the network's .nir file), and one array per
recorded quantity, named `inputs/<name>`, `spikes/<population>`, `u/<population>`, `v/<population>`, time first.
Nothing is pickled. The module a network was captured from is not stored.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import UNREADABLE, check_output, existing, replacing, short

FORMAT = "snndeploy trace 1"
GROUPS = ("inputs", "spikes", "u", "v")


def write(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Writes a trace; the file appears only when it is whole.

    Raises:
        SnnDeployError SD802: the file cannot be written there.
    """
    from snndeploy.frontends.nir import write as write_nir

    check_output(path)
    header = {
        "format": FORMAT,
        "engine": trace.engine,
        "dtype": trace.dtype,
        "latency": dict(trace.latency),
        "notes": list(trace.notes),
        "raw": trace.raw,
        "converted": trace.converted,
    }
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "network.nir"
        write_nir(trace.network, model)
        members = {"network": np.frombuffer(model.read_bytes(), np.uint8)}
    members["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    for group in GROUPS:
        members |= {f"{group}/{name}": np.asarray(array) for name, array in getattr(trace, group).items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **members)  # type: ignore[arg-type]


def read(path: str | os.PathLike[str]) -> Trace:
    """The trace in a file.

    Raises:
        SnnDeployError SD801: no such file. SD806: it is damaged, or not a trace. SD4xx: its network is damaged.
    """
    from snndeploy.frontends.nir import read as read_nir

    found = existing(path, "trace file")
    try:
        with found.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            members: dict[str, Any] = {name: archive[name] for name in archive.files}
        header = json.loads(members.pop("header").tobytes())
        if header["format"] != FORMAT:
            raise error("SD806", str(path), f"its format is {header['format']!r}, not {FORMAT!r}", "run it again")
        model = members.pop("network").tobytes()
        groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
        for name, array in members.items():
            group, _, part = name.partition("/")
            groups[group][part] = array
        rest = {
            "engine": str(header["engine"]),
            "dtype": str(header["dtype"]),
            "latency": {str(name): int(steps) for name, steps in header["latency"].items()},
            "notes": tuple(map(str, header["notes"])),
            "raw": bool(header["raw"]),
            "converted": bool(header.get("converted", False)),
        }
    except UNREADABLE as problem:
        fix = "write it with `snndeploy run model.nir --input x.npy -o trace.npz`"
        raise error("SD806", str(path), f"it is not a whole trace file ({short(problem)})", fix) from problem
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "network.nir"
        file.write_bytes(model)
        network = read_nir(file)
    trace = Trace(network, **groups, **rest)  # type: ignore[arg-type]
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
