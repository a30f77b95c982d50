"""The neurons of a population that lie on one core, and what of the registers is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Reset

REGISTERS = ("du", "dv", "vth", "bias_mant", "bias_exp", "initial_u", "initial_v", "scale", "offset")


@dataclass(frozen=True, eq=False)
class Piece:
    """Neurons of one population on one core. `neurons`: their row-major numbers, ascending, int64 (n,)."""

    population: str
    core: int
    neurons: Array


def pieces(network: Network, core_of: Mapping[str, Array]) -> dict[str, tuple[Piece, ...]]:
    """By population, in the order of the cores.

    Raises:
        SnnDeployError SD260: `core_of` is not of this network: a population is missing or unknown, or has another
            number of neurons, or a core is no whole number >= 0.
    """
    found = []
    fix = "place this network again"
    for name in core_of:
        if name not in network.population:
            found.append(Finding("SD260", f"population {name!r}", "the placement has it, the network has not", fix))
    for each in network.populations:
        where, size = f"population {each.name!r}", prod(each.shape)
        on = core_of.get(each.name)
        if on is None:
            found.append(Finding("SD260", where, "the placement does not have it", fix))
        elif on.shape != (size,):
            what = f"the placement has {'x'.join(map(str, on.shape))} neurons of it, the network {size:,}"
            found.append(Finding("SD260", where, what, fix))
        elif on.dtype.kind not in "iu" or on.min() < 0:
            found.append(Finding("SD260", where, "its cores are not whole numbers from 0 on", fix))
    raise_errors(found)
    return {each.name: _split(each.name, core_of[each.name]) for each in network.populations}


def _split(name: str, on: Array) -> tuple[Piece, ...]:
    order = np.argsort(on, kind="stable")
    used, first = np.unique(on[order], return_index=True)
    parts = np.split(order, first[1:])
    return tuple(Piece(name, int(core), neurons) for core, neurons in zip(used, parts, strict=True))


def registers_of(rule: Registers, shape: tuple[int, ...], neurons: Array) -> Registers:
    """The registers of some neurons of a population of this shape; flat, in the order of `neurons`."""

    def own(value: Any) -> Any:
        given = np.asarray(value)
        return given if given.ndim == 0 else np.broadcast_to(given, shape).ravel()[neurons]

    changes: dict[str, Any] = {n: own(getattr(rule, n)) for n in REGISTERS if getattr(rule, n) is not None}
    changes["reset"] = Reset(rule.reset.kind, own(rule.reset.value), rule.reset.when)
    if rule.adaptation is not None:
        moves = rule.adaptation
        changes["adaptation"] = replace(moves, da=own(moves.da), jump=own(moves.jump))
    return replace(rule, **changes)
