"""Rules in other words: exact identities by which a framework can hold more than it has names for.

Shift            w = v - d:  threshold, initial v and reset value less d, bias plus (beta - 1)·d. The amount stays,
                 so with d = threshold - amount a neuron that subtracts its threshold subtracts any amount.
Now and next     subtracting a right after the spike is subtracting beta·a in the next step, as the membrane decays
                 in between; the stored membranes differ by a in the step of a spike.
Rest             a reset to a value in the next step drops that step's input: so does a rest of one step behind a reset
                 right after the spike. The stored membranes differ in the step of a spike.
Residual         is "now" for a reset to a value at or below the threshold.
Current          a bias b beside a filtered current is a constant (1 - alpha)·b within it, from an initial b on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.rebuild.late import Late, started
from snndeploy.frontends.rebuild.layers import scaled
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape, chain_apply
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Reset, Rule
from snndeploy.passes import sequential

Found = list[Finding]
CODE = "SD330"
NOBODY = "use the engine 'reference' or 'torch'"


@dataclass(frozen=True, eq=False)
class View:
    """How the membrane of a population is read from the module: v = v_module + shift + jump·s.

    current: the module's u is the population's u.
    membrane: the membrane can be read; False where only the spikes are the network's.
    """

    shift: Array
    jump: Array
    current: bool = True
    membrane: bool = True


PLAIN = View(np.zeros(()), np.zeros(()))


def refused(name: str, what: str, fix: str) -> Finding:
    return Finding(CODE, f"population {name!r}", what, fix)


def shifted(rule: Rule, by: Array) -> Rule:
    """The rule of w = v - by."""
    if not np.any(by):
        return rule
    reset = rule.reset
    if reset.kind == "to":
        reset = replace(reset, value=np.asarray(reset.value) - by)
    return replace(
        rule,
        bias=np.asarray(rule.bias) + (np.asarray(rule.beta) - 1) * by,
        threshold=None if rule.threshold is None else np.asarray(rule.threshold) - by,
        initial=np.asarray(rule.initial) - by,
        reset=reset,
    )


def starts_above(rule: Rule) -> bool:
    """A reset is pending before the first step."""
    return rule.threshold is not None and bool(np.any(np.asarray(rule.initial) > np.asarray(rule.threshold)))


def rests_instead(rule: Rule) -> bool:
    """Dropping the input of the step behind a spike, and resting for it after a reset, give the same spikes."""
    below = np.all(np.asarray(rule.reset.value) <= np.asarray(rule.threshold))
    return rule.adaptation is None and not starts_above(rule) and not np.any(rule.beta == 1) and bool(below)


def settled(name: str, rule: Rule, found: Found, cell: str = "", use: str = NOBODY) -> Rule:
    """The rule without names for the same thing; finds what is not rebuilt in the framework.

    Args:
        cell: a cell of the framework that rests or adapts as this rule does, or "".
        use: the way out.
    """
    reset = rule.reset
    if rule.threshold is None:
        reset = Reset("none")
    elif reset.kind == "to" and reset.when == "residual":
        below = bool(np.all(np.asarray(reset.value) <= np.asarray(rule.threshold)))
        if below and not starts_above(rule):
            reset = replace(reset, when="now")
        else:
            found.append(refused(name, "its 'residual' reset is to a value above the threshold", "reset to below it"))
    for what, there in (
        ("a refractory period", rule.refractory is not None and rule.refractory.steps > 0 and not cell),
        ("an adaptive threshold", rule.adaptation is not None and not cell),
        ("a floor of the membrane", rule.floor is not None or rule.state_floor is not None),
        ("a current that is reset with the membrane", any(r.reset for r in rule.receptors)),
    ):
        if there:
            found.append(refused(name, f"it has {what}, with which it cannot be rebuilt", use))
    return replace(rule, reset=reset)


def grounded(network: Network, found: Found, late: frozenset[str] = frozenset(), filtered: bool = False) -> Network:
    """Always-on inputs as constants of the receptors that they feed; synchronous populations as sequential ones.

    Finds what no module over one step can be.

    Args:
        late: populations that stay synchronous.
        filtered: see `started`.
    """
    if network.form == "integer":
        found.append(
            Finding(CODE, "network", "it is in the integer form", "rebuild the float network that was quantised")
        )
        return network
    if not network.given:
        found.append(Finding(CODE, "network", "all its inputs are constant", "give it one that is not"))
        return network
    rules = {p.name: p.rule for p in network.populations if isinstance(p.rule, Rule)}
    kept: list[Projection] = []
    waiting: list[Late] = []
    for p in network.projections:
        each = network.input.get(p.source)
        if each is None or each.kind != "constant":
            kept.append(p)
            continue
        rule = rules[p.target]
        receptor = rule.receptors[p.receptor]
        onset = each.onset + p.delay
        added = chain_apply(p.maps, np.ones(each.shape))
        step = int(rule.synapse == "synchronous" and p.target not in late)
        if onset > 0:
            waiting.append((p.target, p.receptor, onset + step, added))
            continue
        if np.any(receptor.constant) and receptor.onset > 0:
            waiting.append((p.target, p.receptor, receptor.onset + step, np.asarray(receptor.constant)))
            receptor = replace(receptor, constant=np.zeros(()))
        new = replace(receptor, constant=np.asarray(receptor.constant) + added, onset=0)
        receptors = (*rule.receptors[: p.receptor], new, *rule.receptors[p.receptor + 1 :])
        rules[p.target] = replace(rule, receptors=receptors)
    network = with_rules(network, rules, kept).with_(inputs=network.given)
    try:
        return started(sequential(network, late), waiting, filtered)
    except SnnDeployError as problem:
        found += [replace(each, code=CODE) for each in problem.findings]
        return network


def with_rules(network: Network, rules: dict[str, Rule], projections: list[Projection] | None = None) -> Network:
    return network.with_(
        populations=tuple(replace(p, rule=rules.get(p.name, p.rule)) for p in network.populations),
        projections=network.projections if projections is None else tuple(projections),
        source=None,
    )


def subtracting(name: str, rule: Rule, when: str, found: Found) -> tuple[Rule, Array]:
    """A rule that subtracts, with its reset "now" or "next" as the framework has it, and the jump of its `View`."""
    reset, beta, amount = rule.reset, np.asarray(rule.beta), np.asarray(rule.reset.value)
    if reset.when == when:
        return rule, np.zeros(())
    if starts_above(rule):
        found.append(refused(name, "it starts above its threshold", "start it at or below the threshold"))
        return rule, np.zeros(())
    if when == "next":
        return replace(rule, reset=Reset("by", beta * amount, "next")), -amount
    if np.any(beta == 0):
        found.append(refused(name, "it subtracts in the step after a spike, and beta is 0", "use snntorch"))
        return rule, np.zeros(())
    return replace(rule, reset=Reset("by", amount / beta, "now")), amount / beta


def own_threshold(rule: Rule) -> tuple[Rule, Array]:
    """A rule that subtracts, shifted so that what it subtracts is its threshold; and the shift."""
    amount, threshold = np.asarray(rule.reset.value), np.asarray(rule.threshold)
    by = threshold - amount
    moved = shifted(rule, by)
    return replace(moved, threshold=amount + np.zeros_like(by)) if np.any(by) else rule, by


def weighted(network: Network, factors: dict[tuple[str, int], Array]) -> list[Projection]:
    """Projections times what their receptor's input is scaled by."""
    made = []
    for p in network.projections:
        factor = factors.get((p.target, p.receptor))
        if factor is None:
            made.append(p)
            continue
        made.append(replace(p, maps=scaled(p.maps, np.asarray(factor), network.shapes[p.target])))
    return made


def full(value: Array, shape: Shape) -> Array:
    return np.broadcast_to(np.asarray(value, np.float64), shape)


def narrow(value: Array) -> Array:
    """One number if all are equal."""
    array = np.asarray(value)
    return array.reshape(-1)[0] if array.ndim and array.size and np.all(array == array.flat[0]) else array


def head(rule: Rule) -> bool:
    """No neuron at all: it emits what arrives in the step."""
    return rule.threshold is None and not np.any(rule.beta) and all(not np.any(r.alpha) for r in rule.receptors)


def populations(network: Network) -> list[tuple[Population, Rule]]:
    return [(p, p.rule) for p in network.populations if isinstance(p.rule, Rule)]
