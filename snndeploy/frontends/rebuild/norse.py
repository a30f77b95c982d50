"""A network in Norse's cells, k = 1 - beta and ks = 1 - alpha.

| here | Norse |
|---|---|
| to r, now | LIFBoxCell with reset_value |
| to r, now, with a current | LIFCell |
| to r, now, beta = 1 | IAFCell, which starts at r |
| by a, now | LIFBoxCell with reset_subtract, shifted so that the threshold is a |
| by a, next | by a/beta, now |
| no reset | by 0, now: shifted so that the threshold is 0 |
| no threshold | LIBoxCell, LICell with a current |
| to r, now, and rest | LIFRefracCell |
| to r, next, which drops the input of that step | LIFRefracCell that rests for it |
| to r, now, with a threshold that adapts and a current a step late | LSNNCell |
| several currents, or one that LIFCell cannot have | a LIBoxCell each ("name_current") that feeds the membrane |

Norse multiplies what arrives by k, so weights are divided by it. v_leak is where the membrane starts; what it adds in
each step is taken out of the bias of the layer. Norse computes k as dt·tau_mem_inv in float32; tau_mem_inv is chosen so
that this product is the float32 nearest to 1 - beta (a value per neuron is off by one float32 in about 1 of 40).
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from dataclasses import replace

import numpy as np
from torch import nn

from snndeploy.errors import Finding
from snndeploy.frontends.rebuild.algebra import (
    CODE,
    NOBODY,
    PLAIN,
    Found,
    View,
    grounded,
    head,
    narrow,
    own_threshold,
    populations,
    refused,
    rests_instead,
    settled,
    shifted,
    subtracting,
    weighted,
    with_rules,
)
from snndeploy.frontends.rebuild.graph import Neuron, assemble
from snndeploy.frontends.rebuild.norse_cells import cell, own_cell
from snndeploy.network.arrays import Array, equal
from snndeploy.network.maps import Scale
from snndeploy.network.network import Network, Population, Projection, Source
from snndeploy.network.rule import Receptor, Refractory, Rule
from snndeploy.passes import fold_values

OTHER = "snntorch can hold it: sd.to_snntorch(net)"


def prepare(network: Network, found: Found) -> tuple[Network, dict[str, View]]:
    """The network as Norse can hold it, and how to read its membranes; finds all that it cannot hold."""
    for each, rule in populations(network):
        if each.name in network.outputs and rule.spiking and np.any(rule.value != 1):
            what = f"it is an output, and its spikes are worth {rule.value.min():g}..{rule.value.max():g}, not 1"
            found.append(refused(each.name, what, OTHER))
    late = frozenset(each.name for each, rule in populations(network) if own_cell(rule) == "LSNN")
    network = grounded(network if network.form == "integer" else fold_values(network), found, late)
    if found and network.form == "integer":
        return network, {}
    rules: dict[str, Rule] = {}
    views: dict[str, View] = {}
    for each, given in populations(network):
        before = len(found)
        rule = settled(each.name, given, found, own_cell(given))
        if len(found) > before:
            continue
        rules[each.name], views[each.name] = _reset(each.name, rule, found)
    if found:
        return network, {}
    network = _split(with_rules(network, rules), found)
    factors: dict[tuple[str, int], Array] = {}
    made: dict[str, Rule] = {}
    for each, rule in populations(network):
        made[each.name], factors[each.name, 0] = _scaled(each.name, rule, found)
    if found:
        return network, {}
    ready = with_rules(network, made, weighted(network, factors))
    for name, view in views.items():
        same = len(rules[name].receptors) == 1 and name in ready.population
        first = network.population[name].rule
        given_rule = ready.population[name].rule
        assert isinstance(first, Rule)
        assert isinstance(given_rule, Rule)
        kept = same and equal(first.receptors, rules[name].receptors)
        kept = kept and equal(given_rule.receptors[0].constant, first.receptors[0].constant)
        views[name] = replace(view, current=kept and bool(np.all(factors[name, 0] == 1)))
    return ready, views


def _reset(name: str, rule: Rule, found: Found) -> tuple[Rule, View]:
    """A rule with a reset that Norse has, and how to read its membrane."""
    reset = rule.reset
    if rule.threshold is None:
        return rule, PLAIN
    if reset.kind == "none":
        by = np.asarray(rule.threshold)
        return replace(shifted(rule, by), threshold=np.zeros(())), View(by, np.zeros(()))
    view = PLAIN
    if (reset.kind, reset.when) == ("to", "next") and rests_instead(rule) and rule.refractory is None:
        rule, view = (
            replace(rule, reset=replace(reset, when="now"), refractory=Refractory(1)),
            replace(PLAIN, membrane=False),
        )
    elif reset.when == "residual" or (reset.when == "next" and reset.kind == "to"):
        what = f"its reset is {reset.kind!r}, {reset.when!r}; Norse resets in the step of the spike"
        found.append(refused(name, what, OTHER))
        return rule, PLAIN
    if reset.kind == "to":
        if own_cell(rule) and np.ptp(rule.initial) > 0:
            # these cells start at one v_leak for all
            by, moved = np.asarray(rule.initial), shifted(rule, np.asarray(rule.initial))
            leak = np.isclose(rule.bias, (1 - np.asarray(rule.beta)) * by, rtol=1e-7, atol=0)
            rule = replace(moved, initial=np.zeros(()), bias=np.where(leak, 0.0, moved.bias))
            view = replace(view, shift=by)
        return rule, view
    rule, jump = subtracting(name, rule, "now", found)
    rule, by = own_threshold(rule)
    return rule, View(by, jump)


def _split(network: Network, found: Found) -> Network:
    """Currents that no cell has beside its membrane as populations of their own."""
    taken = {*network.shapes, *(p.name for p in network.projections)}
    made: list[Population] = []
    moved: dict[tuple[str, int], str] = {}
    more: list[Projection] = []
    rules: dict[str, Rule] = {}
    for each, rule in populations(network):
        if head(rule):
            rules[each.name] = _one(rule)
            continue
        if _has_a_cell(rule):
            continue
        if own_cell(rule) == "LSNN":
            what = "it adapts, and LSNNCell has one current that starts at 0 and no bias beside v_leak, where it starts"
            found.append(refused(each.name, what, NOBODY))
            continue
        for k, r in enumerate(rule.receptors):
            if not np.any(r.alpha):
                continue
            if np.any(r.alpha == 1):
                found.append(refused(each.name, "its current does not decay (alpha = 1)", OTHER))
            name = f"{each.name}_current{k or ''}"
            while name in taken:
                name += "_"
            taken.add(name)
            own = Receptor(constant=r.constant)
            current = Rule(beta=r.alpha, threshold=None, receptors=(own,), initial=r.initial)
            made.append(Population(name, each.shape, current))
            moved[each.name, k] = name
            scale = () if np.all(r.gain == 1) else (Scale(np.asarray(r.gain)),)
            more.append(Projection(name, each.name, scale, 0, 0, None, f"{name}_to_{each.name}"))
        rules[each.name] = _one(rule)
    gains = {
        (each.name, k): np.asarray(r.gain)
        for each, rule in populations(network)
        if each.name in rules
        for k, r in enumerate(rule.receptors)
        if (each.name, k) not in moved and np.any(r.gain != 1)
    }
    projections = []
    for p in weighted(network, gains):
        if (p.target, p.receptor) in moved:
            projections.append(replace(p, target=moved[p.target, p.receptor], receptor=0))
        else:
            projections.append(replace(p, receptor=0 if p.target in rules else p.receptor))
    network = with_rules(network, rules, [*projections, *more])
    return network.with_(populations=(*network.populations, *made))


def _one(rule: Rule) -> Rule:
    """The rule with one receptor without filter and of gain 1; constants of the others' are the bias."""
    direct = [r for r in rule.receptors if not np.any(r.alpha)]
    constant = sum((np.asarray(r.gain) * r.constant for r in direct), np.zeros(()))
    return replace(rule, receptors=(Receptor(constant=constant),))


