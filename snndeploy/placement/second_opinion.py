"""A second opinion on the cost on Loihi 1: SANA-FE, on the same placement and the same spikes.

SANA-FE (J. Boyle et al., IEEE TCAD 44(8), 2025; GPL-3, `pip install "snndeploy[sanafe]"`) simulates messages in the
mesh, with contention, and was calibrated on a chip. It runs in a process of its own. Its neurons replay our spikes, so
that energies differ by coefficients and by what is counted, never by a spike.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from snndeploy.engines import Trace
from snndeploy.errors import Finding, MissingEngineError, error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Sparse, chain_matrix
from snndeploy.network.network import Network
from snndeploy.placement.cost import Cost, cost
from snndeploy.placement.plan import Placement
from snndeploy.placement.rates import events
from snndeploy.placement.traffic import reached
from snndeploy.targets import Target
from snndeploy.targets import load as load_target

# what SANA-FE's Loihi is: tiles along x and y, cores of a tile, compartments of a core
TILES, PER_TILE, COMPARTMENTS = (8, 4), 4, 1024
# neurons times steps, and synapses, that are handed over
BINS, SYNAPSES = 2**22, 2**22
SECONDS = 900
# how two sums of the same numbers may differ
SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Opinion:
    """What SANA-FE says beside ours, per step, on the first samples of a trace.

    Attributes:
        ours: our cost of the same samples.
        synapse, soma, network: J per step. network: without what inputs send, which is the host's.
        from_outside: J per step, what SANA-FE adds for inputs to send their events.
        step_time: s.
        packets: messages per step, those of inputs too.
    """

    ours: Cost
    samples: int
    synapse: float
    soma: float
    network: float
    from_outside: float
    step_time: float
    packets: float

    @property
    def total(self) -> float:
        return self.synapse + self.soma + self.network

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """A header and a line per kind: ours, SANA-FE's, and where it lies to ours."""
        ours, energy = self.ours, self.ours.energy
        found = [("per step", "here", "SANA-FE", "")]
        pairs = (
            ("synapses", energy["synaptic operations"], self.synapse, "J"),
            ("neurons", energy["updates"] + energy["spikes"], self.soma, "J"),
            ("messages and hops", energy["messages"] + energy["hops"], self.network, "J"),
            ("energy", ours.dynamic, self.total, "J"),
            ("time", ours.step_time, self.step_time, "s"),
        )
        for name, here, there, unit in pairs:
            where = "inside"
            if there > here.high * (1 + SAME):
                where = f"{there / here.high:.2f} of our highest" if here.high else "above ours"
            elif there < here.low * (1 - SAME):
                where = f"{there / here.low:.2f} of our lowest"
            found.append((name, here.text(unit), type(here)(there, there).text(unit), where))
        return found

    def as_dict(self) -> dict[str, Any]:
        named = ("samples", "synapse", "soma", "network", "from_outside", "total", "step_time", "packets")
        ours = {"energy": self.ours.dynamic.as_dict(), "step_time": self.ours.step_time.as_dict()}
        return {"sanafe": {name: getattr(self, name) for name in named}, "ours_of_the_same_samples": ours}

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in self.rows) for i in range(3)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]), row[3]]).rstrip()
            for row in self.rows
        ]
        which = "1 sample" if self.samples == 1 else f"{self.samples:,} samples"
        return "\n".join([f"second opinion: SANA-FE on {which}", *lines])


