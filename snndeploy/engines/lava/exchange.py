"""A plan with its data as one `.npz` file: what goes to the worker interpreter, without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines.lava.neurons import Axon, Neurons
from snndeploy.engines.lava.plan import Connection, Feed, Plan
from snndeploy.network.arrays import Array
from snndeploy.network.registers import Format

SPARSE = ("data", "indices", "indptr")


def save(path: Path, plan: Plan, data: Mapping[str, Array], record: tuple[str, ...]) -> None:
    """Writes a plan and, per feed, its samples `(batch, size, steps)`."""
    arrays: dict[str, Array] = {}
    for i, each in enumerate(plan.neurons):
        arrays |= {f"n{i}.{key}": value for key, value in each.numbers.items()}
    for i, connection in enumerate(plan.connections):
        matrix = connection.matrix
        parts = {"dense": matrix} if isinstance(matrix, np.ndarray) else {key: getattr(matrix, key) for key in SPARSE}
        arrays |= {f"c{i}.{key}": value for key, value in parts.items()}
    for i, feed in enumerate(plan.feeds):
        arrays[f"f{i}"] = data[feed.name]
    text = {
        "form": plan.form,
        "latency": plan.latency,
        "record": record,
        "feeds": [asdict(feed) for feed in plan.feeds],
        "neurons": [
            {key: getattr(each, key) for key in ("name", "size", "kind", "start")} | {"settings": dict(each.settings)}
            for each in plan.neurons
        ],
        "connections": [
            {key: getattr(c, key) for key in ("name", "source", "target", "extra", "receptor", "graded")}
            | {"shape": c.matrix.shape, "format": c.format and asdict(c.format)}
            for c in plan.connections
        ],
    }
    np.savez(path, plan=np.array(json.dumps(text)), **arrays)  # type: ignore[arg-type]


def load(path: Path) -> tuple[Plan, dict[str, Array], tuple[str, ...]]:
    """What `save` wrote."""
    from scipy.sparse import csr_array

    with np.load(path) as file:
        text = json.loads(str(file["plan"]))
        arrays = {key: file[key] for key in file.files if key != "plan"}
    none: tuple[Axon, ...] = ()
    neurons = [Neurons(**each, numbers=_under(arrays, f"n{i}."), axons=none) for i, each in enumerate(text["neurons"])]
    connections = []
    for i, each in enumerate(text["connections"]):
        parts, shape, form = _under(arrays, f"c{i}."), each.pop("shape"), each.pop("format")
        matrix: Any = parts.get("dense")
        if matrix is None:
            matrix = csr_array(tuple(parts[key] for key in SPARSE), shape=shape)
        connections.append(Connection(**each, matrix=matrix, format=Format(**form) if form else None))
    feeds = tuple(Feed(**each) for each in text["feeds"])
    data = {feed.name: arrays[f"f{i}"] for i, feed in enumerate(feeds)}
    plan = Plan(text["form"], feeds, tuple(neurons), tuple(connections), text["latency"])
    return plan, data, tuple(text["record"])


def _under(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
