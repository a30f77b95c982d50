"""First-fit placement of an integer network onto cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snndeploy.errors import Finding, VerdictError, raise_errors
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement import rules
from snndeploy.placement.arrange import arrange as arranged
from snndeploy.placement.axons import Load, Wires, load, placement_order, wires
from snndeploy.placement.plan import Placement
from snndeploy.placement.rates import Given
from snndeploy.placement.settings import Settings, limits, settings
from snndeploy.placement.tally import cores, tally
from snndeploy.placement.traffic import traffic
from snndeploy.quantize import rules as target_rules
from snndeploy.targets import Target
from snndeploy.targets import load as load_target

Into = Mapping[str, tuple[Wires, ...]]


def place(
    network: Network, target: str | Path | Target, *, rates: Given = None, arrange: str = "metis", seed: int = 0
) -> Placement:
    """Assigns every neuron to a core, none of them above a limit of the target.

    Populations are taken in the network's order, the neurons of an image place by place (all channels of a place
    together, for they share their inputs). Each run of neurons goes to the first core with room for one more and takes
    as many as fit there. Then cores whose output axons exceed the limit are split until none does.

    An output axon is one neuron, one of its projections, one core that it reaches. Events of inputs come from outside
    and take no output axon. The neurons of a core need no more different thresholds and decays than it has settings;
    a warning says if they need cores for that alone.

    Cores are laid onto tiles and chips so that few spikes go far; see `arrange.arrange`.

    Args:
        rates: spikes per neuron and step: a trace, a number, or numbers by name of input and population; None: every
            neuron alike.
        arrange: "rows", "greedy" or "metis".
        seed: of "metis".

    Raises:
        SnnDeployError: the network is not in the integer form, or the target cannot hold it (delays, resets).
        SnnDeployError SD250, SD251: the rates do not fit, or there is no such arrangement.
        VerdictError SD203: something does not fit into any core; all of it at once.
    """
    chip = load_target(target)
    spec.check(network)
    if network.form != "integer":
        raise_errors([Finding("SD209", "network", "it is in the float form", "quantise it first")])
    raise_errors(target_rules.findings(network, chip))
    all_wires = wires(network, chip)
    into = {p.name: tuple(w for w in all_wires if w.projection.target == p.name) for p in network.populations}
    problems = rules.findings(network, chip, into)
    if problems:
        raise VerdictError(problems)
    needs = settings(network)
    core_of = _relieved(network, chip, all_wires, _first_fit(network, chip, into, needs))
    filled = cores(chip, all_wires, core_of, needs)
    notes: list[Finding] = []
    if any(max(c.share["thresholds"], c.share["neuron_settings"]) == 1 for c in filled[:-1]):
        free = _relieved(network, chip, all_wires, _first_fit(network, chip, into, None))
        notes += rules.settings_take_no_cores(network, chip, needs, len(filled), _number(free))
    if len(filled) > chip.chip.cores.value:
        what = f"it needs {len(filled):,} cores, a chip of {chip.name} has {chip.chip.cores.value:,}"
        notes.append(Finding("SD205", "network", what, "use several chips, or a smaller network", "warning"))
    moved = traffic(network, core_of, rates)
    where = arranged(moved.between, chip, arrange, seed)
    how = f"{arrange}, spike rates {moved.said}"
    return Placement(chip.name, chip.chip.cores.value, filled, core_of, where, how, tuple(notes))


@dataclass
class _Room:
    """What is left on the cores opened so far."""

    target: Target
    used: Array = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    # numbers of the settings in use: per core one array per kind
    held: list[list[Array]] = field(default_factory=list)

    @property
    def limits(self) -> Array:
        core = self.target.core
        return np.array([core.neurons.value, core.input_axons.value, core.synaptic_memory_bits.value])

    def first(self, need: Array, kinds: Array) -> int:
        """The first core that has room for `need` and its settings; a new one if none has."""
        for core in np.flatnonzero((self.used + need <= self.limits).all(axis=1)):
            if self.shares(int(core), kinds):
                return int(core)
        self.used = np.vstack([self.used, np.zeros((1, 3), np.int64)])
        self.held.append([np.zeros(0, np.int64)] * len(kinds))
        return len(self.used) - 1

    def holds(self, core: int, need: Array, kinds: Array) -> bool:
        return bool((self.used[core] + need <= self.limits).all()) and self.shares(core, kinds)

    def shares(self, core: int, kinds: Array) -> bool:
        """Whether the settings of a core suffice for neurons that need `kinds`, (2 or 0, neurons), as well."""
        each = zip(self.held[core], kinds, limits(self.target), strict=False)
        return all(np.union1d(held, row).size <= most for held, row, most in each)

    def take(self, core: int, need: Array, kinds: Array) -> None:
        self.used[core] += need
        self.held[core] = [np.union1d(held, row) for held, row in zip(self.held[core], kinds, strict=True)]


def _need(each: Load) -> Array:
    return np.array([each.neurons, each.input_axons, each.memory_bits])


def _number(core_of: Mapping[str, Array]) -> int:
    return 1 + max(int(on.max()) for on in core_of.values())


def _first_fit(network: Network, target: Target, into: Into, needs: Settings | None) -> dict[str, Array]:
    """needs: None where settings do not count."""
    room = _Room(target)
    core_of: dict[str, Array] = {}
    for each in network.populations:
        size, feeds = int(np.prod(each.shape)), into[each.name]
        core_of[each.name] = np.zeros(size, np.int64)
        order = placement_order(each.shape)
        kinds = np.zeros((0, size), np.int64) if needs is None else needs.of[each.name][:, order]
        start = 0
        while start < size:
            core = room.first(_need(load(feeds, start, start + 1, target)), kinds[:, start : start + 1])
            # the most neurons that fit: loads only grow with the number of neurons, so bisection finds it
            fits, fails = start + 1, size + 1
            most = start + int(room.limits[0] - room.used[core, 0])
            fails = min(fails, most + 1)
            step = fails - 1
            while fails - fits > 1:
                if room.holds(core, _need(load(feeds, start, step, target)), kinds[:, start:step]):
                    fits = step
                else:
                    fails = step
                step = (fits + fails) // 2
            room.take(core, _need(load(feeds, start, fits, target)), kinds[:, start:fits])
            core_of[each.name][order[start:fits]] = core
            start = fits
    return core_of


def _relieved(
    network: Network, target: Target, all_wires: tuple[Wires, ...], core_of: dict[str, Array]
) -> dict[str, Array]:
    """Splits every core that sends to too many axons, until none does; its neurons stay in placement order."""
    limit = target.core.output_axons.value
    order = {each.name: placement_order(each.shape) for each in network.populations}
    while True:
        outs = tally(target, all_wires, core_of).output_axons
        over = np.flatnonzero(outs > limit)
        if not over.size:
            return core_of
        stuck = []
        for core in over:
            members = [(name, o[core_of[name][o] == core]) for name, o in order.items()]
            size = sum(len(neurons) for _, neurons in members)
            if size == 1:
                name, neuron = next((name, neurons[0]) for name, neurons in members if len(neurons))
                what = f"neuron {neuron} alone needs {outs[core]:,} output axons, a core of {target.name} has {limit:,}"
                fix = "lower its fan-out: fewer or smaller populations behind it"
                stuck.append(Finding("SD203", f"population {name!r}", what, fix))
                continue
            # as many parts as the axons ask for: each is a new core but the first
            part = np.arange(size) * min(size, -(-int(outs[core]) // limit)) // size
            new = max(int(on.max()) for on in core_of.values())
            start = 0
            for name, neurons in members:
                mine = part[start : start + len(neurons)]
                core_of[name][neurons] = np.where(mine == 0, core, new + mine)
                start += len(neurons)
        if stuck:
            raise VerdictError(stuck)
