"""Plain NIR -> a network in steps of dt. Forward Euler, synapse first; see `neurons.py` for the equations.

* Linear nodes between two neurons become one projection per path; their biases become constants of the receptor.
* A neuron that reaches itself over linear nodes does so one step later, and the bias on that way counts from step 0.
* A loop over several neurons without a Delay can be read in several ways: the caller says which edge is late.
* A Delay is a whole number of steps. A constant that passes one starts that much later.
* An Output behind linear nodes is a population without memory that emits what arrives.
* v and i are 0 before the first step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snndeploy.frontends.nir.graph import NEURONS, SPIKING, Field, Graph
from snndeploy.frontends.nir.linear import LINEAR
from snndeploy.frontends.nir.nested import PASS, Flat, Notes, flatten
from snndeploy.frontends.nir.neurons import RESETS, compact, euler, reset_of
from snndeploy.frontends.nir.shapes import Shaped, infer, with_ends
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Map, Scale, chain_apply
from snndeploy.network.network import Input, InputKind, Network, Population, Projection
from snndeploy.network.rule import Receptor, Reset, Rule
from snndeploy.network.timing import update_order

PATHS_LIMIT = 4096
STEP_TOLERANCE = 1e-4
Delays = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Choices:
    """What a NIR file does not say and its reader must."""

    dt: float | None = None
    reset: str | None = None
    delays: Delays = field(default_factory=dict)
    kind: InputKind = "binary"
    integrators: str = "per-second"


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

    def add(self, other: Arriving) -> None:
        self.paths += other.paths
        for onset, value in other.constants.items():
            self.constants[onset] = self.constants[onset] + value if onset in self.constants else value


def decode(graph: Graph, choices: Choices, notes: Notes) -> Network | None:
    """The network of a graph without its block; None if `notes` has findings that forbid it."""
    flat = flatten(graph, notes)
    _check_choices(graph, flat, choices, notes)
    if notes.fatal():
        return None
    flat = with_ends(flat, notes)
    shaped = infer(flat, notes)
    if notes.fatal():
        return None
    assert choices.dt is not None
    arriving = _follow(shaped, choices.dt, notes)
    if notes.fatal():
        return None
    outputs = _outputs(shaped)
    populations: list[Population] = []
    projections: list[tuple[Path, str]] = []
    neurons = {name for name, node in flat.nodes.items() if node.type in NEURONS}
    for name in sorted(neurons | set(outputs.values())):
        if name in neurons:
            rule = _rule(shaped, name, choices, notes)
        else:
            notes.repaired(f"node {name!r}: it is read as a population without memory that emits what arrives")
            rule = Rule(beta=0.0, threshold=None, reset=Reset("none"))
        rule = _with_constants(rule, arriving[name].constants)
        populations.append(Population(name, shaped.out[name], rule))
        projections += [(path, name) for path in arriving[name].paths]
    if notes.fatal():
        return None
    made = _delayed(_named(projections), choices.delays, notes)
    if notes.fatal():
        return None
    inputs = tuple(Input(n, shaped.out[n], choices.kind) for n in sorted(flat.nodes) if flat.nodes[n].type == "Input")
    names = tuple(dict.fromkeys(outputs[n] for n in sorted(outputs)))
    return _sorted(Network(choices.dt, inputs, tuple(populations), tuple(made), names))


def _sorted(network: Network) -> Network:
    """In the order of computation, so that a table of it can be read."""
    place = {name: i for i, name in enumerate(n for group in update_order(network) for n in group)}
    return network.with_(
        populations=tuple(sorted(network.populations, key=lambda p: place[p.name])),
        projections=tuple(
            sorted(network.projections, key=lambda p: (place[p.target], place.get(p.source, -1), p.name))
        ),
    )


def _check_choices(graph: Graph, flat: Flat, choices: Choices, notes: Notes) -> None:
    dt = choices.dt
    if dt is None:
        notes.wrong("SD408", "dt", "NIR has no time step, and none was given", "say it in seconds: dt=1e-4")
    elif not (np.isfinite(dt) and dt > 0):
        notes.wrong("SD408", "dt", f"{dt} s is not a positive time", "say it in seconds: dt=1e-4")
    else:
        for name, node in flat.nodes.items():
            for each in ("tau", "tau_mem", "tau_syn"):
                value = node.fields.get(each)
                if isinstance(value, str) or value is None or not value.size or not (np.asarray(value) > 0).all():
                    continue
                low = float(np.min(value))
                if 1 - dt / low < -1e-7:
                    notes.wrong(
                        "SD406",
                        f"node {name!r}, {each}",
                        f"{low:g} s is shorter than dt = {dt:g} s: the decay 1 - dt/{each} would be {1 - dt / low:g}",
                        f"read it with dt <= {low:g}",
                    )
    if choices.reset is not None and choices.reset not in RESETS:
        notes.wrong("SD409", "reset", f"{choices.reset!r} is unknown", f"choose from {', '.join(RESETS)}")
    spiking = [n for n, node in flat.nodes.items() if node.type in SPIKING - {"Threshold"}]
    silent = [n for n in sorted(spiking) if "v_reset" not in flat.nodes[n].fields]
    if choices.reset is None and silent:
        writer = f"nir {graph.version}" if graph.version else "an unknown nir"
        notes.wrong(
            "SD409",
            "reset",
            f"nodes {', '.join(silent[:6])} have no v_reset (written by {writer}; before 1.0.6 a spike subtracted the "
            "threshold, or whatever its framework did)",
            f"say it: reset='to-zero', or one of {', '.join(RESETS[1:])}",
        )
    elif choices.reset == "to-v_reset" and silent:
        notes.repaired(f"nodes {', '.join(silent)}: without a v_reset, taken as 0")
    if choices.reset is not None and not choices.reset.startswith("to-v_reset"):
        told = [n for n in sorted(spiking) if np.any(np.asarray(flat.nodes[n].fields.get("v_reset", 0)) != 0)]
        if told:
            notes.repaired(f"nodes {', '.join(told)}: their v_reset is not used, as reset={choices.reset!r} says")
    ones = [n for n, node in sorted(flat.nodes.items()) if node.type in ("I", "IF") and _all_one(node.fields.get("r"))]
    if ones and dt is not None and choices.integrators == "per-second":
        notes.repaired(
            f"nodes {', '.join(ones)}: r = 1 adds dt = {dt:g} per unit and step, as NIR defines it; "
            "where 1 per step was meant (Norse, sinabs), read with integrators='per-step'"
        )
    bare = [n for n, node in sorted(flat.nodes.items()) if node.type.startswith("Cuba") and "w_in" not in node.fields]
    if bare:
        notes.repaired(f"nodes {', '.join(bare)}: without a w_in, taken as 1")
    if choices.integrators not in ("per-second", "per-step"):
        notes.wrong("SD409", "integrators", f"{choices.integrators!r} is unknown", "choose per-second or per-step")


def _all_one(value: Field | None) -> bool:
    return value is not None and not isinstance(value, str) and bool((value == 1).all())


def _outputs(shaped: Shaped) -> dict[str, str]:
    """Output node -> the population that it shows: the neuron in front of it, or one of its own name."""
    found = {}
    for name, node in shaped.flat.nodes.items():
        if node.type == "Output":
            before = shaped.before[name]
            while len(before) == 1 and shaped.flat.nodes[before[0]].type == PASS:
                before = shaped.before[before[0]]
            alone = len(before) == 1 and shaped.flat.nodes[before[0]].type in NEURONS
            found[name] = before[0] if alone else name
    return found


def _follow(shaped: Shaped, dt: float, notes: Notes) -> dict[str, Arriving]:
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
    total = 0
    while ready:
        name = ready.pop()
        found[name] = _sum(before[name], leaving)
        total += len(found[name].paths)
        if total > PATHS_LIMIT:
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
            found[name] = _sum(before[name], leaving)
    return found


def _sum(sources: list[str], leaving: Mapping[str, Arriving]) -> Arriving:
    whole = Arriving()
    for each in sources:
        whole.add(leaving[each])
    return whole


def _through(shaped: Shaped, name: str, arriving: Arriving, dt: float, notes: Notes) -> Arriving:
    node = shaped.flat.nodes[name]
    step = shaped.linear[name]
    result = Arriving()
    for late, mask in _delays(shaped, name, dt, notes) if node.type == "Delay" else [(0, None)]:
        maps = step.maps if mask is None else (Scale(mask),)
        result.paths += [Path(p.source, (*p.maps, *maps), p.delay + late, (*p.via, name)) for p in arriving.paths]
        result.add(Arriving([], {onset + late: chain_apply(maps, c) for onset, c in arriving.constants.items()}))
    if step.bias is not None and step.bias.any():
        result.add(Arriving([], {0: step.bias}))
    return result


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
    values = np.unique(steps)
    if len(values) > 64:
        notes.wrong("SD411", f"node {name!r}, delay", f"it has {len(values)} different delays, 64 at most", "split it")
        return []
    return [(int(n), None if len(values) == 1 else (steps == n).astype(np.float64)) for n in values]


def _rule(shaped: Shaped, name: str, choices: Choices, notes: Notes) -> Rule:
    node, parameters = shaped.flat.nodes[name], shaped.parameters[name]
    assert choices.dt is not None
    integrator = node.type in ("I", "IF")
    per_step = integrator and choices.integrators == "per-step"
    e = euler(node.type, parameters, 1.0 if per_step else choices.dt)
    if per_step:
        notes.repaired(f"node {name!r}: r is per step, as integrators='per-step' says")
    if e.snapped.count:
        notes.repaired(
            f"node {name!r}: {e.snapped.count} decays and gains moved to the float32 that was meant, "
            f"by {e.snapped.far:.1e} at most"
        )
    if node.type == "Threshold":
        threshold = np.asarray(parameters["threshold"], np.float64)
        return Rule(beta=0.0, threshold=compact(threshold), reset=Reset("none"))
    spiking = node.type in SPIKING
    return Rule(
        beta=compact(e.beta),
        threshold=compact(np.asarray(parameters["v_threshold"], np.float64)) if spiking else None,
        receptors=(Receptor(alpha=compact(e.alpha), gain=compact(e.gain)),),
        bias=compact(e.bias),
        reset=reset_of(parameters, choices.reset) if spiking else Reset("none"),
    )


def _with_constants(rule: Rule, constants: Mapping[int, Array]) -> Rule:
    """One receptor per onset: they share decay and gain, so that their sum is one filter."""
    (first,) = rule.receptors
    present = {onset: c for onset, c in sorted(constants.items()) if c.any()} or {0: np.zeros(())}
    receptors = tuple(Receptor(first.alpha, first.gain, compact(np.asarray(c)), onset) for onset, c in present.items())
    return Rule(rule.beta, rule.threshold, receptors, rule.bias, reset=rule.reset)


def _named(projections: list[tuple[Path, str]]) -> list[Projection]:
    """Projections are called source->target, with the nodes between where that is not enough."""
    times = Counter((path.source, target) for path, target in projections)
    named: list[Projection] = []
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
        named.append(Projection(path.source, target, path.maps, path.delay, name=name))
    return named


def _delayed(projections: list[Projection], delays: Delays, notes: Notes) -> list[Projection]:
    """The caller's delays, and one step for every neuron that feeds itself."""
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