def _has_a_cell(rule: Rule) -> bool:
    """One receptor; if it filters, all that LIFCell and LICell have is enough."""
    if len(rule.receptors) != 1:
        return False
    r = rule.receptors[0]
    if not np.any(r.alpha) and own_cell(rule) != "LSNN":
        return True
    simple = rule.threshold is None or rule.reset.kind == "to"
    leak = np.allclose(rule.bias, (1 - rule.beta) * rule.initial, rtol=1e-7, atol=0)
    return simple and not np.any(rule.beta == 1) and not np.any(r.initial) and bool(leak)


def _scaled(name: str, rule: Rule, found: Found) -> tuple[Rule, Array]:
    """The rule with Norse's gain k, v_leak = initial, its bias in the constant; and what the weights are times."""
    r = rule.receptors[0]
    if head(rule):
        return replace(rule, bias=0.0, receptors=(Receptor(constant=narrow(r.constant + rule.bias)),)), np.ones(())
    k = 1.0 - np.asarray(rule.beta)
    if np.any(k == 0):
        if own_cell(rule):
            found.append(refused(name, f"beta is 1, and {own_cell(rule)}Cell leaks", NOBODY))
            return rule, np.ones(())
        return _integrating(name, rule, found)
    own = np.where(np.asarray(r.gain) == k, 1.0, np.asarray(r.gain) / k)
    leak = k * rule.initial
    rest = np.where(np.isclose(rule.bias, leak, rtol=1e-12, atol=0), 0.0, (np.asarray(rule.bias) - leak) / k)
    receptor = replace(r, gain=k, constant=narrow(own * r.constant + rest))
    return replace(rule, bias=leak, receptors=(receptor,)), narrow(own)


