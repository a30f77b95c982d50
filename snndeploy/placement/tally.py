"""What every core holds, counted from an assignment alone, whatever made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.placement.axons import Wires, memory_bits
from snndeploy.placement.plan import Core
from snndeploy.placement.settings import Settings
from snndeploy.targets import Target


@dataclass(frozen=True)
class Tally:
    """Input axons, output axons, synapses and memory of every core, int64 (cores,)."""

    input_axons: Array
    output_axons: Array
    synapses: Array
    memory_bits: Array


def tally(target: Target, all_wires: tuple[Wires, ...], core_of: Mapping[str, Array]) -> Tally:
    """See the module. `core_of`: core of each neuron by population."""
    count = 1 + max(int(on.max()) for on in core_of.values())
    axons, outs, synapses, bits = (np.zeros(count, np.int64) for _ in range(4))
    for each in all_wires:
        p, rows = each.projection, each.matrix.shape[0]
        at, source, number = _axons(each, core_of[p.target][each.order], count, rows)
        axons += np.bincount(at, minlength=count)
        synapses += np.bincount(at, number, count).astype(np.int64)
        bits += np.bincount(at, memory_bits(number, each.synapse_bits, target), count).astype(np.int64)
        if p.source in core_of:
            outs += np.bincount(core_of[p.source][source], minlength=count)
    return Tally(axons, outs, synapses, bits)


def _axons(wires: Wires, core: Array, cores: int, rows: int) -> tuple[Array, Array, Array]:
    """(core, source neuron, synapses) of every axon, from the core of each row: a product of incidence matrices."""
    from scipy import sparse

    matrix = wires.matrix
    hosts = sparse.csr_array((np.ones(rows, np.int64), (core, np.arange(rows))), (cores, rows))
    ones = np.ones(matrix.nnz, np.int64)
    found = (hosts @ sparse.csr_array((ones, matrix.indices, matrix.indptr), matrix.shape)).tocoo()
    return found.row, found.col, found.data


def cores(
    target: Target, all_wires: tuple[Wires, ...], core_of: Mapping[str, Array], needs: Settings
) -> tuple[Core, ...]:
    """Every core with its shares of the limits."""
    found = tally(target, all_wires, core_of)
    shared = needs.counts(core_of, len(found.input_axons))
    core = target.core
    made: list[Core] = []
    held = {name: np.bincount(on, minlength=len(found.input_axons)) for name, on in core_of.items()}
    for i in range(len(found.input_axons)):
        populations = {name: int(counts[i]) for name, counts in held.items() if counts[i]}
        neurons = sum(populations.values())
        numbers = [int(x[i]) for x in (found.input_axons, found.output_axons, found.synapses, found.memory_bits)]
        kinds = [int(n) for n in shared[:, i]]
        share = {
            "neurons": neurons / core.neurons.value,
            "input_axons": numbers[0] / core.input_axons.value,
            "output_axons": numbers[1] / core.output_axons.value,
            "memory": numbers[3] / core.synaptic_memory_bits.value,
            "thresholds": kinds[0] / core.threshold_settings.value,
            "neuron_settings": kinds[1] / core.neuron_settings.value,
        }
        made.append(
            Core(i, populations, neurons, numbers[0], numbers[1], numbers[2], numbers[3], kinds[0], kinds[1], share)
        )
    return tuple(made)
