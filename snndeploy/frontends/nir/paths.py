"""The ways between neurons: linear nodes become projections, their biases constants, loops get their delay."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from snndeploy.frontends.nir.choices import Delays
from snndeploy.frontends.nir.linear import LINEAR
from snndeploy.frontends.nir.nested import Notes
from snndeploy.frontends.nir.order import total
from snndeploy.frontends.nir.shapes import Shaped
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map, Scale, chain_apply, chain_work
from snndeploy.network.network import Projection

PATHS_LIMIT = 4096
STEP_TOLERANCE = 1e-4
# what the multiplication by dt and the division by it can lose
ROUNDING = 1e-14


@dataclass(frozen=True)
class Path:
    """One way from an input or a neuron: its maps, its delay, the linear nodes on it."""

    source: str
    maps: tuple[Map, ...] = ()
    delay: int = 0
    via: tuple[str, ...] = ()


@dataclass
class Arriving:
    """What arrives at a node: paths, and constants by the step from which they are on."""

    paths: list[Path] = field(default_factory=list)
    constants: dict[int, Array] = field(default_factory=dict)


def follow(shaped: Shaped, dt: float, notes: Notes) -> dict[str, Arriving]:
    """What arrives at every node. Linear nodes are taken in the order in which they depend on each other."""
    nodes, before = shaped.flat.nodes, shaped.before
    linear = {name for name, node in nodes.items() if node.type in LINEAR}
    waits = {name: sum(a in linear for a in before[name]) for name in linear}
    ready = sorted(name for name, count in waits.items() if count == 0)
    after: dict[str, list[str]] = defaultdict(list)
    for name in sorted(linear):
        for a in before[name]:
            after[a].append(name)
    leaving: dict[str, Arriving] = {n: Arriving([Path(n)]) for n in nodes if n not in linear}
    found: dict[str, Arriving] = {}
    ways = 0
    while ready:
        name = ready.pop()
        found[name] = _sum(leaving[a] for a in before[name])
        ways += len(found[name].paths)
        if ways > PATHS_LIMIT:
            notes.wrong("SD402", f"node {name!r}", f"more than {PATHS_LIMIT:,} ways lead here", "merge linear nodes")
            return found
        leaving[name] = _through(shaped, name, found[name], dt, notes)
        for each in after[name]:
            waits[each] -= 1
            if waits[each] == 0:
                ready.append(each)
    stuck = sorted(linear - found.keys())
    if stuck:
        notes.wrong(
            "SD411", f"nodes {', '.join(stuck[:6])}", "they form a loop without neurons", "put a neuron into it"
        )
        return found
    for name in nodes:
        if name not in linear:
            ways += sum(len(leaving[each].paths) for each in before[name])
            if ways > PATHS_LIMIT + len(shaped.flat.edges):
                what = f"more than {PATHS_LIMIT:,} ways lead here"
                notes.wrong("SD402", f"node {name!r}", what, "merge linear nodes")
                return found
            found[name] = _sum(leaving[a] for a in before[name])
    return found


def _sum(arriving: Iterable[Arriving]) -> Arriving:
    """Everything together, whatever the order it comes in."""
    whole = Arriving()
    constants: dict[int, list[Array]] = defaultdict(list)
    for each in arriving:
        whole.paths += each.paths
        for onset, value in each.constants.items():
            constants[onset].append(value)
    whole.constants = {onset: total(values) for onset, values in constants.items()}
    return whole


def _through(shaped: Shaped, name: str, arriving: Arriving, dt: float, notes: Notes) -> Arriving:
    node = shaped.flat.nodes[name]
    step = shaped.linear[name]
    parts = []
    for late, mask in _delays(shaped, name, dt, notes) if node.type == "Delay" else [(0, None)]:
        maps = step.maps if mask is None else (Scale(mask),)
        for constant in arriving.constants.values():
            notes.spend(chain_work(maps, constant.shape), f"node {name!r}, constants through it")
        paths = [Path(p.source, (*p.maps, *maps), p.delay + late, (*p.via, name)) for p in arriving.paths]
        parts.append(Arriving(paths, {onset + late: chain_apply(maps, c) for onset, c in arriving.constants.items()}))
    if step.bias is not None and step.bias.any():
        parts.append(Arriving([], {0: step.bias}))
    return _sum(parts)


def _delays(shaped: Shaped, name: str, dt: float, notes: Notes) -> list[tuple[int, Array | None]]:
    """(steps, mask of the neurons that have them); no mask where all have the same."""
    delay = np.asarray(shaped.parameters[name]["delay"], np.float64)
    steps = np.rint(delay / dt)
    off = np.abs(delay / dt - steps) > STEP_TOLERANCE
    if off.any() or steps.max() > 2**31:
        bad = float(delay[off].flat[0]) if off.any() else float(delay.max())
        notes.wrong(
            "SD411", f"node {name!r}, delay", f"{bad:g} s is {bad / dt:g} steps of {dt:g} s", "choose another dt"
        )
        return []
    far = np.abs(delay / dt - steps).max()
    if far > ROUNDING * max(1.0, steps.max()):
        notes.repaired(f"node {name!r}: its delay is moved to whole steps, by {far:.1e} of one at most")
    values = np.unique(steps)
    if len(values) > 64:
        notes.wrong("SD411", f"node {name!r}, delay", f"it has {len(values)} different delays, 64 at most", "split it")
        return []
    return [(int(n), None if len(values) == 1 else (steps == n).astype(np.float64)) for n in values]


def named(projections: list[tuple[Path, str]]) -> list[Projection]:
    """Projections are called source->target, with the nodes between where that is not enough."""
    times = Counter((path.source, target) for path, target in projections)
    made: list[Projection] = []
    used: set[str] = set()
    for path, target in projections:
        name = f"{path.source}->{target}"
        if times[path.source, target] > 1:
            name = f"{path.source}->{'->'.join(path.via)}{'->' if path.via else ''}{target}"
        base, count = name, 1
        while name in used:
            count += 1
            name = f"{base} {count}"
        used.add(name)
        made.append(Projection(path.source, target, path.maps, path.delay, name=name))
    return made


def fired_by(projections: list[Projection], thresholds: set[str], membranes: set[str]) -> dict[str, str]:
    """Threshold -> the membrane in front of it, where that alone reaches it, as it is and at once."""
    into: dict[str, list[Projection]] = defaultdict(list)
    for p in projections:
        into[p.target].append(p)
    alone = {name: into[name][0] for name in thresholds if len(into[name]) == 1}
    return {name: p.source for name, p in alone.items() if not p.maps and p.delay == 0 and p.source in membranes}


def delayed(
    projections: list[Projection], delays: Delays, notes: Notes, fired: Mapping[str, str] | None = None
) -> list[Projection]:
    """The caller's delays, and one step for every neuron that feeds itself.

    Args:
        fired: thresholds that are one neuron with the membrane in front of them (`fired_by`).
    """
    import networkx as nx

    pairs = {(p.source, p.target) for p in projections}
    for pair, steps in delays.items():
        if pair not in pairs:
            notes.wrong(
                "SD405",
                f"delays {pair!r}",
                "nothing leads from one to the other",
                f"choose from {sorted(pairs)}",
            )
        elif type(steps) is not int or steps < 0:
            notes.wrong("SD406", f"delays {pair!r}", f"{steps!r} is not a number of steps", "give 0, 1, 2, ...")
    if notes.fatal():
        return projections
    made = []
    for p in projections:
        delay = p.delay + delays.get((p.source, p.target), 0)
        if p.source == p.target and delay == 0:
            delay = 1
            notes.repaired(f"projection {p.name!r}: a neuron feeds itself one step later")
        elif delay == 0 and (fired or {}).get(p.source) == p.target and (p.target, p.source) not in delays:
            delay = 1
            notes.repaired(f"projection {p.name!r}: a threshold feeds the membrane in front of it one step later")
        made.append(Projection(p.source, p.target, p.maps, delay, p.receptor, p.format, p.name))
    instant: nx.DiGraph = nx.DiGraph()
    instant.add_edges_from(sorted((p.source, p.target) for p in made if p.delay == 0))
    for group in sorted(sorted(each) for each in nx.strongly_connected_components(instant) if len(each) > 1):
        loop = [a for a, _ in nx.find_cycle(instant.subgraph(group))]
        ways = [(a, b) for a, b in zip(loop, [*loop[1:], loop[0]], strict=True)]
        notes.wrong(
            "SD410",
            f"loop {' -> '.join([*loop, loop[0]])}",
            f"NIR does not say which of its {len(ways)} edges is a step late",
            "say it: " + " or ".join(f"delays={{({a!r}, {b!r}): 1}}" for a, b in ways),
        )
    return made
