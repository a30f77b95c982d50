"""The synapses of a projection, asked for core by core: never all of them at once where the map has a structure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Flatten, Reshape, chain_matrix
from snndeploy.network.network import Network, Projection
from snndeploy.network.timing import latencies
from snndeploy.passes.merge_maps import merged
from snndeploy.placement.axons import Axons, alone, check_equal, memory_bits, shared, synapse_bits
from snndeploy.placement.windows import Windows
from snndeploy.targets import Target

# weight bits, sign, exponent, whether synapses have a delay
SynapseFormat = tuple[int, str, int, bool]


@dataclass(frozen=True, eq=False)
class Wires:
    """The synapses of one projection.

    Attributes:
        form: how they are stored; a core has few different ones.
        synapse_bits: memory of one synapse, without the header of its block.
        held: what knows the synapses: `rows(neurons)` writes those of some neurons out, a `csr_array`.
    """

    projection: Projection
    target: Target
    form: SynapseFormat
    synapse_bits: int
    held: Windows | Rows

    def onto(self, neurons: Array) -> Axons:
        """What these neurons (numbers, row-major) need if nobody else of their population is on their core."""
        if not self.target.core.axons_are_shared.value:
            return alone(*self.held.counts(neurons))
        found = shared(*self.held.keys(neurons))
        return check_equal(found, self.held.rows(neurons)) if _any_shared(found) else found

    def planned(self, neurons: Array) -> Axons:
        """At least what they need, whoever else is there: only sources that are equal everywhere share an axon.

        Needs of several parts of a population on one core are at most the sum of these.
        """
        sources, counts = self.held.counts(neurons)
        if self.classes is None:
            return alone(sources, counts)
        return shared(sources, counts, self.classes[sources])

    @cached_property
    def classes(self) -> Array | None:
        """A key for each source, equal for those whose synapses are; None if no two are, or none may share an axon."""
        if not self.target.core.axons_are_shared.value:
            return None
        sources, _, keys = self.held.keys(np.arange(self.held.neurons))
        if len(np.unique(keys)) == len(keys):
            return None
        found = np.zeros(1 + int(sources.max(initial=0)), np.uint64)
        found[sources] = keys
        return found

    def sources(self, neurons: Array) -> Array:
        """Source neurons that have synapses on these neurons."""
        return self.held.counts(neurons)[0]

    def memory(self, found: Axons, neurons: Array) -> int:
        """Bits of synaptic memory of what `onto` found. A kernel that is shared counts once."""
        bits = int(memory_bits(found.synapses, self.synapse_bits, self.target).sum())
        if isinstance(self.held, Windows) and self.target.core.convolutions_share_weights.value:
            lists = self.held.kernel_lists(neurons)
            bits = min(bits, int(memory_bits(lists, self.synapse_bits, self.target).sum()))
        return bits

    def alone(self, exact: bool = True) -> Array:
        """Input axons of each neuron of the target if it were alone on a core, int64 (neurons,).

        Args:
            exact: False: at least so many, quickly: neurons at the borders of a convolution count as those inside, and
                in a matrix no two sources share an axon.
        """
        share = self.target.core.axons_are_shared.value
        if not exact and isinstance(self.held, Rows):
            return np.diff(self.held.matrix.indptr)
        if not exact and isinstance(self.held, Windows):
            flat = self.held.weight.reshape(len(self.held.weight), -1)
            each = [_distinct(row[row != 0]) if share else np.count_nonzero(row) for row in flat]
            return np.repeat(np.array(each, np.int64), self.held.area)
        found = []
        for start in range(0, self.held.neurons, 4096):
            part = self.held.rows(np.arange(start, min(start + 4096, self.held.neurons)))
            if share:
                number = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
                low = int(part.data.min(initial=0))
                span = 1 + int(part.data.max(initial=0)) - low
                found.append(np.bincount(np.unique(number * span + part.data - low) // span, minlength=part.shape[0]))
            else:
                found.append(np.diff(part.indptr))
        return np.concatenate(found)


def _distinct(row: Array) -> int:
    return len(np.unique(row))


def _any_shared(found: Axons) -> bool:
    return len(found.synapses) < len(found.sources)


@dataclass(frozen=True, eq=False)
class Rows:
    """Synapses in a `csr_array (neurons of the target, neurons of the source)` without stored zeros."""

    matrix: Any

    @property
    def neurons(self) -> int:
        return int(self.matrix.shape[0])

    def rows(self, neurons: Array) -> Any:
        return self.matrix[neurons]

    def counts(self, neurons: Array) -> tuple[Array, Array]:
        """Sources that have synapses there, and how many each."""
        part = self.rows(neurons)
        found = np.bincount(part.indices, minlength=part.shape[1])
        sources = np.flatnonzero(found)
        return sources, found[sources]

    def keys(self, neurons: Array) -> tuple[Array, Array, Array]:
        """The same, and a key of each source that is equal where all its synapses there are."""
        part = self.rows(neurons)
        found = np.bincount(part.indices, minlength=part.shape[1])
        sources = np.flatnonzero(found)
        number = np.repeat(np.arange(len(neurons)), np.diff(part.indptr))
        keys = np.zeros(len(sources), np.uint64)
        # sums of float64 that are whole numbers below 2^53, so exact in any order
        bits = max(8, 52 - int(self.most).bit_length() - len(neurons).bit_length())
        for seed in (1, 2):
            drawn = np.random.default_rng(seed).integers(1, 1 << bits, len(neurons))
            sums = np.bincount(part.indices, drawn[number] * part.data, part.shape[1])[sources]
            keys = keys * np.uint64(0x9E3779B97F4A7C15) + sums.astype(np.int64).astype(np.uint64)
        return sources, found[sources], keys

    @cached_property
    def most(self) -> int:
        return int(np.abs(self.matrix.data).max(initial=0))


def wires(network: Network, target: Target) -> tuple[Wires, ...]:
    """The synapses of every projection of an integer network."""
    late = latencies(network)
    made = []
    for p in network.projections:
        shape, waits = network.shapes[p.source], p.delay + late[p.target] - late[p.source] - 1 > 0
        weight_bits, sign, exponent = (p.format.bits, p.format.sign, p.format.exponent) if p.format else (0, "mixed", 0)
        maps = merged(p.maps, shape)
        weighted = [each for each in maps if not isinstance(each, Flatten | Reshape)]
        held: Windows | Rows
        if len(weighted) == 1 and isinstance(weighted[0], Conv):
            at = shape
            for each in maps[: maps.index(weighted[0])]:
                at = each.shape_out(at)
            held = Windows(weighted[0], at)
        else:
            held = Rows(_whole(chain_matrix(p.maps, shape)))
        form = (weight_bits, sign, exponent, waits)
        made.append(Wires(p, target, form, synapse_bits(weight_bits, waits, target), held))
    return tuple(made)


def _whole(matrix: Any) -> Any:
    """Weights that are no whole numbers by their place among all that occur: what counts is which are equal."""
    if matrix.data.dtype.kind == "f":
        matrix = matrix.copy()
        matrix.data = np.unique(matrix.data, return_inverse=True)[1].ravel().astype(np.int64) + 1
    return matrix
