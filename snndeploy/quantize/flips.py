"""Threshold crossings that a choice moves: one population in integers, fed with the spikes of the float network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.engines import run
from snndeploy.network.arrays import Array
from snndeploy.network.network import Input
from snndeploy.quantize import build
from snndeploy.quantize.choice import Choice
from snndeploy.quantize.search import Search


def flips(case: Search, choice: Choice) -> Array:
    """Bins of each neuron in which it spikes and the float neuron does not, or the other way round; (*shape).

    Every source, the neurons themselves included, is replaced by what it emitted in the float network, so that one
    moved spike moves no other but through the neuron's own reset. A population without threshold has none.
    """
    trace = case.evidence
    assert trace is not None
    each, into = case.network.population[case.name], case.network.into(case.name)
    if not each.rule.spiking:
        return np.zeros(each.shape)
    named = {source: f"{source} as it was" for source in {p.source for p in into} if source not in case.network.input}
    inputs = [held for held in case.network.inputs if any(p.source == held.name for p in into)]
    inputs += [Input(name, case.network.shapes[source]) for source, name in named.items()]
    made, parts = build.population(each, each, into, choice, case.target)
    alone = case.network.with_(
        inputs=tuple(inputs),
        populations=(made,),
        projections=tuple(replace(p, source=named.get(p.source, p.source)) for p in parts),
        outputs=(each.name,),
        decision=None,
        source=None,
    )
    given = {
        held.name: trace.inputs[held.name] for held in inputs if held.kind != "constant" and held.name in trace.inputs
    }
    given |= {name: trace.spikes[source] for source, name in named.items()}
    if not given:  # constants alone do not say how long
        return np.zeros(each.shape)
    spikes = run(alone, given, "torch").spikes[each.name]
    return np.asarray((spikes != trace.spikes[each.name]).sum(axis=(0, 1)))
