"""What one core must hold. Each rule is one function named as a sentence; findings name value, limit and fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod

import numpy as np

from snndeploy.errors import Finding, error
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.placement.axons import memory_bits
from snndeploy.placement.plan import Core
from snndeploy.placement.settings import KINDS, Settings, limits
from snndeploy.placement.wires import Wires
from snndeploy.targets import Target

Into = Mapping[str, tuple[Wires, ...]]
CoreRule = Callable[[Network, Target, Into], Iterator[Finding]]

FEWER_INPUTS = (
    "fewer inputs: groups of channels, a pool before it, or weights pruned to zero (snndeploy advise tries them)"
)


def _worst(name: str, needs: Array, limit: int, what: str, fix: str, target: Target) -> Iterator[Finding]:
    """One finding for a population: its neediest neuron, and how many do not fit."""
    over = np.flatnonzero(needs > limit)
    if over.size:
        i = int(needs.argmax())
        said = f"neuron {i} alone needs {needs[i]:,} {what}, a core of {target.name} has {limit:,}"
        more = f" ({over.size:,} neurons do not fit)" if over.size > 1 else ""
        yield Finding("SD203", f"population {name!r}", said + more, fix)


def _alone(into: tuple[Wires, ...], size: int, limit: int, each: Callable[[Wires], int]) -> Array:
    """What each neuron needs alone on a core, `each` for an input axon; counted out only where it may be too much."""
    for exact in (False, True):
        needs = np.zeros(size, np.int64)
        for wires in into:
            needs += wires.alone(exact) * each(wires)
        if needs.max(initial=0) <= limit:
            break
    return needs


def every_neuron_finds_room_for_its_input_axons(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    limit = target.core.input_axons.value
    for p in network.populations:
        needs = _alone(into[p.name], prod(p.shape), limit, lambda _: 1)
        yield from _worst(p.name, needs, limit, "input axons", FEWER_INPUTS, target)


def every_neuron_finds_room_for_its_synapses(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    limit = target.core.synaptic_memory_bits.value

    def lonely(wires: Wires) -> int:
        return int(memory_bits(np.asarray(1), wires.synapse_bits, target))

    for p in network.populations:
        needs = _alone(into[p.name], prod(p.shape), limit, lonely)
        fix = f"quantise with fewer weight bits; {FEWER_INPUTS}"
        yield from _worst(p.name, needs, limit, "bits of synaptic memory", fix, target)


def every_neuron_finds_room_for_its_output_axons(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    """Its targets fill so many cores at least, whatever the placement."""
    limit, most = target.core.output_axons.value, target.core.neurons.value
    outs: dict[str, Array] = {p.name: np.zeros(prod(p.shape), np.int64) for p in network.populations}
    for held in into.values():
        for each in held:
            p = each.projection
            if p.source in outs and -(-each.held.neurons // most) > 1:
                sources, counts = each.held.counts(np.arange(each.held.neurons))
                outs[p.source][sources] += -(-counts // most)
            elif p.source in outs:
                outs[p.source] += 1
    for name, needs in outs.items():
        fix = "lower its fan-out: fewer or smaller populations behind it"
        yield from _worst(name, needs, limit, "output axons", fix, target)


def every_population_finds_enough_synapse_formats(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    most = target.core.synapse_formats.value
    for p in network.populations:
        forms = {each.form for each in into[p.name]}
        if len(forms) > most:
            said = (
                f"its {len(into[p.name])} projections have {len(forms)} formats, a core of {target.name} holds {most}"
            )
            fix = "quantise without signs and bands, which store weights in several formats"
            yield Finding("SD243", f"population {p.name!r}", said, fix)


def every_weight_fits_a_synapse(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    del into
    synapse = target.synapse
    for p in network.projections:
        if p.format is None:
            continue
        for what, value, most in (
            ("weights of {:,} bit", p.format.bits, synapse.weight_bits.value),
            ("a weight exponent of {:,}", p.format.exponent, synapse.weight_exponent_max.value),
        ):
            if value > most:
                said = f"it has {what.format(value)}, {target.name} holds {most}"
                yield Finding("SD241", f"projection {p.name!r}", said, f"quantise for {target.name}")


def every_register_fits_the_neurons(network: Network, target: Target, into: Into) -> Iterator[Finding]:
    del into
    neuron = target.neuron
    for p in network.populations:
        rule = p.rule
        assert isinstance(rule, Registers)
        for what, value, most in (
            ("du", rule.du, neuron.decay_max.value),
            ("dv", rule.dv, neuron.decay_max.value),
            ("vth", 0 if rule.vth is None else rule.vth, neuron.threshold_max.value),
            ("bias mantissa", rule.bias_mant, _below(neuron.bias_mantissa_max.value)),
            ("bias exponent", rule.bias_exp, neuron.bias_exponent_max.value),
            ("reset", rule.reset.value, neuron.state_max.value),
            ("initial u", rule.initial_u, neuron.state_max.value),
            ("initial v", rule.initial_v, neuron.state_max.value),
        ):
            largest = int(np.abs(np.asarray(value)).max(initial=0))
            if largest > most:
                said = f"its {what} is {largest:,}, {target.name} holds {most:,}"
                yield Finding("SD242", f"population {p.name!r}", said, f"quantise for {target.name}")


def _below(mantissa: int) -> int:
    """The largest magnitude of a bias mantissa: its registers hold one number more below zero."""
    return mantissa + 1


def every_core_has_a_chip(network: Network, target: Target, cores: tuple[Core, ...]) -> Iterator[Finding]:
    """A warning where several chips are needed; an error where more are than the largest machine has."""
    del network
    mesh, each = target.mesh, target.chip.cores.value
    board = mesh.chips_x.value * mesh.chips_y.value
    most, chips = target.chips, -(-len(cores) // each)
    if chips > most:
        held = f"{most:,} chip" + ("" if most == 1 else "s")
        what = f"it needs {len(cores):,} cores, {chips:,} chips of {target.name}; the largest machine has {held}"
        fix = f"fewer weight bits, pruning or pooling; {target.name} has {held} of {each:,} cores"
        yield Finding("SD240", "network", what, fix)
    elif chips > 1:
        what = f"it needs {len(cores):,} cores, a chip of {target.name} has {each:,}: {chips:,} chips"
        what += f" on {-(-chips // board):,} boards of {board}" if chips > board else ""
        yield Finding("SD205", "network", what, "use several chips, or a smaller network", "warning")


def check_counted(target: Target, cores: tuple[Core, ...]) -> None:
    """What was planned with keys of synapses holds once synapses themselves are counted.

    Raises:
        SnnDeployError SD203: it does not; keys collided, which happens once in 2^60 pairs.
    """
    for core in cores:
        what, share = max(core.share.items(), key=lambda item: item[1])
        if share > 1:
            said = f"the plan takes {share:.1%} of its {what.replace('_', ' ')} on {target.name}"
            raise error(
                "SD203", f"core {core.index}", said, "use a target with axons_are_shared = false, and report this"
            )


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


# checked before a plan is made
RULES: tuple[CoreRule, ...] = (
    every_weight_fits_a_synapse,
    every_register_fits_the_neurons,
    every_neuron_finds_room_for_its_input_axons,
    every_neuron_finds_room_for_its_synapses,
    every_neuron_finds_room_for_its_output_axons,
    every_population_finds_enough_synapse_formats,
)


def findings(network: Network, target: Target, into: Into) -> list[Finding]:
    """Everything that no placement can hold."""
    return [finding for rule in RULES for finding in rule(network, target, into)]
