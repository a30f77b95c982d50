"""What is never below 0: a relu does nothing to spikes, and to sums of them with weights of at least 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.frontends.value import Steps, Sum, Value
from snndeploy.network.maps import Map

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def never_negative(tracer: Tracer, given: Any) -> bool:
    """True where every number of a value is at least 0, whatever comes in."""
    meaning = given.meaning if isinstance(given, Value) else None
    items = meaning.items if isinstance(meaning, Steps) else (meaning,)
    return all(isinstance(each, Sum) and _sum(tracer, each) for each in items)


def _sum(tracer: Tracer, total: Sum) -> bool:
    constant = total.constant is None or not np.any(total.constant < 0)
    return constant and all(_source(tracer, p.source) and not any(map(_negative, p.maps)) for p in total.paths)


def _source(tracer: Tracer, name: str) -> bool:
    if name in tracer.inputs:
        return tracer.inputs[name].kind != "real"
    rule = tracer.cells[name].rule if name in tracer.cells else None
    return rule is not None and rule.spiking and not np.any(np.asarray(rule.value) < 0)


def _negative(each: Map) -> bool:
    weight: Any = getattr(each, "factor", getattr(each, "weight", np.zeros(0)))
    return bool(np.any((weight if isinstance(weight, np.ndarray) else weight.data) < 0))
