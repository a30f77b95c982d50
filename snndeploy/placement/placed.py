"""A placed network as a network of cores: one population per core and population, joined by what crosses.

Every population is split into its neurons on each core, every projection into pieces from core to core. Pieces add up
modulo 2^32, as registers do, so any engine that runs the network runs its cores, and gives the same spikes, u and v.
The one exception: a negative exponent rounds the sum of a projection, and a sum of rounded pieces is another number.
Such a projection stays whole where one core sends all of it; else it is refused, unless its mantissas need no rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy.engines import Trace
from snndeploy.engines import run as run_on_engine
from snndeploy.engines.base import check_options
from snndeploy.engines.trace import chosen, wanted
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.maps import Map, Sparse, chain_matrix
from snndeploy.network.network import Input, Network, Population, Projection
from snndeploy.network.registers import Registers
from snndeploy.placement.pieces import Piece, pieces, registers_of
from snndeploy.placement.report import count
from snndeploy.placement.simulate import simulate

# notes of an engine that are kept; it writes one per piece
NOTES = 12


@dataclass(frozen=True, eq=False)
class Placed:
    """A network in pieces.

    Attributes:
        whole: the network that was placed. parts: the network of pieces.
        pieces: by name of the population in `parts`.
        biases: by name of an input of kind "bias" in `parts`: the input of `whole`, and the neurons.
    """

    whole: Network
    parts: Network
    pieces: Mapping[str, Piece]
    biases: Mapping[str, tuple[str, Array]]

    @property
    def cores(self) -> int:
        return len({each.core for each in self.pieces.values()})

    @property
    def crossing(self) -> int:
        """Pieces of projections whose two ends are on different cores."""
        return sum(
            p.source in self.pieces and self.pieces[p.source].core != self.pieces[p.target].core
            for p in self.parts.projections
        )

    def inputs(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The inputs of `parts` from checked ones of `whole`."""
        taken = {}
        for each in self.parts.given:
            if each.name in self.biases:
                source, neurons = self.biases[each.name]
                array = given[source]
                taken[each.name] = array.reshape(*array.shape[:2], -1)[:, :, neurons]
            else:
                taken[each.name] = given[each.name]
        return taken

    def joined(self, trace: Trace, given: Mapping[str, Array]) -> Trace:
        """The trace of `whole` from that of `parts`.

        Raises:
            SnnDeployError SD261: it is in the engine's own time, and pieces of a population have different latencies.
        """
        late: dict[str, set[int]] = {}
        for name, steps in trace.latency.items():
            late.setdefault(self.pieces[name].population, set()).add(steps)
        for name, seen in late.items():
            if trace.raw and len(seen) > 1:
                what = f"its cores are {' and '.join(map(str, sorted(seen)))} steps late on {trace.engine}"
                raise error("SD261", f"population {name!r}", what, "leave out raw: network time is the same on all")
        held: dict[str, Any] = {what: self._whole(getattr(trace, what)) for what in ("spikes", "u", "v")}
        kept, more = trace.notes[:NOTES], len(trace.notes) - NOTES
        head = f"placed: {count(self.cores)}; {self.crossing:,} of {len(self.parts.projections):,} pieces of "
        notes = (head + "projections go from core to core", *kept, *((f"... and {more:,} more",) if more > 0 else ()))
        return replace(
            trace,
            network=self.whole,
            engine=f"{trace.engine} on {count(self.cores)}",
            inputs=given,
            latency={name: max(seen) for name, seen in late.items()},
            notes=notes,
            **held,
        )

    def _whole(self, held: Mapping[str, Array]) -> dict[str, Array]:
        joined: dict[str, Array] = {}
        for name, rows in held.items():
            each = self.pieces[name]
            shape = self.whole.shapes[each.population]
            if each.population not in joined:
                joined[each.population] = np.zeros((*rows.shape[:2], int(np.prod(shape))), rows.dtype)
            joined[each.population][:, :, each.neurons] = rows
        return {
            name: rows.reshape(*rows.shape[:2], *self.whole.shapes[name])
            for name, rows in ((p.name, joined[p.name]) for p in self.whole.populations if p.name in joined)
        }


def split(network: Network, core_of: Mapping[str, Array]) -> Placed:
    """The network of pieces that an assignment makes of an integer network.

    Args:
        core_of: core of each neuron by population, int64 (neurons,), neurons in row-major order.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD260: the assignment is not of this network. SD262: a
            sum that is rounded would come from several cores.
    """
    if network.form != "integer":
        raise error("SD209", "network", "it is in the float form", "quantise it first")
    parts = pieces(network, core_of)
    at = _separator(network)
    named = {f"{each.population}{at}{each.core}": each for held in parts.values() for each in held}
    populations = [Population(name, (len(each.neurons),), _registers(network, each)) for name, each in named.items()]
    projections = [made for p in network.projections for made in _cut(network, p, parts, core_of, at)]
    fed = {p.target for p in projections}
    inputs: list[Input] = []
    biases = {}
    for given in network.inputs:
        if given.kind != "bias":
            inputs.append(given)
            continue
        for each in parts[given.population]:
            name = f"{given.name}{at}{each.core}"
            inputs.append(
                replace(given, name=name, shape=(len(each.neurons),), population=f"{each.population}{at}{each.core}")
            )
            biases[name] = (given.name, each.neurons)
            fed.add(inputs[-1].population)
    # a network has no population that nothing feeds: neurons without a synapse keep a projection of zeros
    projections += [_idle(network, name, each, parts, at) for name, each in named.items() if name not in fed]
    outputs = tuple(f"{name}{at}{each.core}" for name in network.outputs for each in parts[name])
    divided = Network(
        network.dt, tuple(inputs), tuple(populations), tuple(projections), outputs, provenance=network.provenance
    )
    return Placed(network, divided, named, biases)


