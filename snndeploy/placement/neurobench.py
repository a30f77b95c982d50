"""NeuroBench's measures of a network and a trace, by its definitions and with its names.

Source: J. Yik et al., "The NeuroBench framework for benchmarking neuromorphic computing algorithms and systems",
Nature Communications 16, 2025, and the metrics of neurobench 2.3. They look at weighted layers and at what comes into
them, so that a pool in front is not a synaptic operation but may turn spikes into numbers, which are then MACs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from snndeploy.engines import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map, Shape, Sparse, chain_apply, chain_shape, values_of, with_values
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import Registers
from snndeploy.placement.rates import events
from snndeploy.placement.synapses import axon_counts

# bits of the registers that every neuron has, u and v; and of its parameters
STATE_BITS = 24
REGISTER_BITS = {"du": 12, "dv": 12, "vth": 17, "bias_mant": 13, "bias_exp": 3}


@dataclass(frozen=True)
class NeuroBench:
    """Attributes:
    footprint: bytes of weights (each once, with its sign), registers that differ from neuron to neuron, and states.
    connection_sparsity: part of the weights that is 0.
    activation_sparsity: part of the neurons and steps without a spike, over all populations that spike.
    effective_macs, effective_acs: per sample, products of inputs and weights that are both not 0; ACs where all inputs
        of a layer are 0, 1 or -1 in a step, MACs elsewhere. dense: all of them, zeros or not.
    """

    footprint: float
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense: float

    def as_dict(self) -> dict[str, Any]:
        """With NeuroBench's names."""
        operations = {
            "Effective_MACs": self.effective_macs,
            "Effective_ACs": self.effective_acs,
            "Dense": self.dense,
        }
        return {
            "footprint": self.footprint,
            "connection_sparsity": self.connection_sparsity,
            "activation_sparsity": self.activation_sparsity,
            "synaptic_operations": operations,
        }


def neurobench(network: Network, trace: Trace) -> NeuroBench:
    """The measures of an integer network on the samples of a trace, which are one batch.

    Raises:
        SnnDeployError SD250: the trace does not hold the spikes of a population.
    """
    weights = [np.asarray(_weights(_weighted(p))) for p in network.projections if _weighted(p) is not None]
    zeros, entries = sum(int((w == 0).sum()) for w in weights), sum(w.size for w in weights)
    bits = sum(_weight_bits(p) for p in network.projections) + sum(_register_bits(p) for p in network.populations)
    spiking = [p.name for p in network.populations if p.rule.spiking]
    spikes = sum(int(events(network, trace, name).sum()) for name in spiking)
    places = sum(prod(network.shapes[name]) for name in spiking) * trace.steps * trace.batch
    macs, acs, dense = np.sum([_operations(network, p, trace) for p in network.projections], axis=0) / trace.batch
    return NeuroBench(
        bits / 8,
        zeros / entries if entries else 0.0,
        1 - spikes / places if places else 0.0,
        float(macs),
        float(acs),
        float(dense),
    )


def _weighted(p: Projection) -> Map | None:
    """The map of a projection that holds weights; the integer form has one."""
    return next((each for each in p.maps if each.weighted), None)


def _weights(each: Map | None) -> Array:
    """All of its numbers, zeros too: a sparse matrix counts as the whole it stands for."""
    weight: Any = each.weight  # type: ignore[union-attr]
    return weight if isinstance(weight, np.ndarray) else weight.toarray()


def _weight_bits(p: Projection) -> int:
    each = _weighted(p)
    if each is None or p.format is None:
        return 0
    return values_of(each).size * (p.format.bits + (p.format.sign == "mixed"))


def _register_bits(each: Population) -> int:
    rule = each.rule
    assert isinstance(rule, Registers)
    held = {name: getattr(rule, name) for name in REGISTER_BITS}
    own = sum(np.asarray(value).size * REGISTER_BITS[name] for name, value in held.items() if value is not None)
    return own + prod(each.shape) * 2 * STATE_BITS


def _operations(network: Network, p: Projection, trace: Trace) -> tuple[int, int, int]:
    """MACs, ACs and dense operations of a projection, over all samples."""
    at = next((i for i, each in enumerate(p.maps) if each.weighted), None)
    if at is None:
        return 0, 0, 0
    x = _numbers(network, p, trace)
    shape = network.shapes[p.source]
    before = chain_apply(p.maps[:at], x.reshape(*x.shape[:2], *shape))
    arrives: Shape = chain_shape(p.maps[:at], shape)
    fan = _fan_out(p.maps[at], arrives)
    every = _all_pairs(p.maps[at], arrives) * trace.steps * trace.batch
    flat = before.reshape(*x.shape[:2], -1)
    binary = np.isin(flat, (-1, 0, 1)).all(axis=(1, 2))
    done = (flat != 0).sum(axis=1) @ fan
    return int(done[~binary].sum()), int(done[binary].sum()), every


def _numbers(network: Network, p: Projection, trace: Trace) -> Array:
    """What the source sends, int64 (time, batch, neurons)."""
    there = events(network, trace, p.source)
    each = network.input.get(p.source)
    if each is None or each.kind == "constant":
        return there.astype(np.int64)
    return np.asarray(trace.inputs[p.source]).reshape(there.shape)


def _all_pairs(each: Map, shape: Shape) -> int:
    """Weights between numbers that come in and go out, zeros too; a convolution has fewer at its borders."""
    if isinstance(each, Sparse):
        return prod(each.shape_to) * prod(each.shape_from)
    return int(_fan_out(with_values(each, np.ones_like(values_of(each))), shape).sum())


def _fan_out(each: Map, shape: Shape) -> Array:
    """Weights that are not 0 behind each number that comes in, int64 (numbers,)."""
    size = prod(each.shape_out(shape))
    alone = Projection("in", "out", (each,))
    return np.asarray(axon_counts(alone, shape, np.zeros(size, np.int64), 1).toarray()[0])
