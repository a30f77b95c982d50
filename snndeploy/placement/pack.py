"""Strategies: how populations are split into parts, and parts packed onto cores under all limits at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, inf, prod

import numpy as np

from snndeploy.errors import Finding, VerdictError
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement.axons import placement_order
from snndeploy.placement.parts import Part, Room, Study
from snndeploy.placement.settings import Settings
from snndeploy.placement.splits import NEAR, Split, by_boxes, by_channels, by_places, longest
from snndeploy.placement.tally import number_of_cores, output_axons
from snndeploy.placement.wires import Wires
from snndeploy.targets import Target

Into = Mapping[str, tuple[Wires, ...]]

# ways to split every population; "fewest" takes for each one the split that fills the fewest cores, or nearly as
# few that hear fewer sources
SPLITS: dict[str, tuple[Split, ...]] = {
    "places": (by_places,),
    "channels": (by_channels,),
    "boxes": (by_boxes,),
    "fewest": (by_boxes, by_places, by_channels),
}
STRATEGIES = ("greedy", *SPLITS)
# a population of more cores is only split into boxes by "fewest": what is lost at their edges is little
MANY = 64


@dataclass(frozen=True, eq=False)
class Plan:
    """An assignment, `core_of` as in `Placement`, the strategy that made it, and output axons over all cores."""

    core_of: dict[str, Array]
    strategy: str
    outs: int

    @cached_property
    def cores(self) -> int:
        return number_of_cores(self.core_of)


def plan(network: Network, target: Target, into: Into, needs: Settings | None, strategy: str) -> Plan:
    """See `place`. needs: None where settings do not count."""
    tried = []
    for name in ("fewest", "greedy") if strategy == "best" else (strategy,):
        study = Study(network, target, into, needs)
        core_of = first_fit(study) if name == "greedy" else packed(study, SPLITS[name])
        core_of, outs = relieved(study, core_of)
        tried.append(Plan(_numbered(network, core_of), name, int(outs.sum())))
    fewest = min(each.cores for each in tried)
    near = [each for each in tried if each.cores <= fewest + fewest // NEAR]
    return min(near, key=lambda each: (each.outs, each.cores))


def first_fit(study: Study) -> dict[str, Array]:
    """Runs of neurons, each onto the first core with room for one more and as long as they fit there.

    Populations in the network's order, images place by place. Output axons do not count.
    """
    room, core_of = Room(study), {}
    for each in study.network.populations:
        order = placement_order(each.shape)
        core_of[each.name] = np.zeros(len(order), np.int64)
        start, guess = 0, int(study.limits[0])
        while start < len(order):
            core = room.first(study.part(each.name, order[start : start + 1]))
            most = min(len(order), start + int(study.limits[0] - room.used[core, 0]))
            part = longest(partial(_holding, room, core, each.name, order, start), start, most, guess)
            if part is None:
                # it fits a core of its own alone; that what fits none is refused has been checked
                part = study.fitting(each.name, order[start : start + 1])
                assert part is not None
            room.take(core, part)
            core_of[each.name][part.neurons] = core
            start, guess = start + len(part.neurons), len(part.neurons)
    return core_of


def _holding(room: Room, core: int, name: str, order: Array, start: int, stop: int) -> tuple[Part, float]:
    part = room.study.part(name, order[start:stop])
    return part, room.share(core, part)


def packed(study: Study, splits: tuple[Split, ...]) -> dict[str, Array]:
    """Every population split by itself, then all parts packed, the largest first, each onto the first core with room.

    Populations are taken from the last to the first: whom a population feeds is split before it, so that its output
    axons are known. In loops they are not; `relieved` splits what sends too much.
    """
    parts: list[Part] = []
    for name in downstream_first(study.network):
        shape = study.network.shapes[name]
        found: list[list[Part]] = []
        for split in splits:
            most = min((_cores(study, each) for each in found), default=0)
            if most <= MANY:
                parts_of = split(study, name, shape, most + most // NEAR if found else inf)
                found += [] if parts_of is None else [parts_of]
        most = min(_cores(study, each) for each in found)
        best = min((each for each in found if _cores(study, each) <= most + most // NEAR), key=_heard)
        study.reached(best)
        parts += best
    room = Room(study)
    core_of = {each.name: np.zeros(prod(each.shape), np.int64) for each in study.network.populations}
    for part in sorted(parts, key=lambda each: -float((each.need / study.limits).max())):
        core = room.first(part)
        room.take(core, part)
        core_of[part.population][part.neurons] = core
    return core_of


def _cores(study: Study, parts: list[Part]) -> int:
    """The fewest cores that parts can fill between them."""
    return ceil(sum(min(1.0, study.share(part)) for part in parts) - 1e-9)


def _heard(parts: list[Part]) -> int:
    return sum(part.heard for part in parts)


def downstream_first(network: Network) -> list[str]:
    """Populations so that each comes behind those that it feeds, as far as loops allow it."""
    feeds: dict[str, set[str]] = {each.name: set() for each in network.populations}
    for p in network.projections:
        if p.source in feeds and p.source != p.target:
            feeds[p.source].add(p.target)
    left, found = [each.name for each in reversed(network.populations)], []
    while left:
        # in a loop: the last of the network
        name = next((each for each in left if not feeds[each] & set(left)), left[0])
        found.append(name)
        left.remove(name)
    return found


def relieved(study: Study, core_of: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    """Splits every core that sends to too many axons, until none does; its neurons stay in placement order.

    Returns the assignment and the output axons of each core.
    """
    target, limit = study.target, study.target.core.output_axons.value
    order = {each.name: placement_order(each.shape) for each in study.network.populations}
    while True:
        outs = output_axons(study.into, core_of)
        over = np.flatnonzero(outs > limit)
        if not over.size:
            return core_of, outs
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


def _numbered(network: Network, core_of: dict[str, Array]) -> dict[str, Array]:
    """Cores numbered in the order in which the neurons of the network meet them."""
    whole = np.concatenate([core_of[each.name] for each in network.populations])
    found, first, number = np.unique(whole, return_index=True, return_inverse=True)
    rank = np.empty(len(found), np.int64)
    rank[np.argsort(first)] = np.arange(len(found))
    ends = np.cumsum([len(core_of[each.name]) for each in network.populations])
    parts = np.split(rank[number.ravel()], ends[:-1])
    return {each.name: part for each, part in zip(network.populations, parts, strict=True)}
