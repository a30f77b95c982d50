"""Constants of a receptor as what a chip has: a bias where nothing filters them, else an axon that is always on.

    alpha = 0:  gain·constant joins the bias, if both set in together and nothing else touches u before it is used
    otherwise:  Input(kind="constant", onset) with a projection of weight `constant` into the same receptor

Loihi adds its bias to the membrane directly, so a constant that the current filters needs the axon. The spikes are
the same; v is the same up to the rounding of the sum, and u lacks a constant that became a bias.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Dense, Map, Shape, Sparse
from snndeploy.network.network import Input, Network, Projection
from snndeploy.network.rule import Rule
from snndeploy.passes.change import changed, float_rules


def _column(constant: Array, shape: Shape) -> Map:
    """One axon onto every neuron, each with its own weight."""
    weight = np.broadcast_to(constant, shape).reshape(-1, 1)
    return Dense(weight) if len(shape) == 1 else Sparse(weight, (1,), shape)


def constants(network: Network) -> Network:
    """See the module."""
    taken = {*network.shapes, *(p.name for p in network.projections)}
    rules: dict[str, Rule] = {}
    inputs: list[Input] = []
    projections: list[Projection] = []
    for each, rule in float_rules(network):
        for k, r in enumerate(rule.receptors):
            if not np.any(r.constant):
                continue
            rule = replace(rule, receptors=tuple(replace(o, constant=0.0) if o is r else o for o in rule.receptors))
            onset = r.onset + (rule.synapse == "synchronous")
            together = not np.any(rule.bias) or rule.bias_onset == onset
            touched = rule.synapse == "synchronous" and (r.reset or rule.refractory is not None)
            if not np.any(r.alpha) and together and not touched:
                rule = replace(rule, bias=rule.bias + r.gain * r.constant, bias_onset=onset)
            else:
                name = f"{each.name}_on" if k == 0 else f"{each.name}_on{k}"
                while name in taken or f"{name}->{each.name}" in taken:
                    name += "_"
                taken |= {name, f"{name}->{each.name}"}
                inputs.append(Input(name, (1,), "constant", r.onset))
                column = _column(np.asarray(r.constant), each.shape)
                projections.append(Projection(name, each.name, (column,), 0, k))
            rules[each.name] = rule
    return changed(network, rules, (*network.projections, *projections), inputs) if rules else network
