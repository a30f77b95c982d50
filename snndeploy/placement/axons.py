"""Input axons: which source neurons a core hears, which of them share an axon, what their synapses take of its memory.

An input axon stands for one source neuron of one projection on a core where it has synapses; or for several, where all
their synapses on this core are equal (the windows of a pool): each of their spikes is an event of its own, so sums stay
exact. Its synapses are stored in blocks: n of one block take n·(weight + delay + tag + index bits) + header bits,
rounded up to whole words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.targets import Target


@dataclass(frozen=True, eq=False)
class Axons:
    """What the neurons of one core need of one projection.

    Attributes:
        sources: int64 (sources,), ascending: the neurons that have synapses there, numbered row-major.
        axon: int64 (sources,), the axon that each of them sends to; axons are numbered by their first source.
        synapses: int64 (axons,), synapses stored for each.
    """

    sources: Array
    axon: Array
    synapses: Array

    @property
    def joined(self) -> int:
        """Pairs of neurons that are joined: a synapse counts once for each source that shares it."""
        return int(self.synapses[self.axon].sum())


def alone(sources: Array, counts: Array) -> Axons:
    """An axon for each source. counts: int64 (sources,), their synapses."""
    return Axons(sources, np.arange(len(sources)), counts)


def shared(sources: Array, counts: Array, keys: Array) -> Axons:
    """One axon for all sources of one key. keys: uint64 (sources,), equal where all synapses are."""
    _, first, axon = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    order = np.argsort(first)
    rank[order] = np.arange(len(first))
    return Axons(sources, rank[axon.ravel()], counts[first[order]])


def check_equal(found: Axons, matrix: Any) -> Axons:
    """The same axons if all sources that share one have equal columns, which they do unless keys collided.

    Args:
        matrix: `csr_array (neurons of the core, source neurons)`.
    """
    first = np.zeros(len(found.synapses), np.int64)
    first[found.axon[::-1]] = found.sources[::-1]
    others = found.sources != first[found.axon]
    if not others.any():
        return found
    columns = matrix.tocsc()
    columns.sort_indices()
    a, b = columns[:, found.sources[others]], columns[:, first[found.axon[others]]]
    same = [np.array_equal(getattr(a, part), getattr(b, part)) for part in ("indptr", "indices", "data")]
    if all(same):
        return found
    numbers: dict[bytes, int] = {}
    axon = np.zeros(len(found.sources), np.int64)
    counts = np.diff(columns.indptr)[found.sources]
    for i, source in enumerate(found.sources):
        part = slice(columns.indptr[source], columns.indptr[source + 1])
        content = columns.indices[part].tobytes() + columns.data[part].tobytes()
        axon[i] = numbers.setdefault(content, len(numbers))
    _, first = np.unique(axon, return_index=True)
    return Axons(found.sources, axon, counts[first])


def placement_order(shape: Shape) -> Array:
    """Numbers (row-major) of the neurons of a population in the order in which first-fit places them.

    In an image place by place, all channels of a place together: they share their inputs, and so their axons.
    """
    return np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), 0, -1).ravel() if shape else np.arange(1)


def memory_bits(counts: Array, synapse_bits: int, target: Target) -> Array:
    """Bits of synaptic memory of axons with `counts` synapses on a core; see the module."""
    core = target.core
    block, word, header = core.block_synapses.value, core.word_bits.value, core.block_header_bits.value

    def words(n: Array) -> Array:
        return np.asarray(-(-(n * synapse_bits + header) // word))

    whole, rest = counts // block, counts % block
    return np.asarray((whole * words(np.asarray(block)) + np.where(rest > 0, words(rest), 0)) * word)


def synapse_bits(weight_bits: int, delayed: bool, target: Target) -> int:
    """Memory of one synapse, without the header of its block. A delay is stored only where there is one."""
    core = target.core
    field = min((w for w in target.synapse.weight_fields.value if w >= weight_bits), default=weight_bits)
    return field + core.index_bits.value + core.tag_bits.value + (core.delay_bits.value if delayed else 0)
