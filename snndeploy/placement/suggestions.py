"""Which changes may make a network fit: the likely and cheap first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from snndeploy import targets
from snndeploy.errors import Finding
from snndeploy.network.network import Network
from snndeploy.placement import changes
from snndeploy.placement.axons import memory_bits
from snndeploy.placement.plan import Placement
from snndeploy.placement.tried import Change, Make
from snndeploy.targets import Target

POOL = "a pool in front of its dense weights; better if trained so"


def changes_of(network: Network, chip: Target, found: tuple[Finding, ...], plan: Placement | None) -> Iterator[Change]:
    """What may help, the likely and cheap first."""
    codes = {f.code for f in found}
    if plan is None and "SD206" in codes:
        note = "train shortly with it: snndeploy finetune --train-reset to-zero"
        title = "reset to zero, in the step of the spike"
        yield Change(title, "retrain", lambda: changes.reset_to_zero(network), chip, note)
    if network.form == "float" or (plan is None and not codes & {"SD203", "SD240"}):
        yield from other_chips(network, chip)
        return
    most = axons_of_a_neuron(chip)
    tight = [p.name for p in network.populations if changes.fan_in(network, p.name) > most]
    if tight:
        yield from narrower(network, chip, tight, most)
    for bits in (6, 5, 4):
        if any(p.format is not None and p.format.bits > bits for p in network.projections):
            yield Change(f"weights of {bits} bits", "rounded", made_by(changes.fewer_bits, network, bits), chip)
    for share in (0.25, 0.5, 0.75):
        title = f"the smallest {share:.0%} of weights pruned"
        yield Change(title, "rounded", made_by(changes.pruned, network, share), chip)
    for p in network.populations:
        if p.name not in tight:
            title = f"inputs of {p.name} summed in 2×2 windows"
            yield Change(title, "rounded", made_by(changes.pooled_inputs, network, p.name), chip, POOL)
    yield from other_chips(network, chip)


def narrower(network: Network, chip: Target, tight: list[str], most: int) -> Iterator[Change]:
    """Fewer input axons for the neurons that have too many."""
    names = ", ".join(tight)

    def over(change: Callable[[Network, str], Network | None]) -> Make:
        def make() -> Network | None:
            made = network
            for name in tight:
                changed = change(made, name)
                if changed is None:
                    return None
                made = changed
            return made

        return make

    need = max(changes.fan_in(network, name) for name in tight)
    yield Change(
        f"weak inputs of {names} tied, {need:,} to {most:,} axons",
        "rounded",
        over(lambda net, name: changes.tied_inputs(net, name, most)),
        chip,
        "inputs of a group have one weight, so they share an axon",
    )
    yield Change(
        f"each neuron of {names} keeps its {most:,} largest weights of {need:,}",
        "rounded",
        over(lambda net, name: changes.strongest_inputs(net, name, most)),
        chip,
    )
    yield Change(
        f"weak inputs of {names} left out, {need:,} to {most:,} axons",
        "rounded",
        over(lambda net, name: changes.without_weakest_inputs(net, name, most)),
        chip,
    )
    yield Change(
        f"inputs of {names} summed in 2×2 windows",
        "rounded",
        over(changes.pooled_inputs),
        chip,
        POOL,
    )
    yield Change(
        f"{names} in 2 groups of channels",
        "retrain",
        over(changes.in_two_groups),
        chip,
        "nn.Conv2d(..., groups=2), trained so",
    )


def other_chips(network: Network, chip: Target) -> Iterator[Change]:
    for name in targets.shipped():
        other = targets.load(name)
        if other.name != chip.name:
            kind, note = (
                ("chip", "the same integers") if network.form == "integer" else ("quantised", "quantised for it")
            )
            yield Change(f"on {other.name}", kind, lambda: network, other, f"--target {name}: {note}")


def axons_of_a_neuron(chip: Target) -> int:
    """The most inputs that a neuron alone on a core can have: axons, and memory for a synapse each."""
    core = chip.core
    bits = chip.synapse.weight_bits.value + core.index_bits.value
    each = int(memory_bits(np.asarray(1), bits, chip))
    return min(core.input_axons.value, core.synaptic_memory_bits.value // each)


def made_by(change: Callable[..., Network | None], *arguments: Any) -> Make:
    return lambda: change(*arguments)
