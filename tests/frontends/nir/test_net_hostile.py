"""Damaged exchange files of lava-dl: a coded error or a legal network, in bounded time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from test_nir_hostile import outcome, server  # noqa: F401  a fixture

from snndeploy.frontends.nir import loading


def whole(path: Path) -> bytes:
    with h5py.File(path, "w") as file:
        for i, (out, size) in enumerate(((5, 6), (3, 5))):
            group = file.create_group(f"layer/{i}")
            group["type"] = np.array([b"dense"], "S10")
            group["shape"], group["weight"] = np.array([out, 1, 1]), 2 * np.arange(out * size).reshape(out, size)
            for name, value in {"iDecay": 4096, "vDecay": 415, "vThMant": 6}.items():
                group[f"neuron/{name}"] = value
            group["neuron/type"] = "CUBA"
    return path.read_bytes()


def test_flipped_and_cut_bytes(tmp_path: Path, request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_open", request.getfixturevalue("server"))
    rng, path, seen = np.random.default_rng(0), tmp_path / "x.net", set()
    good = whole(path)
    assert outcome(path, dt=1e-3) == "legal"
    for case in range(150):
        raw = bytearray(good[: int(rng.integers(len(good)))] if case % 8 == 0 else good)
        for at in rng.integers(0, len(raw) or 1, int(rng.integers(1, 12))) if case % 8 else ():
            raw[at] = int(rng.integers(256))
        path.write_bytes(bytes(raw))
        seen.add(outcome(path, dt=1e-3))
    assert len(seen) >= 3


def test_links_are_not_followed(tmp_path: Path, request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_open", request.getfixturevalue("server"))
    for link in (h5py.SoftLink("/layer"), h5py.ExternalLink("/etc/passwd", "x")):
        for name in ("neuron", "weight"):
            path = tmp_path / "x.net"
            whole(path)
            with h5py.File(path, "r+") as file:
                del file[f"layer/0/{name}"]
                file[f"layer/0/{name}"] = link
            assert outcome(path, dt=1e-3) == "SD403"
