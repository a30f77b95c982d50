"""The address tables of a placed network: what is written into the cores, and nothing beside it.

A core has compartments, one per neuron, and input axons; an axon leads to synapses, each a compartment of this core
and a mantissa. A spike goes along the routes of its neuron: to a core, to one of its axons. Compartments of a core are
numbered from 0 in the order of the network's populations and of their neurons; axons from 0 in the order of the
network's projections and of their source neurons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from snndeploy.files import replacing
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Network
from snndeploy.placement.pieces import Piece, pieces

# odd constants of a multiplicative hash
MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, eq=False)
class Routes:
    """Where the spikes of a source go: neuron i to the axons `axon[start[i]:start[i + 1]]` (numbers over all cores)."""

    start: Array
    axon: Array


@dataclass(frozen=True, eq=False)
class Tables:
    """Flat arrays over all cores, int64; the axons of core c are `axon_start[c]` .. `axon_start[c + 1] - 1`.

    Attributes:
        pieces: what each core holds, core by core.
        compartment_start: (cores + 1,). core_of, compartment_of: core of each neuron, and its number there, by
            population.
        axon_projection: (axons,), number of the projection that an axon belongs to: its exponent and delay.
        synapse_start: (axons + 1,). compartment: within the core; mantissa: (synapses,).
        routes: by name of a population or an input.
    """

    pieces: tuple[tuple[Piece, ...], ...]
    compartment_start: Array
    core_of: Mapping[str, Array]
    compartment_of: Mapping[str, Array]
    axon_start: Array
    axon_projection: Array
    synapse_start: Array
    compartment: Array
    mantissa: Array
    routes: Mapping[str, Routes]

    @property
    def cores(self) -> int:
        return len(self.pieces)

    @property
    def parts(self) -> list[tuple[int, Piece]]:
        """(core, what it holds of a population), core by core."""
        return [(core, each) for core, held in enumerate(self.pieces) for each in held]

    @property
    def axon_core(self) -> Array:
        """Core of every axon."""
        return np.repeat(np.arange(self.cores), np.diff(self.axon_start))

    def address(self, population: str, neuron: int) -> tuple[int, int]:
        """(core, compartment) of a neuron, by its row-major number."""
        return int(self.core_of[population][neuron]), int(self.compartment_of[population][neuron])

    def neuron(self, core: int, compartment: int) -> tuple[str, int]:
        """(population, row-major number) of a compartment. Raises IndexError if there is none."""
        if 0 <= core < self.cores and compartment >= 0:
            for each in self.pieces[core]:
                if compartment < len(each.neurons):
                    return each.population, int(each.neurons[compartment])
                compartment -= len(each.neurons)
        raise IndexError(f"core {core} has no compartment {compartment}")


def arrays(held: Tables, network: Network) -> dict[str, Array]:
    """All of the tables as arrays by name, for a .npz file; names of inputs and populations stand behind a slash."""
    made = {
        "compartment_start": held.compartment_start,
        "axon_start": held.axon_start,
        "axon_projection": held.axon_projection,
        "synapse_start": held.synapse_start,
        "synapse_compartment": held.compartment,
        "synapse_mantissa": held.mantissa,
        "projections": np.array([p.name for p in network.projections]),
        "exponents": np.array([0 if p.format is None else p.format.exponent for p in network.projections]),
        "delays": np.array([p.delay for p in network.projections]),
    }
    for name in network.population:
        made |= {f"core_of/{name}": held.core_of[name], f"compartment_of/{name}": held.compartment_of[name]}
    for name, sent in held.routes.items():
        made |= {f"routes_start/{name}": sent.start, f"routes_axon/{name}": sent.axon}
    return made


def write(held: Tables, network: Network, path: str | Path) -> None:
    """Writes `arrays` to a .npz file.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    with replacing(path) as made, made.open("wb") as stream:
        np.savez_compressed(stream, **arrays(held, network))  # type: ignore[arg-type]