def second_opinion(
    placement: Placement, network: Network, trace: Trace, target: str | Path | Target | None = None
) -> Opinion:
    """SANA-FE's energy and time of a trace on the same cores, and ours of the same samples.

    Raises:
        MissingEngineError SD502: SANA-FE is not installed.
        SnnDeployError SD253: SANA-FE's Loihi cannot hold the placement, or it is too large. SD254: SANA-FE failed. And
            what `cost.cost` raises.
    """
    if find_spec("sanafe") is None:
        fix = 'pip install "snndeploy[sanafe]" (GPL-3, Linux)'
        raise MissingEngineError(Finding("SD502", "second opinion", "SANA-FE is not installed", fix))
    chip = load_target(placement.target if target is None else target)
    size = sum(int(np.prod(shape)) for shape in network.shapes.values())
    if size * trace.steps > BINS:
        raise _no(f"{size:,} neurons and inputs over {trace.steps:,} steps are more than {BINS:,}", "a shorter sample")
    part = _first(trace, max(1, min(trace.batch, BINS // (size * trace.steps))))
    ours = cost(placement, network, part, chip)
    sites = _sites(placement, chip)
    groups, arrays = _groups(network, placement, part, sites)
    edges, pairs = _edges(network)
    steps = part.steps * part.batch
    # SANA-FE knows no delays: they move messages to other steps, and those behind the end of a sample count there
    job = {"groups": groups, "edges": edges, "steps": steps, "timing": "detailed", "still": _still(ours)}
    found = _run(job, arrays | pairs)
    hosts = {each["name"]: arrays[f"core{i}"] for i, each in enumerate(groups) if each["host"]}
    outside = _sent_by_inputs(network, placement, part, hosts, sites, found["price"])
    return _opinion(ours, part, outside, found)


def _no(what: str, fix: str) -> Exception:
    return error("SD253", "second opinion sanafe", what, fix)


def _first(trace: Trace, samples: int) -> Trace:
    def cut(held: Mapping[str, Array]) -> dict[str, Array]:
        return {name: rows[:, :samples] for name, rows in held.items()}

    return replace(trace, inputs=cut(trace.inputs), spikes=cut(trace.spikes), u=cut(trace.u), v=cut(trace.v))


def _sites(placement: Placement, chip: Target) -> Array:
    """SANA-FE's number of each core: tiles are counted along y first."""
    mesh = chip.mesh
    own = (mesh.tiles_x.value, mesh.tiles_y.value), mesh.cores_per_tile.value
    if own != (TILES, PER_TILE):
        what = f"its Loihi has 8 by 4 tiles of 4 cores, {chip.name} has {own[0][0]} by {own[0][1]} of {own[1]}"
        raise _no(what, "ask for loihi1")
    if placement.chips > 1:
        raise _no(f"its Loihi is one chip, the placement needs {placement.chips:,}", "a smaller network")
    tile = placement.sites[:, 1] * TILES[1] + placement.sites[:, 2]
    order = np.argsort(tile, kind="stable")
    rank = np.arange(len(tile)) - np.searchsorted(tile[order], tile[order])
    number = np.zeros(len(tile), np.int64)
    number[order] = tile[order] * PER_TILE + rank
    return number


def _groups(
    network: Network, placement: Placement, trace: Trace, sites: Array
) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Populations on their cores, and inputs on cores that are free."""
    free = np.setdiff1d(np.arange(TILES[0] * TILES[1] * PER_TILE), sites)
    used = np.zeros(len(sites), np.int64)
    groups: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    taken = 0
    sends = [name for name in network.shapes if any(p.source == name for p in network.projections)]
    for name in [*network.population, *(n for n in sends if n not in network.population)]:
        i, size = len(groups), int(np.prod(network.shapes[name]))
        if name in network.population:
            on = placement.core_of[name]
            unit = np.zeros(size, np.int64)
            for core in np.unique(on):
                mine = np.flatnonzero(on == core)
                unit[mine] = used[core] + np.arange(len(mine))
                used[core] += len(mine)
            core_of, host = sites[on], False
        else:
            at, unit = np.divmod(taken + np.arange(size), COMPARTMENTS)
            taken += -(-size // COMPARTMENTS) * COMPARTMENTS
            if at.max(initial=0) >= len(free):
                raise _no("no core is left on which its inputs could stand for the host", "a smaller network")
            core_of, host = free[at], True
        if used.max(initial=0) > COMPARTMENTS:
            raise _no(f"a core holds {used.max():,} neurons, its cores {COMPARTMENTS:,}", "ask for loihi1")
        there = name in trace.spikes or name not in network.population
        spikes = _replayed(network, trace, name) if there else np.zeros((size, trace.steps * trace.batch), bool)
        groups.append({"name": name, "host": host, "synapses": _synapses(network, name)})
        arrays |= {f"core{i}": core_of, f"unit{i}": unit, f"spikes{i}": spikes}
    return groups, arrays


def _replayed(network: Network, trace: Trace, name: str) -> Array:
    """Sample behind sample, bool (neurons, samples·steps)."""
    there = events(network, trace, name)
    return np.ascontiguousarray(there.transpose(2, 1, 0)).reshape(there.shape[2], -1)


def _synapses(network: Network, name: str) -> str:
    """SANA-FE prices synapses by their kind: that of what feeds the population."""
    kinds = {type(each) for p in network.into(name) for each in p.maps if each.weighted}
    return "conv" if kinds == {Conv} else "sparse" if kinds == {Sparse} else "dense"


def _edges(network: Network) -> tuple[list[dict[str, str]], dict[str, Array]]:
    edges, arrays, total = [], {}, 0
    for i, p in enumerate(network.projections):
        entries = chain_matrix(p.maps, network.shapes[p.source]).tocoo()
        total += entries.nnz
        if total > SYNAPSES:
            raise _no(f"it has more than {SYNAPSES:,} synapses", "a smaller network")
        edges.append({"source": p.source, "target": p.target})
        arrays[f"pairs{i}"] = np.stack([entries.coords[1], entries.coords[0]], axis=1)
    return edges, arrays


def _run(job: dict[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(job), "utf-8")
        np.savez(folder / "job.npz", **arrays)  # type: ignore[arg-type]
        command = [sys.executable, "-m", "snndeploy.placement.sanafe_run", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise error("SD254", "second opinion sanafe", f"it did not end in {SECONDS} s", "fewer steps") from None
        if done.returncode or not (folder / "found.json").exists():
            last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            raise error("SD254", "second opinion sanafe", last, "report it with the model")
        found: dict[str, Any] = json.loads((folder / "found.json").read_text("utf-8"))
        return found


def _opinion(ours: Cost, trace: Trace, outside: float, found: Mapping[str, Any]) -> Opinion:
    bins, energy = trace.steps * trace.batch, found["energy"]
    return Opinion(
        ours,
        trace.batch,
        energy["synapse"] / bins,
        energy["soma"] / bins,
        (energy["network"] - outside) / bins,
        outside / bins,
        found["time"] / bins,
        found["packets_sent"] / bins,
    )


def _still(ours: Cost) -> float:
    """The part of all neurons that changes in a step without a spike; without u and v the middle of what is known."""
    active = ours.events["active updates"]
    return ((active.low + active.high) / 2 - ours.events["spikes"].low) / ours.events["updates"].low


def _sent_by_inputs(
    network: Network,
    placement: Placement,
    trace: Trace,
    hosts: Mapping[str, Array],
    sites: Array,
    price: Mapping[str, float],
) -> float:
    """J of the messages of inputs and their way: one per spike and core, whatever the number of projections.

    hosts: SANA-FE's core of each input neuron, by name of input.
    """
    axons = reached(network, placement.core_of)
    total = 0.0
    for name, core in hosts.items():
        whole: Any = sum(axons[p.name] for p in network.projections if p.source == name)
        onto, source = (whole > 0).tocoo().coords
        fired = events(network, trace, name).sum(axis=(0, 1))[source]
        a, b = core[source] // PER_TILE, sites[onto] // PER_TILE
        along_x, along_y = (np.abs(x - y) for x, y in zip(np.divmod(a, TILES[1]), np.divmod(b, TILES[1]), strict=True))
        each = price["energy_message_out"] + along_x * price["energy_east_hop"] + along_y * price["energy_north_hop"]
        total += float(fired @ each)
    return total
