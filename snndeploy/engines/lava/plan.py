"""Network -> what runs where on Lava: one process per population, per projection and per shifted input.

Every connection of Lava costs one step. With `timing.latencies` L, step t of a population is step t + L of the
engine, and a projection of delay d takes delay + L(target) - L(source) - 1 extra steps: for inputs by shifting their
data, else by a delaying connection. Nothing of Lava is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from snndeploy.engines.lava.neurons import Neurons, choose
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Input, Network, Projection
from snndeploy.network.registers import Format
from snndeploy.network.timing import latencies

DELAY_MAX = 63
# Lava tells graded spikes by a width > 0; the number itself has no effect
MESSAGE_BITS = 24
# a matrix with at least this share of weights runs as Dense
DENSE_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Feed:
    """An input, or an axon that is always on, `shift` steps late: a RingBuffer of `size` values.

    `input` is the name of a network input, or "" for an axon that is 1 from step 0 of the network on.
    """

    name: str
    size: int
    input: str
    shift: int


@dataclass(frozen=True, eq=False)
class Connection:
    """A matrix from a feed or from neurons to a receptor of neurons, `extra` steps later than Lava's one step.

    `matrix` is an ndarray or a csr_array (targets, sources); integers are mantissas of `format`.
    """

    name: str
    source: str
    target: str
    matrix: Any
    extra: int = 0
    receptor: int = 0
    graded: bool = False
    format: Format | None = None

    @property
    def message_bits(self) -> int:
        """Lava's number of message bits: 0 for spikes, else their value counts. Sparse multiplies in either case: the
        sums are the same, and Lava is several times faster with them than with the selection of columns."""
        return MESSAGE_BITS if self.graded or self.process == "Sparse" else 0

    @property
    def process(self) -> str:
        return ("Delay" if self.extra else "") + ("Dense" if isinstance(self.matrix, np.ndarray) else "Sparse")


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that Lava is told. `late` is the number of steps run beyond those of the input."""

    form: str
    feeds: tuple[Feed, ...]
    neurons: tuple[Neurons, ...]
    connections: tuple[Connection, ...]
    latency: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def late(self) -> int:
        return max(self.latency.values())


def feed_data(feed: Feed, inputs: dict[str, Array], sample: int, steps: int) -> Array:
    """`(size, steps)`: what a RingBuffer sends in one sample, time last."""
    if not feed.input:
        return np.broadcast_to(np.arange(steps) >= feed.shift, (feed.size, steps)).astype(np.float64)
    given = inputs[feed.input][:, sample].reshape(-1, feed.size)
    data = np.zeros((feed.size, steps), given.dtype)
    data[:, feed.shift : feed.shift + len(given)] = given[: max(0, steps - feed.shift)].T
    return data


def _matrix(network: Network, projection: Projection) -> Any:
    matrix = chain_matrix(projection.maps, network.shapes[projection.source])
    return matrix.toarray() if matrix.nnz >= DENSE_SHARE * prod(matrix.shape) else matrix


def is_graded(network: Network, name: str) -> bool:
    """True if what `name` emits is not only 0 and 1."""
    if name in network.input:
        each: Input = network.input[name]
        return each.kind in ("counts", "signed", "real")
    rule = network.population[name].rule
    return not rule.spiking or bool(np.any(np.asarray(getattr(rule, "value", 1)) != 1))


def plan(network: Network) -> Plan:
    """The processes for a network that `refusals` has let pass."""
    late = latencies(network)
    neurons = choose(network, late)
    feeds: dict[tuple[str, int], Feed] = {}
    connections: list[Connection] = []

    def feed(name: str, size: int, shift: int) -> str:
        return feeds.setdefault((name, shift), Feed(f"{name or 'always on'} +{shift}", size, name, shift)).name

    for p in network.projections:
        extra = p.delay + late[p.target] - late[p.source] - 1
        source = p.source
        if p.source in network.input:
            source, extra = feed(p.source, prod(network.shapes[p.source]), extra), 0
        graded = is_graded(network, p.source)
        matrix = _matrix(network, p)
        connections.append(Connection(p.name, source, p.target, matrix, extra, p.receptor, graded, p.format))
    for each in neurons:
        for axon in each.axons:
            source = feed("", 1, axon.onset + late[each.name] - 1)
            name = f"constant of {each.name}"
            connections.append(Connection(name, source, each.name, axon.weight[:, None].copy()))
    used = {name: late[name] for name in network.population}
    notes = [*(f"{each.name}: {each.note}" for each in neurons), *(f"{c.name}: lava {c.process}" for c in connections)]
    return Plan(network.form, tuple(feeds.values()), neurons, tuple(connections), used, tuple(notes))
