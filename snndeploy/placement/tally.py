"""What every core holds, counted from an assignment alone, whatever made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.placement.plan import Core
from snndeploy.placement.settings import Settings
from snndeploy.placement.wires import Wires
from snndeploy.targets import Target


@dataclass(frozen=True)
class Tally:
    """Input axons, output axons, synapses, those stored, and memory of every core, int64 (cores,).

    formats: different synapse formats of every core.
    """

    input_axons: Array
    output_axons: Array
    synapses: Array
    stored: Array
    memory_bits: Array
    formats: Array


def number_of_cores(core_of: Mapping[str, Array]) -> int:
    return 1 + max(int(on.max()) for on in core_of.values())


def groups(on: Array) -> Iterator[tuple[int, Array]]:
    """Every core that `on` names, ascending, with the numbers of its neurons."""
    order = np.argsort(on, kind="stable")
    found, start = np.unique(on[order], return_index=True)
    yield from zip(map(int, found), np.split(order, start[1:]), strict=True)


def tally(all_wires: tuple[Wires, ...], core_of: Mapping[str, Array]) -> Tally:
    """See the module. `core_of`: core of each neuron by population."""
    count = number_of_cores(core_of)
    numbers = np.zeros((5, count), np.int64)
    forms: list[set[object]] = [set() for _ in range(count)]
    for each in all_wires:
        p = each.projection
        reach = np.zeros(len(core_of[p.source]), np.int64) if p.source in core_of else None
        for core, neurons in groups(core_of[p.target]):
            found = each.onto(neurons)
            if not len(found.sources):
                continue
            memory = each.memory(found, neurons)
            numbers[:4, core] += (len(found.synapses), found.joined, int(found.synapses.sum()), memory)
            forms[core].add(each.form)
            if reach is not None:
                reach[found.sources] += 1
        if reach is not None:
            np.add.at(numbers[4], core_of[p.source], reach)
    axons, joined, stored, bits, outs = numbers
    return Tally(axons, outs, joined, stored, bits, np.array([len(each) for each in forms]))


def output_axons(into: Mapping[str, tuple[Wires, ...]], core_of: Mapping[str, Array]) -> Array:
    """Output axons of every core, int64 (cores,)."""
    outs = np.zeros(number_of_cores(core_of), np.int64)
    for each in (w for held in into.values() for w in held):
        p = each.projection
        if p.source not in core_of:
            continue
        reach = np.zeros(len(core_of[p.source]), np.int64)
        for _, neurons in groups(core_of[p.target]):
            reach[each.sources(neurons)] += 1
        np.add.at(outs, core_of[p.source], reach)
    return outs


def cores(
    target: Target, all_wires: tuple[Wires, ...], core_of: Mapping[str, Array], needs: Settings
) -> tuple[Core, ...]:
    """Every core with its shares of the limits."""
    found = tally(all_wires, core_of)
    count = len(found.input_axons)
    shared = needs.counts(core_of, count)
    core = target.core
    populations: list[dict[str, int]] = [{} for _ in range(count)]
    for name, on in core_of.items():
        for i, number in enumerate(np.bincount(on, minlength=count).tolist()):
            if number:
                populations[i][name] = number
    made: list[Core] = []
    for i in range(count):
        neurons = sum(populations[i].values())
        axons, outs, bits = (int(x[i]) for x in (found.input_axons, found.output_axons, found.memory_bits))
        kinds, formats = [int(n) for n in shared[:, i]], int(found.formats[i])
        share = {
            "neurons": neurons / core.neurons.value,
            "input_axons": axons / core.input_axons.value,
            "output_axons": outs / core.output_axons.value,
            "memory": bits / core.synaptic_memory_bits.value,
            "thresholds": kinds[0] / core.threshold_settings.value,
            "neuron_settings": kinds[1] / core.neuron_settings.value,
            "synapse_formats": formats / core.synapse_formats.value,
        }
        made.append(
            Core(
                i,
                populations[i],
                neurons,
                axons,
                outs,
                int(found.synapses[i]),
                bits,
                kinds[0],
                kinds[1],
                share,
                stored=int(found.stored[i]),
                formats=formats,
            )
        )
    return tuple(made)
