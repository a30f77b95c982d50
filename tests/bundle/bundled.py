"""Shared by the tests of bundles: one small bundle, and archives that somebody tampered with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import random_networks

from snndeploy.bundle.verifier import archive
from snndeploy.bundle.verifier.reading import text
from snndeploy.bundle.writing import bundle
from snndeploy.network import (
    Conv,
    Decision,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Registers,
)


def small() -> Network:
    """A convolution, a pool, a loop and a readout; every kind of map but a sparse one."""
    rng = np.random.default_rng(5)

    def weight(*shape):
        return rng.integers(-20, 60, shape) * 2

    populations = (
        Population("conv", (2, 4, 4), Registers(1024, 512, 200)),
        Population("hidden", (6,), Registers(4095, 300, 500, bias_mant=3, bias_exp=2)),
        Population("out", (3,), Registers(4095, 100, 300)),
    )
    projections = (
        Projection("in", "conv", (Conv(weight(2, 1, 3, 3)),), format=Format()),
        Projection(
            "conv", "hidden", (Pool((2, 2), (2, 2), kind="sum"), Flatten(), Dense(weight(6, 8))), format=Format()
        ),
        Projection("hidden", "hidden", (Dense(weight(6, 6) // 4 * 2),), 1, format=Format(-1)),
        Projection("hidden", "out", (Dense(weight(3, 6)),), format=Format()),
    )
    return Network(1e-3, (Input("in", (1, 6, 6)),), populations, projections, ("out",), Decision("out"))


def written(path: Path, network: Network | None = None, seed: int = 0, **settings) -> dict:
    network = network or small()
    rng = np.random.default_rng(seed)
    return bundle(network, random_networks.spikes_for(rng, network, 12, 2), path, **settings)


def sealed(members: dict[str, bytes]) -> bytes:
    """An archive whose manifest fits its files: what a forger would make."""
    rest = {name: data for name, data in members.items() if name != "manifest.json"}
    manifest = json.loads(members["manifest.json"])
    manifest["files"] = {n: {"bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in rest.items()}
    return b"".join(archive.pack({**rest, "manifest.json": text(manifest)}))


def edited(members: dict[str, bytes], name: str, change) -> dict[str, bytes]:
    """With another JSON document."""
    content = json.loads(members[name])
    changed = change(content)
    return {**members, name: text(content if changed is None else changed)}
