"""Plants faults, compares, and keeps the score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from snndeploy.conform.diagnosis.diagnose import diagnose
from snndeploy.conform.diagnosis.evidence import delayed
from snndeploy.conform.diagnosis.predict import Variant, state_of
from snndeploy.conform.diagnosis.result import Diagnosis
from snndeploy.conform.mutation.faults import Fault, faults
from snndeploy.conform.mutation.subjects import subjects
from snndeploy.conform.tiers.grade import grade
from snndeploy.engines import reference
from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Population

RECORD = ("spikes", "u", "v")


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Attributes:
        same: it changes no spike, u or v on this input: the networks are equivalent there, and it does not count.
        detected: the verdict is weaker than "state-identical", and the layers say that it is no rounding.
        layer, cause: what the diagnosis names.
    """

    fault: Fault
    same: bool
    detected: bool
    layer: str | None
    diagnosis: Diagnosis | None

    @property
    def right_layer(self) -> bool:
        return self.layer == self.fault.layer

    @property
    def right_cause(self) -> bool:
        return self.diagnosis is not None and self.right_layer and self.diagnosis.cause.kind == self.fault.kind


@cache
def expected(subject: str) -> Trace:
    """What the network itself does."""
    network, x = subjects()[subject]
    return reference.run(Job(network, as_inputs(network, x), RECORD))


def planted(fault: Fault) -> Trace:
    """The trace of the faulty network, shown as one of the network itself."""
    network, x = subjects()[fault.subject]
    fed = x if fault.feed is None else fault.feed(x)

    def begin(population: Population, batch: int) -> reference.State:
        if population.name != fault.layer or not fault.arithmetic:
            return reference.start(population, batch)
        made: reference.State = state_of(Variant(population.rule, (), fault.arithmetic), (batch, *population.shape))
        return made

    trace = reference.run(Job(fault.network, as_inputs(network, fed), RECORD), begin)
    trace = replace(trace, network=network, engine="other", inputs=expected(fault.subject).inputs)
    return _shifted(trace, fault.layer, fault.shift) if fault.shift else trace


def _shifted(trace: Trace, layer: str, steps: int) -> Trace:
    """All recordings of one layer, `steps` steps late."""

    def late(held: Mapping[str, Array]) -> dict[str, Array]:
        return {name: delayed(array, steps) if name == layer else array for name, array in held.items()}

    return replace(trace, spikes=late(trace.spikes), u=late(trace.u), v=late(trace.v))


def judge(fault: Fault) -> Outcome:
    """Plants one fault and asks for the verdict."""
    a, b = expected(fault.subject), planted(fault)
    if _same(a, b):
        return Outcome(fault, True, False, None, None)
    verdict = grade(a, b)
    found = diagnose(a, b, verdict.comparison)
    detected = verdict.tier != "state-identical" and any(each.differing for each in found.layers)
    return Outcome(fault, False, detected, found.guilty, found)


def _same(a: Trace, b: Trace) -> bool:
    return all(
        np.array_equal(getattr(a, what)[name], array) for what in RECORD for name, array in getattr(b, what).items()
    )


def outcomes(table: Iterable[Fault] | None = None) -> list[Outcome]:
    return [judge(fault) for fault in (faults() if table is None else table)]
