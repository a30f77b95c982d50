"""The float network nearest to an integer one: what the plain fields of a NIR file say about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.network.maps import Map
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.network.rule import Adaptation, Receptor, Rule


def _uniform(registers: Registers) -> bool:
    scale = np.asarray(registers.scale)
    return bool((scale == scale.flat[0]).all())


def float_rule(registers: Registers) -> Rule:
    """alpha = (4095 - du)/4096, beta = 1 - dv/4096, and everything else in units of the float membrane.

    v_float = v / scale + offset. A scale that is the same for all neurons goes into the weights, else into the gain.
    """
    scale, offset = np.asarray(registers.scale), np.asarray(registers.offset)
    beta = (DECAY_UNITY - np.asarray(registers.dv)) / DECAY_UNITY
    bias = np.ldexp(np.asarray(registers.bias_mant, np.float64), np.asarray(registers.bias_exp)) / scale
    value = np.asarray(registers.reset.value) / scale
    to = registers.reset.kind == "to"
    moves = registers.adaptation
    receptor = Receptor(
        alpha=(DECAY_UNITY - 1 - np.asarray(registers.du)) / DECAY_UNITY,
        gain=1.0 if _uniform(registers) else 1.0 / scale,
        initial=np.asarray(registers.initial_u) / (scale if _uniform(registers) else 1.0),
    )
    return Rule(
        beta=beta,
        threshold=None if registers.vth is None else np.asarray(registers.vth) * (1 << STATE_SHIFT) / scale + offset,
        receptors=(receptor,),
        bias=bias + offset * (1.0 - beta),
        bias_onset=registers.bias_onset,
        reset=replace(registers.reset, value=np.asarray(value + offset if to else value, np.float64)),
        initial=np.asarray(registers.initial_v) / scale + offset,
        refractory=registers.refractory,
        adaptation=None
        if moves is None
        else Adaptation(
            (DECAY_UNITY - np.asarray(moves.da)) / DECAY_UNITY, np.asarray(moves.jump) / scale, moves.decays
        ),
    )


def _float_maps(projection: Projection, target: Registers) -> tuple[Map, ...]:
    """Mantissas become weight·2^exponent·64 (per scale, where that is one number)."""
    assert projection.format is not None
    scale = float(np.asarray(target.scale).flat[0]) if _uniform(target) else 1.0
    factor = float(np.ldexp(1.0, projection.format.exponent + STATE_SHIFT))
    maps: list[Any] = list(projection.maps)
    return tuple(replace(m, weight=m.weight * factor / scale) if m.weighted else m for m in maps)


def float_network(network: Network) -> Network:
    """`network` itself in the float form; of an integer form the nearest float network with the same names."""
    if network.form == "float":
        return network
    rules = {p.name: p.rule for p in network.populations}
    populations = tuple(
        Population(p.name, p.shape, float_rule(p.rule) if isinstance(p.rule, Registers) else p.rule)
        for p in network.populations
    )
    projections = []
    for p in network.projections:
        target = rules[p.target]
        if isinstance(target, Registers):
            p = replace(p, maps=_float_maps(p, target), format=None)
        projections.append(p)
    return replace(network, populations=populations, projections=tuple(projections))
