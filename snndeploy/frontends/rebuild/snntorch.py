"""A network in snnTorch's neurons: Leaky without a current, Synaptic with one.

| here | snnTorch |
|---|---|
| no reset | reset_mechanism "none" |
| to r, now | "zero", reset_delay=False, the membrane shifted by r |
| to r, next | Synaptic "zero", reset_delay=True (alpha 0 where there is no current), shifted by r |
| to r, now, and rest for one step | as to r, next |
| by a, next | "subtract", shifted so that the threshold is a |
| by a, now | by beta·a, next |
| by a, residual | "subtract", reset_delay=False, shifted as above |
| two currents that get the same, with the gains of Alpha | Alpha "none", or "zero", which resets them too |
| no threshold, an output | a threshold out of reach; the module returns the membrane |

Gains go into the weights, biases into those of the layers. A membrane that does not start at 0 is a buffer.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from snndeploy.frontends.rebuild.algebra import (
    NOBODY,
    Found,
    View,
    full,
    grounded,
    head,
    narrow,
    own_threshold,
    populations,
    refused,
    rests_instead,
    settled,
    shifted,
    starts_above,
    subtracting,
    weighted,
    with_rules,
)
from snndeploy.frontends.rebuild.alpha import joined
from snndeploy.frontends.rebuild.graph import Neuron, assemble
from snndeploy.frontends.rebuild.layers import single
from snndeploy.frontends.rebuild.norse_cells import own_cell
from snndeploy.network.arrays import Array, equal
from snndeploy.network.network import Network, Source
from snndeploy.network.rule import Receptor, Rule

OTHER = "norse can hold it: sd.to_norse(net)"
NEVER = float(torch.finfo(torch.float32).max)


def prepare(network: Network, found: Found) -> tuple[Network, dict[str, View]]:
    """The network as snnTorch can hold it, and how to read its membranes; finds all that it cannot hold."""
    elsewhere = {each.name for each, rule in populations(network) if own_cell(rule)}
    network = grounded(network, found, filtered=True)
    if found and network.form == "integer":
        return network, {}
    network, alphas = joined(network)
    rules: dict[str, Rule] = {}
    views: dict[str, View] = {}
    factors: dict[tuple[str, int], Array] = {}
    feeding = {p.source for p in network.projections}
    for each, given in populations(network):
        name, before = each.name, len(found)
        if name in alphas:
            rules[name], views[name] = given, View(np.zeros(()), np.zeros(()))
            continue
        rests = given.refractory is not None and given.refractory.steps == 1 and own_cell(given) == "LIFRefrac"
        rests = rests and rests_instead(given)
        if rests:
            given = replace(given, refractory=None, reset=replace(given.reset, when="next"))
        rule = settled(name, given, found, use=OTHER if name in elsewhere else NOBODY)
        if len(found) > before:
            continue
        jump = np.zeros(())
        by = np.zeros(())
        if rule.reset.kind == "by":
            if rule.reset.when == "now":
                rule, jump = subtracting(name, rule, "next", found)
            rule, by = own_threshold(rule)
        elif rule.reset.kind == "to":
            by = np.asarray(rule.reset.value)
            rule = shifted(rule, by)
        elif rule.threshold is not None and np.any(rule.initial):
            by = np.asarray(rule.initial)
            rule = shifted(rule, by)
        rule, gains = _one_receptor(name, rule, found)
        for k, gain in enumerate(gains):
            factors[name, k] = gain
        _limits(name, given, rule, name in feeding, found)
        rules[name] = rule
        views[name] = View(by, jump, equal(rule.receptors, given.receptors) or head(rule), not rests)
    if found:
        return network, {}
    projections = [replace(p, receptor=0) for p in weighted(network, factors)]
    return with_rules(network, rules, projections), views


def _one_receptor(name: str, rule: Rule, found: Found) -> tuple[Rule, list[Array]]:
    """All receptors as one of gain 1 that holds the bias, too; and the gains, for the weights."""
    alphas = [np.asarray(r.alpha) for r in rule.receptors]
    gains = [np.asarray(r.gain) for r in rule.receptors]
    alpha = alphas[0]
    if any(np.any(alpha != a) for a in alphas[1:]):
        found.append(refused(name, "its receptors filter with different alpha; Synaptic has one current", OTHER))
        return rule, []
    constant = sum((np.asarray(r.gain) * r.constant for r in rule.receptors), np.zeros(()))
    initial = sum((np.asarray(r.gain) * r.initial for r in rule.receptors), np.zeros(()))
    bias = np.asarray(rule.bias)
    if np.any(alpha):
        constant, initial = constant + (1 - alpha) * bias, initial + bias
    else:
        constant, initial = constant + bias, np.zeros(())
    receptor = Receptor(alpha=alpha, constant=narrow(constant), initial=initial)
    return replace(rule, receptors=(receptor,), bias=0.0), gains


def _limits(name: str, given: Rule, rule: Rule, feeds: bool, found: Found) -> None:
    """What no setting of snnTorch is."""
    if head(rule):
        return
    for what, value in (("beta", rule.beta), ("alpha", rule.receptors[0].alpha)):
        if np.any(value < 0) or np.any(value > 1):
            found.append(refused(name, f"{what} = {value.min():g}..{value.max():g}; snnTorch clamps to 0..1", OTHER))
    if rule.threshold is None and feeds:
        found.append(refused(name, "it sends its membrane to others, which snnTorch's neurons do not", OTHER))
    if rule.reset.kind == "to":
        if np.any(np.asarray(rule.threshold) < 0):
            what = "its reset value is above its threshold, so a reset neuron fires again"
            found.append(refused(name, what, NOBODY))
        elif starts_above(rule) and rule.reset.when == "now":
            found.append(refused(name, "it starts above its threshold, where snnTorch resets first", OTHER))
    del given


def neurons_of(network: Network, learn: Callable[[str, str], bool], spike_grad: Any) -> dict[str, Neuron]:
    """A `Neuron` per population of a prepared network; heads have none."""
    return {
        each.name: _neuron(each.name, each.shape, rule, learn, spike_grad)
        for each, rule in populations(network)
        if not head(rule)
    }


def _neuron(
    name: str, shape: tuple[int, ...], rule: Rule, learn: Callable[[str, str], bool], spike_grad: Any
) -> Neuron:
    import snntorch

    receptor, reset = rule.receptors[0], rule.reset
    if len(rule.receptors) == 2:
        return _alpha(name, rule, learn, spike_grad)
    late_zero = reset.kind == "to" and reset.when == "next"
    current = bool(np.any(receptor.alpha)) or late_zero
    mechanism = {"none": "none", "to": "zero", "by": "subtract"}[reset.kind]
    threshold: Any = NEVER if rule.threshold is None else rule.threshold
    options: dict[str, Any] = {
        "reset_mechanism": mechanism,
        "reset_delay": reset.kind == "none" or reset.when == "next",
        "learn_beta": learn(name, "beta"),
        "learn_threshold": rule.threshold is not None and learn(name, "threshold"),
        "spike_grad": spike_grad,
    }

    def make(hidden: bool) -> nn.Module:
        values = {"beta": single(rule.beta), "threshold": single(threshold), "init_hidden": hidden}
        if current:
            made = snntorch.Synaptic(
                alpha=single(receptor.alpha), learn_alpha=learn(name, "alpha"), **values, **options
            )
        else:
            made = snntorch.Leaky(**values, **options)
        if np.any(rule.value != 1):
            made.graded_spikes_factor = single(rule.value)
        module: nn.Module = made
        return module

    def start(value: Array) -> Array | None:
        return full(value, shape) if np.any(value) else None

    starts = (start(receptor.initial), start(rule.initial)) if current else (start(rule.initial),)
    return Neuron(make, starts, rule.threshold is None)


def _alpha(name: str, rule: Rule, learn: Callable[[str, str], bool], spike_grad: Any) -> Neuron:
    import snntorch

    slow, fast = rule.receptors

    def make(hidden: bool) -> nn.Module:
        made = snntorch.Alpha(
            alpha=single(slow.alpha),
            beta=single(fast.alpha),
            threshold=single(rule.threshold),
            reset_mechanism="none" if rule.reset.kind == "none" else "zero",
            init_hidden=hidden,
            spike_grad=spike_grad,
            **{f"learn_{each}": learn(name, each) for each in ("alpha", "beta", "threshold")},
        )
        if np.any(rule.value != 1):
            made.graded_spikes_factor = single(rule.value)
        module: nn.Module = made
        return module

    return Neuron(make, (None, None, None))


def build(
    network: Network, learn: Iterable[str] | None = None, spike_grad: Any = None
) -> tuple[Source, dict[str, View], Found]:
    """Module and views, or findings."""
    from snndeploy.frontends import snntorch as families

    del families
    found: Found = []
    original = network.source
    prepared, views = prepare(network, found)
    if found:
        return Source("snntorch", None, {}), {}, found

    def learned(name: str, parameter: str) -> bool:
        if learn is not None:
            return parameter in learn
        if original is None or original.framework != "snntorch" or name not in original.paths:
            return False
        value = getattr(original.module.get_submodule(original.paths[name]), parameter, None)
        return isinstance(value, nn.Parameter)

    from snntorch._neurons.neurons import SpikingNeuron

    known = list(SpikingNeuron.instances)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        neurons = neurons_of(prepared, learned, spike_grad)
        source = assemble(prepared, "snntorch", neurons, _chain, hidden=True)
    SpikingNeuron.instances[:] = known + [m for m in source.module.modules() if isinstance(m, SpikingNeuron)]
    paths = {name: path for name, path in source.paths.items() if name in network.population}
    return replace(source, paths=paths), views, found


def _chain(layers: OrderedDict[str, nn.Module]) -> nn.Module:
    return nn.Sequential(layers)
