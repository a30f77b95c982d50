"""What one core must hold. Each rule is one function named as a sentence; findings name value, limit and fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement.axons import Wires, memory_bits, placement_order
from snndeploy.placement.settings import KINDS, Settings, limits
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


def settings_take_no_cores(
    network: Network, target: Target, needs: Settings, cores: int, without: int
) -> Iterator[Finding]:
    """A warning where different thresholds or decays alone ask for more cores, `without` being those without them."""
    if cores <= without:
        return
    for k, (what, most) in enumerate(zip(KINDS, limits(target), strict=True)):
        each = max(network.populations, key=lambda p: int(needs.most[p.name][k]))
        number = int(needs.most[each.name][k])
        if number > most:
            said = f"it has {number:,} different {what}, a core of {target.name} has {most}"
            yield Finding("SD212", f"population {each.name!r}", f"{said}; {_more(cores, without)}", FEWER[k], "warning")
            return
    of = " and ".join(f"{most} {what}" for what, most in zip(KINDS, limits(target), strict=True))
    said = f"its populations differ in more settings than a core of {target.name} has ({of}); {_more(cores, without)}"
    yield Finding("SD212", "network", said, "give populations the same decays", "warning")


def _more(cores: int, without: int) -> str:
    return f"{cores:,} cores are needed, with fewer settings {without:,}"


FEWER = (
    "quantise without per-neuron, or give neurons of a population the same threshold",
    "train with one time constant per population, or with as many different ones as a core holds",
)


RULES: tuple[CoreRule, ...] = (every_neuron_finds_room_for_its_input_axons, every_neuron_finds_room_for_its_synapses)


def findings(network: Network, target: Target, into: Into) -> list[Finding]:
    """Everything that no placement can hold."""
    return [finding for rule in RULES for finding in rule(network, target, into)]
