"""What an engine returns: who computed it, what went in, and what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers

RECORDABLE = ("spikes", "u", "v")


@dataclass(frozen=True, eq=False)
class Trace:
    """One run of a network. Time is the first axis everywhere, in network time unless `raw`.

    Attributes:
        network: what was run.
        engine: who ran it, with its mode and version where it has one ("lava inline 0.10.0").
        dtype: the arithmetic, "float64", "float32" or "int".
        inputs: `(time, batch, *shape)` by name of input, as given by the caller.
        spikes: bool (time, batch, *shape) by name of population; only populations with a threshold.
        u: (time, batch, *shape), or (time, batch, receptor, *shape) where a population has several receptors.
        v: (time, batch, *shape), the stored membrane at the end of the step. Float or state units, as the form has.
        latency: steps by which the engine was late, per population; already taken out unless `raw`.
        notes: what a reader should know (which process ran which population, a wider type that was needed).
        converted: it was computed in other units than the network's, as rebuilt modules do (weights divided by a
            gain, membranes shifted), so that every number is rounded.
    """

    network: Network
    engine: str
    dtype: str
    inputs: Mapping[str, Array]
    spikes: Mapping[str, Array] = field(default_factory=dict)
    u: Mapping[str, Array] = field(default_factory=dict)
    v: Mapping[str, Array] = field(default_factory=dict)
    latency: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    raw: bool = False
    converted: bool = False

    @property
    def steps(self) -> int:
        return int(next(iter(self.inputs.values())).shape[0])

    @property
    def batch(self) -> int:
        return int(next(iter(self.inputs.values())).shape[1])

    def membrane(self, population: str) -> Array:
        """v in units of the float membrane, whatever the form: v / scale + offset for integers."""
        rule = self.network.population[population].rule
        v = self.v[population]
        if isinstance(rule, Registers):
            return np.asarray(v / np.asarray(rule.scale) + np.asarray(rule.offset))
        return v

    def decisions(self) -> Array:
        """Class per sample, `int64 (batch,)`, by the network's decision rule; the lowest index wins a tie.

        Raises:
            SnnDeployError SD102: as `scores`.
        """
        return np.asarray(self.scores().argmax(axis=1))

    def scores(self) -> Array:
        """What the network's decision rule compares, `(batch, classes)`: counts of spikes (int64), or membranes.

        Raises:
            SnnDeployError SD102: the network decides nothing, or what it needs was not recorded.
        """
        rule = self.network.decision
        if rule is None:
            raise error("SD102", "decision", "the network carries no decision", "give it one: net.with_(decision=...)")
        if rule.rule == "spike-count":
            if rule.population not in self.spikes:
                raise error(
                    "SD102", "decision", f"spikes of {rule.population!r} were not recorded", 'record=("spikes",)'
                )
            score = self.spikes[rule.population].sum(axis=0, dtype=np.int64)
        else:
            if rule.population not in self.v:
                raise error("SD102", "decision", f"v of {rule.population!r} was not recorded", 'record=("spikes", "v")')
            v = self.membrane(rule.population)
            score = v[-1] if rule.rule == "last-v" else v.max(axis=0)
        return np.asarray(score.reshape(self.batch, -1))


def wanted(network: Network, record: Iterable[str]) -> tuple[str, ...]:
    """`record`, checked, plus "v" where an output emits its membrane or the decision reads it.

    Raises:
        SnnDeployError SD102: something is not recordable.
    """
    asked = tuple(record)
    for name in asked:
        if name not in RECORDABLE:
            raise error("SD102", f"record {name!r}", "it cannot be recorded", f"choose from {', '.join(RECORDABLE)}")
    emits = any(not network.population[name].rule.spiking for name in network.outputs)
    decides = network.decision is not None and network.decision.rule != "spike-count"
    return tuple(n for n in RECORDABLE if n in asked or (n == "v" and (emits or decides)))


def chosen(network: Network, only: Iterable[str] | None) -> frozenset[str] | None:
    """Names of populations, checked. Raises SnnDeployError SD102: there is none of that name."""
    if only is None:
        return None
    names = frozenset((only,) if isinstance(only, str) else only)
    for name in sorted(names - network.population.keys()):
        have = ", ".join(network.population)
        raise error("SD102", f"only {name!r}", "there is no such population", f"choose from {have}")
    return names


def reduced(trace: Trace, only: frozenset[str] | None) -> Trace:
    """Without what was recorded of other populations."""
    if only is None:
        return trace
    spikes, u, v = (
        {name: rows for name, rows in held.items() if name in only} for held in (trace.spikes, trace.u, trace.v)
    )
    return replace(trace, spikes=spikes, u=u, v=v)