def tables(network: Network, core_of: Mapping[str, Array], shared: bool = True) -> Tables:
    """The tables that an assignment makes.

    Args:
        core_of: core of each neuron by population.
        shared: source neurons of a projection whose synapses on a core are equal come in on one axon, as `place` counts
            them on a target whose axons are shared.

    Raises:
        SnnDeployError SD260: the assignment is not of this network.
    """
    parts = pieces(network, core_of)
    cores = 1 + max(int(on.max()) for on in core_of.values())
    on_core: list[list[Piece]] = [[] for _ in range(cores)]
    compartment_of, filled = {}, np.zeros(cores, np.int64)
    for each in network.populations:
        compartment_of[each.name] = np.zeros(prod(each.shape), np.int64)
        for part in parts[each.name]:
            on_core[part.core].append(part)
            compartment_of[each.name][part.neurons] = filled[part.core] + np.arange(len(part.neurons))
            filled[part.core] += len(part.neurons)

    made = [_axons(network, k, core_of, compartment_of, shared) for k in range(len(network.projections))]
    core = np.concatenate([m.core for m in made])
    order = np.argsort(core, kind="stable")  # by core, then projection, then source
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    counts = np.concatenate([np.diff(m.start) for m in made])
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    taken = np.repeat(starts[order] - np.concatenate([[0], np.cumsum(counts[order])])[:-1], counts[order])
    synapses = taken + np.arange(counts.sum())

    routes, before = {}, np.cumsum([0, *(len(m.core) for m in made)])
    for name, shape in network.shapes.items():
        sent = [
            (m.source, place[before[k] + m.axon]) for k, m in enumerate(made) if network.projections[k].source == name
        ]
        source = np.concatenate([s for s, _ in sent]) if sent else np.zeros(0, np.int64)
        axon = np.concatenate([a for _, a in sent]) if sent else np.zeros(0, np.int64)
        by = np.lexsort((axon, source))
        routes[name] = Routes(_starts(source, prod(shape)), axon[by])
    return Tables(
        pieces=tuple(map(tuple, on_core)),
        compartment_start=np.concatenate([[0], np.cumsum(filled)]),
        core_of=core_of,
        compartment_of=compartment_of,
        axon_start=_starts(core, cores),
        axon_projection=np.concatenate([np.full(len(m.core), k) for k, m in enumerate(made)])[order],
        synapse_start=np.concatenate([[0], np.cumsum(counts[order])]),
        compartment=np.concatenate([m.compartment for m in made])[synapses],
        mantissa=np.concatenate([m.mantissa for m in made])[synapses],
        routes=routes,
    )


@dataclass(frozen=True, eq=False)
class _Axons:
    """Axons of one projection, by core and source: `core` (axons,), synapses from `start`; routes source -> axon."""

    core: Array
    start: Array
    compartment: Array
    mantissa: Array
    source: Array
    axon: Array


def _axons(
    network: Network, k: int, core_of: Mapping[str, Array], compartment_of: Mapping[str, Array], shared: bool
) -> _Axons:
    p = network.projections[k]
    matrix = chain_matrix(p.maps, network.shapes[p.source]).tocoo()
    at, to = core_of[p.target][matrix.row], compartment_of[p.target][matrix.row]
    order = np.lexsort((to, matrix.col, at))
    at, to, source, mantissa = at[order], to[order], matrix.col[order].astype(np.int64), matrix.data[order]
    new = np.ones(len(at), bool)
    new[1:] = (at[1:] != at[:-1]) | (source[1:] != source[:-1])
    first = np.flatnonzero(new)
    start = np.append(first, len(at))
    core, source, axon = at[first], source[first], np.arange(len(first))
    if shared:
        leader = _equal(core, start, to, mantissa)
        kept = np.flatnonzero(leader == axon)
        keep = np.repeat(leader == axon, np.diff(start))
        start = np.concatenate([[0], np.cumsum(np.diff(start)[kept])])
        core, to, mantissa, axon = core[kept], to[keep], mantissa[keep], np.searchsorted(kept, leader)
    return _Axons(core, start, to, mantissa, source, axon)


def _equal(core: Array, start: Array, to: Array, mantissa: Array) -> Array:
    """For each axon the first one of its core with the same synapses: by a hash, and then compared entry by entry."""
    count = np.diff(start)
    keys = [core, count]
    for mix in MIX:
        value = (to.astype(np.uint64) * np.uint64(MIX[0]) ^ mantissa.astype(np.uint64)) * np.uint64(mix)
        value ^= value >> np.uint64(29)
        keys.append(
            (np.add.reduceat(value * (value | np.uint64(1)), start[:-1]) if len(core) else value).view(np.int64)
        )
    _, first, group = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    leader = first[group.ravel()]
    theirs = np.repeat(start[:-1][leader] - start[:-1], count) + np.arange(len(to))
    same = (to[theirs] == to) & (mantissa[theirs] == mantissa)
    equal = np.logical_and.reduceat(same, start[:-1]) if len(core) else np.zeros(0, bool)
    return np.where(equal, leader, np.arange(len(core)))


def _starts(keys: Array, count: int) -> Array:
    return np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=count))]).astype(np.int64)
