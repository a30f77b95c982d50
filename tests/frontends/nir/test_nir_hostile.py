"""Files that want to crash, hang, bloat or mislead: each ends in a coded error or a legal network, in bounded time.

Most files are opened by one server that forks for each of them, so that a crash stays a crash and a file costs
milliseconds; some go the whole way through a fresh child.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hostile_server import Server
from random_networks import float_network, integer_network

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.nir import loading, read, write
from snndeploy.frontends.nir.loading import Limits
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule, spec


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    running = Server()
    yield running.open
    running.close()


def outcome(path: Path, **options: Any) -> str:
    """ "legal", or the codes of the error. Anything else is a failure of the test."""
    before, start = path.read_bytes(), time.monotonic()
    findings: tuple[Finding, ...] = ()
    try:
        assert not spec.findings(read(path, **options))
    except SnnDeployError as problem:
        findings = problem.findings
    assert all(finding.code[:3] in ("SD1", "SD4") for finding in findings)
    assert all(str(path) in finding.where for finding in findings)
    found = findings[0].code if findings else "legal"
    assert time.monotonic() - start < 5
    assert path.read_bytes() == before
    return found


def example(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    write(float_network(rng) if seed % 2 else integer_network(rng), path)
    return path


def test_flipped_and_cut_bytes(tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_open", server)
    rng = np.random.default_rng(0)
    seen: dict[str, int] = {}
    path = tmp_path / "x.nir"
    for seed in range(4):
        whole = bytearray(example(tmp_path / "whole.nir", seed).read_bytes())
        for case in range(60):
            raw = bytearray(whole)
            if case % 6 == 0:
                raw = raw[: int(rng.integers(len(raw)))]
            else:
                # the head of the file holds the structure
                reach = len(raw) if case % 2 else min(len(raw), 6000)
                for at in rng.integers(0, reach, int(rng.integers(1, 40))):
                    raw[at] = int(rng.integers(256))
            path.write_bytes(bytes(raw))
            options = {"ignore_block": True, "dt": 1e-3, "reset": "to-zero"} if case % 3 == 0 else {}
            found = outcome(path, **options)
            seen[found] = seen.get(found, 0) + 1
    assert sum(seen.values()) == 240
    assert len(seen) >= 3
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["whole.nir", "x.nir"]


def set_value(rng: np.random.Generator, file: h5py.File) -> None:
    """One dataset of the graph gets values that make no sense."""
    found: list[h5py.Dataset] = []
    file["node/nodes"].visititems(lambda _, each: found.append(each) if isinstance(each, h5py.Dataset) else None)
    numbers = [each for each in found if each.dtype.kind in "fi"]
    chosen = numbers[int(rng.integers(len(numbers)))]
    value = rng.choice([np.nan, np.inf, -1.0, 0.0, 1e300, -1e-300, 2.0**31, 1e9])
    with np.errstate(invalid="ignore"):
        chosen[...] = np.full(chosen.shape, value).astype(chosen.dtype)


def set_shape(rng: np.random.Generator, file: h5py.File) -> None:
    """One dataset becomes another shape or type."""
    found: list[str] = []
    file["node/nodes"].visititems(lambda name, each: found.append(name) if isinstance(each, h5py.Dataset) else None)
    name = "node/nodes/" + found[int(rng.integers(len(found)))]
    del file[name]
    options = [np.zeros((0,)), np.ones((1, 1, 1)), np.float32(3), np.ones(7, "i1"), b"text", np.ones((2, 3), bool)]
    file[name] = options[int(rng.integers(len(options)))]


def set_manifest(rng: np.random.Generator, file: h5py.File) -> None:
    """The manifest gets other words and numbers."""
    text = file["node/metadata/snndeploy/manifest"][()].decode()
    words = ["0", "-1", "1e999", "NaN", "null", "[]", "{}", '"x"', "99999999999999999999", "[[[[", "9" * 5000, "true"]
    lines = text.split("\n")
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(lines)))
        head, colon, tail = lines[at].partition(": ")
        end = "," if tail.rstrip().endswith(",") else ""
        lines[at] = (
            f"{head}{colon}{rng.choice(words)}{end}" if colon and tail[:1] not in "[{" else rng.choice(words) + end
        )
    del file["node/metadata/snndeploy/manifest"]
    file["node/metadata/snndeploy/manifest"] = "\n".join(lines)


@pytest.mark.parametrize("change", [set_value, set_shape, set_manifest])
def test_senseless_content(tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    monkeypatch.setattr(loading, "_open", server)
    rng = np.random.default_rng(1)
    seen: dict[str, int] = {}
    for seed in range(4):
        whole = example(tmp_path / "whole.nir", seed).read_bytes()
        for case in range(25):
            path = tmp_path / "x.nir"
            path.write_bytes(whole)
            with h5py.File(path, "r+") as file:
                change(rng, file)
            options = {"ignore_block": True, "dt": 1e-3, "reset": "to-zero"} if case % 2 else {}
            found = outcome(path, **options)
            seen[found] = seen.get(found, 0) + 1
    assert len(seen) >= 2


def graph_file(path: Path) -> h5py.File:
    """A whole file, open for changes."""
    network = Network(
        1e-3,
        (Input("in", (4,)),),
        (Population("p", (3,), Rule(0.9, 1.0)),),
        (Projection("in", "p", (Dense(np.ones((3, 4))),), name="w"),),
        ("p",),
    )
    write(network, path)
    return h5py.File(path, "r+")


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.ones((3, 4))
    for number, link in enumerate((h5py.ExternalLink(str(secret), "x"), h5py.SoftLink("/node/nodes/w/weight"))):
        path = tmp_path / f"{number}.nir"
        with graph_file(path) as file:
            del file["node/nodes/w/weight"]
            file["node/nodes/w/weight"] = link
        with pytest.raises(SnnDeployError, match=r"SD403.*weight: it is a link"):
            read(path)


def test_data_elsewhere_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(np.ones((3, 4)).tobytes())
    path = tmp_path / "x.nir"
    with graph_file(path) as file:
        del file["node/nodes/w/weight"]
        file["node/nodes/w"].create_dataset("weight", (3, 4), "f8", external=[(str(tmp_path / "raw"), 0, 96)])
    with pytest.raises(SnnDeployError, match=r"SD403.*in another file"):
        read(path)
    layout = h5py.VirtualLayout((3, 4), "f8")
    layout[:] = h5py.VirtualSource(str(path), "node/nodes/w/weight", (3, 4))
    with graph_file(path) as file:
        del file["node/nodes/w/weight"]
        file["node/nodes/w"].create_virtual_dataset("weight", layout)
    with pytest.raises(SnnDeployError, match=r"SD403.*in another file"):
        read(path)


def test_groups_that_contain_themselves(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    with graph_file(path) as file:
        file["node/nodes/again"] = file["node"]
    with pytest.raises(SnnDeployError, match=r"SD403.*contains itself"):
        read(path)


def test_shapes_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    with graph_file(path) as file:
        del file["node/nodes/w/weight"]
        file["node/nodes/w"].create_dataset("weight", (10**6, 10**6), "f8", chunks=(100, 100), compression="gzip")
    assert path.stat().st_size < 10**6
    with pytest.raises(SnnDeployError, match=r"SD402.*needs 8,000,000,000,000 bytes.*Limits.bytes"):
        read(path)


def test_too_many_and_too_deep(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    with graph_file(path) as file:
        for i in range(30):
            file.copy("node/nodes/p", f"node/nodes/p{i}")
    with pytest.raises(SnnDeployError, match=r"SD402.*exceed 20"):
        read(path, limits=Limits(nodes=20))
    with graph_file(path) as file:
        inner = file["node"]
        for _ in range(5):
            file.copy(inner["nodes/p"], inner["nodes"], "g")
            inner = inner["nodes/g"]
            for name in list(inner):
                del inner[name]
            inner["type"] = "NIRGraph"
            file.copy(file["node/edges"], inner, "edges")
            file.copy(file["node/nodes/p"], inner.create_group("nodes"), "p")
    with pytest.raises(SnnDeployError, match=r"SD402.*nested deeper than 3"):
        read(path, limits=Limits(depth=3))


def test_time_and_memory_end(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    with graph_file(path) as file:
        del file["node/nodes/w/weight"]
        file["node/nodes/w"].create_dataset("weight", (4000, 8000), "f8", chunks=(4000, 8000), compression="gzip")
        file["node/nodes/w/weight"][0, 0] = 1
    with pytest.raises(SnnDeployError, match=r"SD40[12]"):
        read(path, limits=Limits(memory=2**28))
    start = time.monotonic()
    with pytest.raises(SnnDeployError, match=r"SD402.*longer than 0.01 s"):
        read(path, limits=Limits(seconds=0.01))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "raw",
    [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"\xff" * 500],
    ids=["empty", "text", "head", "junk"],
)
def test_not_hdf5(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.nir"
    path.write_bytes(raw)
    with pytest.raises(SnnDeployError, match=f"SD401 {path}"):
        read(path)


def test_other_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    with h5py.File(path, "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(SnnDeployError, match=r"SD404.*it has no 'node'"):
        read(path)
    with h5py.File(path, "w") as file:
        file["node/type"] = "LIF"
        file["node/tau"] = np.ones(3)
    with pytest.raises(SnnDeployError, match=r"SD404.*node 'lif', r: a LIF must have it"):
        read(path)


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.nir", tmp_path):
        with pytest.raises(SnnDeployError, match="SD801"):
            read(path)


def test_a_child_starts_fast_and_nothing_stays(tmp_path: Path) -> None:
    graph_file(tmp_path / "x.nir").close()
    children = {p for p in os.listdir("/proc") if p.isdigit()} if os.path.isdir("/proc") else set()
    best = 9.0
    for _ in range(5):
        start = time.monotonic()
        read(tmp_path / "x.nir")
        best = min(best, time.monotonic() - start)
    assert best < 1.0
    mine = [p for p in os.listdir("/proc") if p.isdigit()] if children else []
    assert not any(_is_mine(p) for p in mine)


def _is_mine(process: str) -> bool:
    try:
        line = Path(f"/proc/{process}/cmdline").read_bytes()
        parent = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1]
    except OSError:
        return False
    return str(loading.CHILD).encode() in line.split(b"\0") and int(parent) == os.getpid()
