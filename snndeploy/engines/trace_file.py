"""Traces on disk: one .npz file that needs nothing else to be compared.

Members: `header` (JSON, what is not an array), `network` (the bytes of the network's .nir file), and one array per
recorded quantity, named `inputs/<name>`, `spikes/<population>`, `u/<population>`, `v/<population>`, time first.
Nothing is pickled. The module a network was captured from is not stored.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from snndeploy.engines.trace import Trace
from snndeploy.errors import error
from snndeploy.files import check_output, existing, replacing, short

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
        with np.load(found, allow_pickle=False) as archive:
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
        }
    except (
        AttributeError,
        ValueError,
        OSError,
        EOFError,
        KeyError,
        TypeError,
        BadZipFile,
        ZlibError,
        MemoryError,
        NotImplementedError,
    ) as problem:
        fix = "write it with `snndeploy run model.nir --input x.npy -o trace.npz`"
        raise error("SD806", str(path), f"it is not a whole trace file ({short(problem)})", fix) from problem
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "network.nir"
        file.write_bytes(model)
        network = read_nir(file)
    return Trace(network, **groups, **rest)  # type: ignore[arg-type]