def run_placed(
    network: Network,
    core_of: Mapping[str, Array],
    spikes: Any,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    raw: bool = False,
    progress: Callable[[int, int], None] | None = None,
    only: Iterable[str] | None = None,
    **options: Any,
) -> Trace:
    """As `engines.run`, with the neurons of every core on their own; the trace is that of `network`, the same bits.

    Args:
        engine: of `engines.ENGINES`; or "cores": the address tables are executed, see `simulate`.

    Raises:
        SnnDeployError: as `engines.run` and `split`.
    """
    if engine == "cores":
        if raw:
            raise error("SD261", "engine 'cores'", "it gives network time alone", "leave out raw")
        if options:
            check_options("cores", options, {})
        return simulate(network, core_of, spikes, record, progress, only)
    spec.check(network)
    given = as_inputs(network, spikes)
    placed = split(network, core_of)
    kept = chosen(network, only)
    names = None if kept is None else [name for name, each in placed.pieces.items() if each.population in kept]
    asked = wanted(network, record)
    trace = run_on_engine(placed.parts, placed.inputs(given), engine, asked, raw, progress, names, **options)
    return placed.joined(trace, given)


def _separator(network: Network) -> str:
    """What no name holds, so that no two pieces have one name."""
    at = "@"
    while any(at in name for name in (*network.shapes, *(p.name for p in network.projections))):
        at += "@"
    return at


def _registers(network: Network, each: Piece) -> Registers:
    rule = network.population[each.population].rule
    assert isinstance(rule, Registers)
    return registers_of(rule, network.shapes[each.population], each.neurons)


def _cut(
    network: Network, p: Projection, parts: Mapping[str, tuple[Piece, ...]], core_of: Mapping[str, Array], at: str
) -> Iterator[Projection]:
    """The pieces of a projection that have a synapse."""
    from scipy import sparse

    matrix = chain_matrix(p.maps, network.shapes[p.source])
    if p.source in core_of:
        senders = parts[p.source]
        sent_by = np.searchsorted([each.core for each in senders], core_of[p.source])
        within = np.zeros(matrix.shape[1], np.int64)
        for each in senders:
            within[each.neurons] = np.arange(len(each.neurons))
    for to in parts[p.target]:
        held = matrix[to.neurons].tocoo()
        target = f"{p.target}{at}{to.core}"
        if not held.nnz:
            continue
        if p.source not in core_of:
            maps: tuple[Map, ...] = (Sparse(held, network.shapes[p.source], (len(to.neurons),)),)
            yield replace(p, target=target, maps=maps, name=f"{p.name}{at}{to.core}")
            continue
        sender = sent_by[held.col]
        order = np.argsort(sender, kind="stable")
        used, first = np.unique(sender[order], return_index=True)
        _check_sum(p, held.data, len(used))
        for number, synapses in zip(used, np.split(order, first[1:]), strict=True):
            by = senders[number]
            where = (held.row[synapses], within[held.col[synapses]])
            size = (len(to.neurons), len(by.neurons))
            piece = sparse.csr_array(sparse.coo_array((held.data[synapses], where), size))
            name = f"{p.name}{at}{by.core}-{to.core}"
            source = f"{p.source}{at}{by.core}"
            yield replace(p, source=source, target=target, maps=(Sparse(piece, size[1:], size[:1]),), name=name)


def _check_sum(p: Projection, mantissas: Array, senders: int) -> None:
    shift = 0 if p.format is None else -p.format.exponent
    if shift <= 0 or senders < 2 or not (mantissas & ((1 << shift) - 1)).any():
        return
    what = f"its exponent is {-shift}, so its whole sum is rounded, and its synapses come from {senders} cores"
    raise_errors(
        [
            Finding(
                "SD262", f"projection {p.name!r}", what, "engine='cores' runs its address tables, which need no pieces"
            )
        ]
    )


def _idle(network: Network, name: str, each: Piece, parts: Mapping[str, tuple[Piece, ...]], at: str) -> Projection:
    """Zeros for neurons without a synapse, from where their population gets its spikes."""
    from scipy import sparse

    first = network.into(each.population)[0]
    source, shape = first.source, network.shapes[first.source]
    if source in parts:
        by = parts[source][0]
        source, shape = f"{source}{at}{by.core}", (len(by.neurons),)
    nothing = sparse.csr_array((len(each.neurons), int(np.prod(shape))), dtype=np.int64)
    maps = (Sparse(nothing, shape, (len(each.neurons),)),)
    return replace(first, source=source, target=name, maps=maps, name=f"{name}{at}idle")
