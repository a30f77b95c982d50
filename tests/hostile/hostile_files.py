"""File number n of a campaign: the same source, the same mutation, the same options, whenever it is asked for."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hostile_bytes import DAMAGES
from hostile_contents import BLOCKS, CONTENTS, GRAPHS, LAYERS
from hostile_sources import Source
from hostile_structure import CHANGES, Change, filtered

# how often each kind of mutation is chosen
SHARES = {"bytes": 0.3, "structure": 0.28, "values": 0.16, "graph": 0.12, "block": 0.14}
OPTIONS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}, {"dt": 1e-3}, {"dt": 1e-4, "reset": "to-zero"}, {"dt": 1e-5, "reset": "by-threshold-next"}),
    *({"dt": 1e-3, "reset": "to-v_reset-residual", "kind": "real"}, {"integrators": "per-step"}, {"kind": "counts"}),
    *({"dt": 1e-4, "reset": "to-zero", "ignore_block": True}, {"dt": 1e300}, {"dt": 5e-324, "reset": "to-zero"}),
)


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        group, mutation: what was done to the source.
        options: of `snndeploy.read`.
    """

    number: int
    source: str
    group: str
    mutation: str
    suffix: str
    options: dict[str, Any]


def make(path: Path, sources: list[Source], seed: int, number: int) -> Case:
    """Writes hostile file `number` of campaign `seed` to `path` (without suffix) and says what it is."""
    rng = np.random.default_rng([seed, number])
    source = sources[int(rng.integers(len(sources)))]
    group = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    net = source.kind == "net"
    changes = {
        "structure": CHANGES,
        "values": CONTENTS,
        "graph": LAYERS if net else GRAPHS,
        "block": LAYERS if net else BLOCKS,
    }
    path = path.with_suffix(".net" if net else ".nir")
    options = dict(source.options)
    if rng.random() < 0.4:
        options |= OPTIONS[int(rng.integers(len(OPTIONS)))]
    if group == "bytes":
        damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
        path.write_bytes(damage(rng, bytearray(source.raw)))
        return Case(number, source.name, group, damage.__name__, path.suffix, options)
    known = changes[group]
    chosen = [known[int(rng.integers(len(known)))] for _ in range(1 if rng.random() < 0.75 else 2)]
    path.write_bytes(source.raw)
    if filtered in chosen:
        # HDF5 crashes on some filters that it is told to use: then the file is what is there
        process = os.fork()
        if process == 0:
            with contextlib.suppress(BaseException):
                alter(path, chosen, rng)
            os._exit(0)
        os.waitpid(process, 0)
    else:
        alter(path, chosen, rng)
    return Case(number, source.name, group, "+".join(c.__name__ for c in chosen), path.suffix, options)


def alter(path: Path, chosen: list[Change], rng: np.random.Generator) -> None:
    with h5py.File(path, "r+") as file:
        for change in chosen:
            # HDF5 refuses some; what was done before stays
            with contextlib.suppress(KeyError, ValueError, OSError, RuntimeError, TypeError):
                change(rng, file)
