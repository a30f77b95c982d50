"""A NIR file -> `Graph`, by way of a child process: what a file does to HDF5, it does there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import SnnDeployError, error
from snndeploy.files import existing, readable
from snndeploy.frontends.nir.graph import Block, Field, Graph, Node
from snndeploy.network.arrays import Array

CHILD = Path(__file__).with_name("child.py")
DTYPES = frozenset({"<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"})
HEADER_LIMIT = 2**28


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes:
        seconds: wall clock, and processor time, of the child.
        bytes: of all arrays and texts together, unpacked.
        memory: address space of the child.
        nodes: nodes in all graphs together, and members of one group.
        depth: graphs within graphs.
        edges: edges of one graph.
        texts: characters of all names and texts together.
        numbers: numbers that the network takes in memory, where a file says in a few bytes what is large written out.
    """

    seconds: float = 30.0
    bytes: int = 2**30
    memory: int = 2**32
    nodes: int = 10_000
    depth: int = 16
    edges: int = 100_000
    texts: int = 2**25
    numbers: int = 2**27


@dataclass(frozen=True, eq=False)
class NetFile:
    """An exchange file of lava-dl: per layer its fields, which are arrays, texts, or fields of their own."""

    layers: Mapping[str, Any]


def load(path: str | os.PathLike[str], limits: Limits | None = None) -> Graph:
    """The graph in a NIR file.

    Raises:
        SnnDeployError: as `load_any`.
    """
    held = load_any(path, limits)
    if isinstance(held, NetFile):
        raise error("SD404", str(path), "it is an exchange file of lava-dl, not a NIR file", "read it with sd.read")
    return held


def load_any(path: str | os.PathLike[str], limits: Limits | None = None) -> Graph | NetFile:
    """What is in a NIR file, or in an exchange file of lava-dl.

    Raises:
        SnnDeployError SD801: there is no such file. SD401: it is damaged. SD402: it exceeds `limits`. SD403: it leads
            outside itself or in circles. SD404: it is HDF5, but not NIR.
    """
    limits = limits or Limits()
    found = existing(path, "NIR file")
    header, data = _open(found, limits)
    where = str(path)
    if "error" in header:
        code, inside, what, fix = (str(each) for each in header["error"])
        place = f"{where}: {readable(inside, 120)}" if inside else where
        raise error(code, place, readable(what), readable(fix, 200))
    try:
        if "layers" in header:
            return NetFile({str(name): _fields(each, data) for name, each in header["layers"].items()})
        return _graph(header, data)
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise error(
            "SD401", where, f"its content is not whole ({readable(str(problem), 160)})", "fetch or write the file again"
        ) from None


def _open(path: Path, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Runs the child and takes its answer apart."""
    request = json.dumps({"path": os.fspath(path.resolve()), **asdict(limits)})
    # threads of a BLAS would take address space; HDF5 must load no filter from a folder
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment = {**os.environ, **quiet, "HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE"}
    with tempfile.TemporaryFile() as complaints:
        # -P: the folder of child.py is not a place to import from
        process = subprocess.Popen(
            [sys.executable, "-P", os.fspath(CHILD), request],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            start_new_session=True,
        )
        try:
            raw, _ = process.communicate(timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise _late(path, limits) from None
        finally:
            _end(process)
        complaints.seek(0)
        said = complaints.read(4096).decode("utf-8", "replace").strip().splitlines()
    return _answer(raw, process.returncode, said, path, limits)


def _answer(raw: bytes, code: int, said: list[str], path: Path, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Header and data of what a child wrote, if it came to an end."""
    size = int.from_bytes(raw[:8], "little")
    if code != 0 or len(raw) < 8 or size > min(HEADER_LIMIT, len(raw) - 8):
        raise _died(path, code, said, limits)
    try:
        header = json.loads(raw[8 : 8 + size])
    except (ValueError, RecursionError):
        raise _died(path, code, said, limits) from None
    return header, raw[8 + size :]


def _late(path: Path, limits: Limits) -> SnnDeployError:
    return error("SD402", str(path), f"reading took longer than {limits.seconds:g} s", "raise Limits.seconds")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Whatever happened, nothing of the child stays."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _died(path: Path, code: int, said: list[str], limits: Limits) -> SnnDeployError:
    if code == -getattr(signal, "SIGXCPU", 24):
        return error("SD402", str(path), f"reading took more than {limits.seconds:g} s", "raise Limits.seconds")
    if any("MemoryError" in line for line in said):
        return error("SD402", str(path), f"reading took more than {limits.memory:,} bytes", "raise Limits.memory")
    if said and "ModuleNotFoundError" in said[-1]:
        return error("SD401", str(path), f"the reader cannot start ({said[-1]})", "pip install h5py numpy")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = f": {said[-1][:200]}" if said else ""
    return error("SD401", str(path), f"HDF5 failed on it ({how}{last})", "fetch or write the file again")


def _array(raw: Any, data: bytes) -> Array:
    dtype, shape, at = raw["dtype"], tuple(raw["shape"]), raw["at"]
    if dtype not in DTYPES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"an array of {dtype} with shape {shape}")
    array = np.frombuffer(data, np.dtype(dtype), prod(shape), at) if prod(shape) else np.zeros(0, np.dtype(dtype))
    return array.reshape(shape)


def _field(raw: Any, data: bytes) -> Field:
    if isinstance(raw, str):
        return raw
    if "texts" in raw:
        raise ValueError("a table of texts where numbers belong")
    return _array(raw, data)


def _fields(raw: Any, data: bytes) -> dict[str, Any]:
    """Of a layer: arrays, texts, tables of texts as they are, and groups."""
    found: dict[str, Any] = {}
    for name, each in raw.items():
        if isinstance(each, str) or "texts" in each:
            found[str(name)] = each
        else:
            found[str(name)] = _fields(each["group"], data) if "group" in each else _array(each, data)
    return found


def _node(raw: Any, data: bytes) -> Node | Graph:
    if raw["type"] == "NIRGraph":
        edges = tuple((str(a), str(b)) for a, b in raw["edges"])
        return Graph({str(name): _node(each, data) for name, each in raw["nodes"].items()}, edges)
    return Node(str(raw["type"]), {str(name): _field(each, data) for name, each in raw["fields"].items()})


def _graph(header: dict[str, Any], data: bytes) -> Graph:
    top = _node(header["graph"], data)
    assert isinstance(top, Graph)
    raw, block = header["block"], None
    if raw is not None:
        arrays = [
            np.zeros(0, dtype) if raw[name] is None else _array(raw[name], data).astype(dtype).ravel()
            for name, dtype in (("float64", np.float64), ("int64", np.int64))
        ]
        block = Block(str(raw["manifest"]), arrays[0], arrays[1])
    return Graph(top.nodes, top.edges, str(header["version"]), block)