def _integrating(name: str, rule: Rule, found: Found) -> tuple[Rule, Array]:
    """beta = 1: only IAFCell does not leak."""
    what = ""
    if np.any(rule.beta != 1):
        what = "some of its neurons leak and some do not (beta = 1)"
    elif rule.threshold is None or rule.reset.kind != "to":
        what = f"beta is 1 with reset {rule.reset.kind!r}; IAFCell, which does not leak, resets to a value"
    elif np.any(rule.initial != rule.reset.value):
        what = "beta is 1 and it does not start at its reset value, as IAFCell does"
    if what:
        found.append(refused(name, what, OTHER))
        return rule, np.ones(())
    r = rule.receptors[0]
    gain = np.asarray(r.gain)
    receptor = Receptor(constant=narrow(gain * r.constant + rule.bias))
    return replace(rule, bias=0.0, receptors=(receptor,)), narrow(gain)


def build(network: Network, method: str = "super", alpha: float = 100.0) -> tuple[Source, dict[str, View], Found]:
    """Module and views, or findings."""
    found: Found = []
    if method not in METHODS:
        what = f"the surrogate {method!r} is unknown or no threshold"
        return Source("norse", None, {}), {}, [Finding(CODE, "method", what, f"choose from {', '.join(METHODS)}")]
    prepared, views = prepare(network, found)
    if found:
        return Source("norse", None, {}), {}, found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from snndeploy.frontends import norse as families

        del families
        neurons = {
            each.name: Neuron(
                lambda hidden, rule=rule, shape=each.shape: cell(rule, shape, prepared.dt, method, alpha)  # type: ignore[misc]
            )
            for each, rule in populations(prepared)
            if not head(rule)
        }
        source = assemble(prepared, "norse", neurons, _chain, hidden=False)
    paths = {name: path for name, path in source.paths.items() if name in network.population}
    return replace(source, paths=paths), views, found


METHODS = ("super", "triangle", "tanh", "circ", "heavi_erfc")


def _chain(layers: OrderedDict[str, nn.Module]) -> nn.Module:
    """A SequentialState whose modules have names."""
    from norse.torch import SequentialState

    made: nn.Module = SequentialState(*layers.values())
    made._modules = layers  # type: ignore[assignment]
    return made
