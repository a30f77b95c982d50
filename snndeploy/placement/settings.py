"""Settings that the neurons of a core share: few thresholds, few pairs of decays.

A neuron does not hold its threshold and its decays but the number of a setting of its core; weights and biases are its
own. Source: nengo-loihi 1.1 (VthCfg and CompartmentCfg of a core).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population
from snndeploy.network.registers import Registers
from snndeploy.targets import Target

KINDS = ("thresholds", "neuron settings")


@dataclass(frozen=True, eq=False)
class Settings:
    """What each neuron needs, as numbers: neurons of one number can share a setting.

    of: by population, int64 (2, neurons), neurons in row-major order; the rows are `KINDS`.
    """

    of: Mapping[str, Array]

    @cached_property
    def most(self) -> Mapping[str, Array]:
        """How many each population needs by itself, int64 (2,)."""
        return {name: np.array([len(np.unique(row)) for row in held]) for name, held in self.of.items()}

    def counts(self, core_of: Mapping[str, Array], cores: int) -> Array:
        """Settings that every core holds, int64 (2, cores)."""
        on = np.concatenate([core_of[name] for name in self.of])
        needs = np.concatenate(list(self.of.values()), axis=1)
        codes = [np.unique(on * (1 + int(row.max(initial=0))) + row) for row in needs]
        held = [each // (1 + int(row.max(initial=0))) for each, row in zip(codes, needs, strict=True)]
        return np.stack([np.bincount(each, minlength=cores) for each in held])


def limits(target: Target) -> Array:
    """Settings of each of `KINDS` that a core has, int64 (2,)."""
    return np.array([target.core.threshold_settings.value, target.core.neuron_settings.value])


def settings(network: Network) -> Settings:
    """The settings of an integer network. A population without threshold needs one that it never reaches."""
    needs = {each.name: _registers(each) for each in network.populations}
    numbers: dict[str, Array] = {p.name: np.zeros((2, prod(p.shape)), np.int64) for p in network.populations}
    for k in range(len(KINDS)):
        whole = np.concatenate([rows[k] for rows in needs.values()])
        found = np.unique(whole, axis=0, return_inverse=True)[1].ravel()
        ends = np.cumsum([len(rows[k]) for rows in needs.values()])
        for name, part in zip(needs, np.split(found, ends[:-1]), strict=True):
            numbers[name][k] = part
    return Settings(numbers)


def _registers(each: Population) -> tuple[Array, Array]:
    """Rows of numbers per neuron, or one row for all of them, one array per kind; -1: it has none."""
    rule = each.rule
    assert isinstance(rule, Registers)
    rest, moves = rule.refractory, rule.adaptation
    both = rest is not None and rest.freezes == "membrane and current"
    own = [rule.du, rule.dv, 0 if rest is None else rest.steps, int(both)]
    own += [-1, -1, -1] if moves is None else [moves.da, moves.jump, int(moves.decays == "before")]

    def rows(*values: object) -> Array:
        given = [np.asarray(v) for v in values]
        shape = () if all(v.size == 1 for v in given) else each.shape
        return np.stack([np.broadcast_to(v.reshape(()) if v.size == 1 else v, shape).ravel() for v in given], axis=1)

    return rows(-1 if rule.vth is None else rule.vth), rows(*own)
