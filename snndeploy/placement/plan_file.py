"""A placement as a JSON file, and back: only for the network it was made for, and only as it was written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.files import existing, replacing
from snndeploy.network.arrays import Array
from snndeploy.network.digest import network_hash
from snndeploy.network.network import Network
from snndeploy.placement.pieces import pieces
from snndeploy.placement.plan import Core, Placement

VERSION = 1
FIX = "place the network again: snndeploy place q.nir --target ... -o plan.json"


def document(plan: Placement, network: Network) -> dict[str, Any]:
    """What a file holds: the plan, an address map in both directions, hashes of the network and of all of it.

    `core_of` leads from a neuron to its core. `cores_hold` leads back: by core, (population, [first, last]) runs in the
    order of its compartments, so that compartment 0 is the first neuron of the first run.
    """
    held: list[list[tuple[str, list[list[int]]]]] = [[] for _ in plan.cores]
    parts = pieces(network, plan.core_of)
    for name in network.population:
        for each in parts[name]:
            held[each.core].append((name, _runs(each.neurons)))
    made = {"snndeploy_plan": VERSION, "network": network_hash(network), **plan.as_dict(), "cores_hold": held}
    plain: dict[str, Any] = json.loads(json.dumps(made))
    return {**plain, "checksum": _checksum(plain)}


def text(plan: Placement, network: Network) -> str:
    return json.dumps(document(plan, network), sort_keys=True) + "\n"


def write(plan: Placement, network: Network, path: str | Path) -> None:
    """Writes `document` to a .json file.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    with replacing(path) as made:
        made.write_text(text(plan, network), "utf-8")


def read(path: str | Path, network: Network) -> Placement:
    """The placement in a file.

    Raises:
        SnnDeployError SD801: there is no such file. SD263: it is no plan, or was changed since it was written. SD260:
            it is a plan of another network.
    """
    where = str(path)
    try:
        given = json.loads(existing(path, "plan").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise error("SD263", where, f"it cannot be read: {problem}", FIX) from None
    if not isinstance(given, dict) or "snndeploy_plan" not in given:
        raise error("SD263", where, "it is no plan of snndeploy", FIX)
    if given["snndeploy_plan"] != VERSION:
        what = f"it is a plan of version {given['snndeploy_plan']!r}, this snndeploy reads {VERSION}"
        raise error("SD263", where, what, FIX)
    checksum = given.pop("checksum", None)
    if checksum != _checksum(given):
        raise error("SD263", where, "it was changed since it was written: its checksum differs", FIX)
    if given.get("network") != network_hash(network):
        what = "it is the plan of another network, or of this one before it was changed: their hashes differ"
        raise error("SD260", where, what, FIX)
    try:
        return _placement(given, network)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise error("SD263", where, f"it does not hold what a plan holds: {problem!r}", FIX) from None
    except SnnDeployError as problem:
        raise error("SD263", where, "; ".join(f.what for f in problem.findings), FIX) from None


def _placement(given: dict[str, Any], network: Network) -> Placement:
    cores = tuple(Core(**_own(Core, row)) for row in given["core"])
    core_of = {name: np.asarray(given["core_of"][name], np.int64) for name in network.population}
    pieces(network, core_of)
    findings = tuple(Finding(**_own(Finding, each)) for each in given["findings"])
    sites = np.asarray(given["sites"], np.int64).reshape(len(cores), 3)
    size = int(given["chip_cores"])
    arranged, strategy = str(given["arranged"]), str(given["strategy"])
    return Placement(given["target"], size, cores, core_of, sites, arranged, findings, strategy)


def _own(kind: Any, row: dict[str, Any]) -> dict[str, Any]:
    """What of a row are fields of a dataclass."""
    return {each.name: row[each.name] for each in fields(kind)}


def _checksum(plain: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(plain, sort_keys=True).encode(), digest_size=16).hexdigest()


def _runs(neurons: Array) -> list[list[int]]:
    """[first, last] of numbers that follow on one another."""
    ends = np.flatnonzero(np.diff(neurons) != 1)
    first = neurons[np.concatenate([[0], ends + 1])]
    last = neurons[np.concatenate([ends, [len(neurons) - 1]])]
    return [[int(a), int(b)] for a, b in zip(first, last, strict=True)]
