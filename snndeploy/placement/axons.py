"""What a set of neurons takes of a core: axons in and out, synapses, bits of synaptic memory.

An input axon is one source neuron of one projection, on each core where it has a synapse. Its synapses there are stored
in blocks: n synapses of one block take n·(weight + delay + index bits) + header bits, rounded up to whole words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape, chain_matrix
from snndeploy.network.network import Network, Projection
from snndeploy.network.timing import latencies
from snndeploy.targets import Target


@dataclass(frozen=True, eq=False)
class Wires:
    """The synapses of one projection.

    Attributes:
        matrix: `csr_array (neurons of the target, neurons of the source)`, without stored zeros; rows in placement
            order.
        order: number of the neuron in each row.
        synapse_bits: memory of one synapse, without the header of its block.
    """

    projection: Projection
    matrix: Any
    order: Array
    synapse_bits: int

    def counts(self, start: int, stop: int) -> Array:
        """Synapses of each axon onto the rows start..stop-1, int64 (axons that have any,)."""
        inside = self.matrix.indices[self.matrix.indptr[start] : self.matrix.indptr[stop]]
        found = np.bincount(inside, minlength=1)
        return found[found > 0]


def placement_order(shape: Shape) -> Array:
    """Numbers (row-major) of the neurons of a population in the order in which they are placed.

    In an image place by place, all channels of a place together: they share their inputs, and so their axons.
    """
    return np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), 0, -1).ravel() if shape else np.arange(1)


def wires(network: Network, target: Target) -> tuple[Wires, ...]:
    """The synapses of every projection of an integer network. A delay is stored only where there is one."""
    core, late = target.core, latencies(network)
    made = []
    for p in network.projections:
        waits = p.delay + late[p.target] - late[p.source] - 1 > 0
        bits = p.format.bits if p.format is not None else 0
        synapse = bits + core.index_bits.value + (core.delay_bits.value if waits else 0)
        order = placement_order(network.shapes[p.target])
        made.append(Wires(p, chain_matrix(p.maps, network.shapes[p.source])[order], order, synapse))
    return tuple(made)


def memory_bits(counts: Array, synapse_bits: int, target: Target) -> Array:
    """Bits of synaptic memory of axons with `counts` synapses on a core; see the module."""
    core = target.core
    block, word, header = core.block_synapses.value, core.word_bits.value, core.block_header_bits.value

    def words(n: Array) -> Array:
        return np.asarray(-(-(n * synapse_bits + header) // word))

    whole, rest = counts // block, counts % block
    return np.asarray((whole * words(np.asarray(block)) + np.where(rest > 0, words(rest), 0)) * word)


@dataclass(frozen=True)
class Load:
    """What some neurons of one population take of a core, output axons aside."""

    neurons: int
    input_axons: int
    synapses: int
    memory_bits: int


def load(into: tuple[Wires, ...], start: int, stop: int, target: Target) -> Load:
    """The load of the rows start..stop-1 of a population that `into` feeds."""
    axons = synapses = bits = 0
    for each in into:
        counts = each.counts(start, stop)
        axons += counts.size
        synapses += int(counts.sum())
        bits += int(memory_bits(counts, each.synapse_bits, target).sum())
    return Load(stop - start, axons, synapses, bits)
