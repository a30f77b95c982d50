"""Traffic: how many spikes go from core to core.

A spike is sent once to each core where its neuron has a synapse of a projection, whatever the number of its synapses
there, and once per projection. Nothing is sent to a core that only borders on those that it reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Projection
from snndeploy.placement.rates import Given, Rates, rates
from snndeploy.placement.synapses import axon_counts


@dataclass(frozen=True, eq=False)
class Traffic:
    """Attributes:
    between: `csr_array float64 (cores, cores)`, spikes per step from the core of the row to that of the column.
    outside: float64 (cores,), events of inputs per step that reach each core from outside.
    said: where the rates come from.
    """

    between: Any
    outside: Array
    said: str


def reached(network: Network, core_of: Mapping[str, Array]) -> dict[str, Any]:
    """Synapses of every axon by name of projection, `csr_array int64 (cores, neurons of the source)`."""
    cores = 1 + max(int(on.max()) for on in core_of.values())
    return {p.name: axon_counts(p, network.shapes[p.source], core_of[p.target], cores) for p in network.projections}


def traffic(network: Network, core_of: Mapping[str, Array], given: Given = None) -> Traffic:
    """The traffic of an assignment of neurons to cores.

    Args:
        core_of: core of each neuron by population, int64 (neurons,).
        given: rates, see `rates.rates`.

    Raises:
        SnnDeployError SD250: the rates do not fit.
    """
    known = rates(network, given)
    return traffic_of(network.projections, reached(network, core_of), core_of, known)


def traffic_of(
    projections: tuple[Projection, ...], axons: Mapping[str, Any], core_of: Mapping[str, Array], known: Rates
) -> Traffic:
    """`traffic` from axons that were counted before, by `reached`."""
    from scipy import sparse

    cores = 1 + max(int(on.max()) for on in core_of.values())
    between: Any = sparse.csr_array((cores, cores), dtype=np.float64)
    outside = np.zeros(cores)
    for p in projections:
        found, rate = axons[p.name], known.of[p.source]
        there = sparse.csr_array((np.ones(found.nnz), found.indices, found.indptr), found.shape)
        if p.source in core_of:
            on = core_of[p.source]
            sent = sparse.csr_array((rate, (np.arange(len(on)), on)), (len(on), cores))
            between = between + (there @ sent).T
        else:
            outside += there @ rate
    between = sparse.csr_array(between)
    between.eliminate_zeros()
    return Traffic(between, outside, known.said)
