"""Plain NIR -> a network in steps of dt. Forward Euler, synapse first; see `neurons.py` for the equations.

* Linear nodes between two neurons become one projection per path; their biases become constants of the receptor.
* A neuron that reaches itself over linear nodes does so one step later, and the bias on that way counts from step 0.
* A Threshold right behind a membrane (LI, I, CubaLI) is one neuron with it and feeds it one step later.
* A loop over several neurons without a Delay can be read in several ways: the caller says which edge is late.
* A Delay is a whole number of steps. A constant that passes one starts that much later.
* An Output behind linear nodes is a population without memory that emits what arrives.
* v and i are 0 before the first step.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snndeploy.frontends.nir.choices import Choices, check
from snndeploy.frontends.nir.early import modern
from snndeploy.frontends.nir.graph import NEURONS, SPIKING, Graph
from snndeploy.frontends.nir.nested import PASS, Notes, flatten
from snndeploy.frontends.nir.neurons import compact, euler, reset_of
from snndeploy.frontends.nir.order import ordered
from snndeploy.frontends.nir.paths import Path, delayed, fired_by, follow, named
from snndeploy.frontends.nir.shapes import Shaped, infer, with_ends
from snndeploy.network.arrays import Array
from snndeploy.network.network import Input, Network, Population
from snndeploy.network.rule import Receptor, Reset, Rule


def decode(graph: Graph, choices: Choices, notes: Notes) -> Network | None:
    """The network of a graph without its block; None if `notes` has findings that forbid it."""
    flat = flatten(modern(graph), notes)
    check(graph, flat, choices, notes)
    if notes.fatal():
        return None
    flat = with_ends(flat, notes)
    shaped = infer(flat, notes)
    if notes.fatal():
        return None
    assert choices.dt is not None
    arriving = follow(shaped, choices.step, notes)
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
    ways = named(projections)
    types = {name: node.type for name, node in flat.nodes.items()}
    thresholds = {name for name, kind in types.items() if kind == "Threshold"}
    fired = fired_by(ways, thresholds, {n for n in neurons if types[n] not in SPIKING})
    made = delayed(ways, choices.delays, notes, fired)
    if notes.fatal():
        return None
    inputs = tuple(
        Input(n, shaped.out[n], choices.kind_of(n)) for n in sorted(flat.nodes) if flat.nodes[n].type == "Input"
    )
    names = tuple(dict.fromkeys(outputs[n] for n in sorted(outputs)))
    return ordered(Network(choices.dt, inputs, tuple(populations), tuple(made), names))


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


def _rule(shaped: Shaped, name: str, choices: Choices, notes: Notes) -> Rule:
    node, parameters = shaped.flat.nodes[name], shaped.parameters[name]
    integrator = node.type in ("I", "IF")
    per_step = integrator and choices.integrators == "per-step"
    e = euler(node.type, parameters, 1.0 if per_step else choices.step)
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
