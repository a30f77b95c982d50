"""What one core must hold. Each rule is one function named as a sentence; findings name value, limit and fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement.axons import Wires, memory_bits, placement_order
from snndeploy.targets import Target

Into = Mapping[str, tuple[Wires, ...]]
CoreRule = Callable[[Network, Target, Into], Iterator[Finding]]


def _fan_in(wires: Wires) -> Array:
    """Synapses onto each neuron."""
    return np.diff(wires.matrix.indptr)


def _worst(name: str, order: Array, needs: Array, limit: int, what: str, target: Target) -> Iterator[Finding]:
    """One finding for a population: its neediest neuron, and how many do not fit. `needs` is in placement order."""
    over = np.flatnonzero(needs > limit)
    if over.size:
        i = int(needs.argmax())
        said = f"neuron {order[i]} alone needs {needs[i]:,} {what}, a core of {target.name} has {limit:,}"
        more = f" ({over.size:,} neurons do not fit)" if over.size > 1 else ""
        yield Finding("SD203", f"population {name!r}", said + more, SPLIT)


SPLIT = "split its fan-in by input: over two populations whose spikes meet in a third, or prune weights to zero"


def every_neuron_finds_room_for_its_input_axons(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    for each in network.populations:
        order = placement_order(each.shape)
        needs = sum((_fan_in(w) for w in into[each.name]), np.zeros(int(np.prod(each.shape)), np.int64))
        yield from _worst(each.name, order, needs, target.core.input_axons.value, "input axons", target)


def every_neuron_finds_room_for_its_synapses(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    for each in network.populations:
        order = placement_order(each.shape)
        needs = lonely_memory(into[each.name], int(np.prod(each.shape)), target)
        limit = target.core.synaptic_memory_bits.value
        yield from _worst(each.name, order, needs, limit, "bits of synaptic memory", target)


def lonely_memory(into: tuple[Wires, ...], neurons: int, target: Target) -> Array:
    """Memory of each neuron if it were alone on a core: every axon holds a single synapse."""
    total = np.zeros(neurons, np.int64)
    for each in into:
        total = total + _fan_in(each) * memory_bits(np.asarray(1), each.synapse_bits, target)
    return total


RULES: tuple[CoreRule, ...] = (every_neuron_finds_room_for_its_input_axons, every_neuron_finds_room_for_its_synapses)


def findings(network: Network, target: Target, into: Into) -> list[Finding]:
    """Everything that no placement can hold."""
    return [finding for rule in RULES for finding in rule(network, target, into)]
