"""The integer form of one population and of what feeds it, from a choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import values_of, with_values
from snndeploy.network.network import Population, Projection
from snndeploy.network.registers import STATE_SHIFT, AdaptationRegisters, Registers
from snndeploy.network.rule import Reset, Rule
from snndeploy.quantize.choice import MARK, Choice, Part, part_name
from snndeploy.quantize.drive import weighted_map
from snndeploy.quantize.grid import biases, decays
from snndeploy.targets import Target


def population(
    original: Population,
    each: Population,
    into: Sequence[Projection],
    choice: Choice,
    target: Target,
    adjust: Callable[[Rule, Array], tuple[Array, Array]] | None = None,
) -> tuple[Population, list[Projection]]:
    """The integer population and its projections; `each` is prepared, `original` as the caller gave it.

    adjust: (rule, state units per unit) -> the decays to be rounded, if not those of the rule.
    """
    made = [_projection(p, part) for p, parts in zip(into, choice.parts, strict=True) for part in parts]
    return Population(each.name, each.shape, _registers(original, each, choice, target, adjust)), united(made)


def united(parts: Sequence[Projection]) -> list[Projection]:
    """Parts of one weight matrix that came to the same format are one projection again, if none of them share a weight.

    It costs nothing and saves axons.
    """
    found: dict[Any, Projection] = {}
    for i, p in enumerate(parts):
        whole, mark, _ = p.name.rpartition(MARK)
        form, (at, each) = p.format, weighted_map(p)
        assert form is not None
        key = (whole, form.exponent, form.bits, form.sign) if mark else i
        before = found.get(key)
        if before is None:
            found[key] = p
            continue
        given, other = cast(Any, each), cast(Any, weighted_map(before)[1])
        if (given.weight * other.weight).astype(bool).sum():
            found[i] = p
            continue
        joint = replace(given, weight=given.weight + other.weight)
        found[key] = replace(before, maps=(*p.maps[:at], joint, *p.maps[at + 1 :]))
    return list(found.values())


def _projection(p: Projection, part: Part) -> Projection:
    at, each = weighted_map(p)
    whole = part.mantissas.astype(np.int64).reshape(values_of(each).shape)
    maps = (*p.maps[:at], with_values(each, whole), *p.maps[at + 1 :])
    return replace(p, name=part_name(p.name, part.label), maps=maps, receptor=0, format=part.format)


def _registers(
    original: Population,
    each: Population,
    choice: Choice,
    target: Target,
    adjust: Callable[[Rule, Array], tuple[Array, Array]] | None,
) -> Registers:
    """The registers of a prepared population; `original` knows where the membrane was before it was shifted."""
    rule, before = each.rule, original.rule
    assert isinstance(rule, Rule)
    assert isinstance(before, Rule)
    units = choice.scale * 2**STATE_SHIFT
    receptor = rule.receptors[0]
    wanted = (np.asarray(receptor.alpha), np.asarray(rule.beta)) if adjust is None else adjust(rule, np.asarray(units))
    du, dv = decays(*wanted, target)
    mantissa, exponent = biases(np.asarray(rule.bias) * units, target)
    reset = Reset("none")
    if rule.spiking and rule.reset.kind != "none":
        reset = Reset(rule.reset.kind, whole(np.asarray(rule.reset.value) * units), rule.reset.when)
    moves = None
    if rule.adaptation is not None:
        # a decay of the registers of v: no offset
        _, da = decays(np.zeros(()), np.asarray(rule.adaptation.decay), target)
        moves = AdaptationRegisters(da, whole(np.asarray(rule.adaptation.jump) * units), rule.adaptation.decays)
    return Registers(
        du=du,
        dv=dv,
        vth=None if rule.threshold is None else _threshold(rule, choice.scale),
        bias_mant=mantissa,
        bias_exp=exponent,
        bias_onset=rule.bias_onset,
        reset=reset,
        initial_u=whole(np.asarray(receptor.initial) * units),
        initial_v=whole(np.asarray(rule.initial) * units),
        scale=units,
        offset=before.reset.value if before.spiking and before.reset.kind == "to" else 0.0,
        refractory=rule.refractory,
        adaptation=moves,
    )


def _threshold(rule: Rule, scale: Array) -> Array:
    """round(theta·S); floor where sums of whole LSB are all that can be in the membrane: there it is exact.

    "At least theta" is written as "above the next float below theta". On whole numbers that is "above theta·S - 1",
    which the floor hits.
    """
    edge = np.asarray(rule.threshold) * scale
    lattice = (
        np.all(rule.beta == 1)
        and not np.any(rule.receptors[0].alpha)
        and not np.any(rule.bias)
        and not np.any(rule.initial)
        and rule.reset.kind == "to"
    )
    return whole(np.floor(edge)) if lattice else whole(edge)


def whole(value: Array) -> Array:
    """The nearest whole numbers, int64."""
    return np.rint(value).astype(np.int64)
