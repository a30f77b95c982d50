"""A network with a bias per sample as the network of one sample.

float:    rule.bias + current
integer:  (bias_mant << bias_exp) + round(current·scale), as the mantissa of the least exponent that holds it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Sparse
from snndeploy.network.network import Input, Network, Population, Projection
from snndeploy.network.registers import BIAS_EXP_MAX, BIAS_MANT_MAX, Format, Registers
from snndeploy.network.rule import Rule


def per_sample(network: Network) -> tuple[Input, ...]:
    """The inputs that are biases."""
    return tuple(each for each in network.inputs if each.kind == "bias")


def with_bias(network: Network, currents: Mapping[str, Array]) -> Network:
    """The network of one sample.

    Args:
        currents: by name of each input of kind "bias", float64 (*shape), membrane units per step.

    Returns:
        A network in which such inputs are never active and only say how many steps there are; a population that
        nothing else feeds has a projection of zeros from its own.

    Raises:
        SnnDeployError SD612: a bias is beyond the register.
    """
    held: dict[str, Array] = {}
    for each in per_sample(network):
        held[each.population] = held.get(each.population, 0) + np.asarray(currents[each.name], np.float64)
    populations = tuple(_bound(each, held[each.name]) if each.name in held else each for each in network.populations)
    inputs = tuple(Input(i.name, (1,)) if i.kind == "bias" else i for i in network.inputs)
    idle: dict[str, Projection] = {}
    for each in per_sample(network):
        if not network.into(each.population):
            form = Format(0, 8, "excitatory") if network.form == "integer" else None
            idle[each.population] = Projection(each.name, each.population, (_zeros(network, each),), format=form)
    projections = (*network.projections, *idle.values())
    return network.with_(inputs=inputs, populations=populations, projections=projections, encodings=(), source=None)


def _zeros(network: Network, each: Input) -> Sparse:
    from scipy import sparse

    kind = np.int64 if network.form == "integer" else np.float64
    return Sparse(sparse.csr_array((prod(each.shape), 1), dtype=kind), (1,), each.shape)


def _bound(each: Population, current: Array) -> Population:
    rule = each.rule
    if isinstance(rule, Rule):
        return replace(each, rule=replace(rule, bias=rule.bias + current))
    mantissa, exponent = registers(each.name, rule, current)
    return replace(each, rule=replace(rule, bias_mant=mantissa, bias_exp=exponent))


def registers(name: str, rule: Registers, current: Array) -> tuple[Array, Array]:
    """(mantissa, exponent) of the bias of each neuron. Raises as `with_bias`."""
    own = np.asarray(rule.bias_mant) << np.asarray(rule.bias_exp)
    units = own + np.rint(current * np.asarray(rule.scale))
    exponent = np.zeros(units.shape, np.int64)
    for e in range(BIAS_EXP_MAX):
        exponent = np.where(np.abs(np.rint(units / 2.0**e)) > BIAS_MANT_MAX, e + 1, exponent)
    mantissa = np.rint(units / 2.0**exponent)
    if mantissa.size and np.abs(mantissa).max() > BIAS_MANT_MAX:
        most = (BIAS_MANT_MAX << BIAS_EXP_MAX) / float(np.max(rule.scale))
        what = f"a bias of {float(np.abs(current).max()):.6g} is beyond {most:.6g}, the largest that its register holds"
        raise error("SD612", f"population {name!r}", what, "calibrate on data of the whole range")
    return mantissa.astype(np.int64), exponent
