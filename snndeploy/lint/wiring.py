"""Projections that do nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.lint.check import Case, Check, Subject


def every_weight_matrix_does_something(subject: Subject) -> Iterator[Case]:
    """Not all w = 0 in a map of a projection: it would carry nothing.

    Source: y = W x.
    """
    for p in subject.network.projections:
        for each in p.maps:
            weight = getattr(each, "weight", None)
            if weight is not None and not (weight if isinstance(weight, np.ndarray) else weight.data).any():
                yield Case(f"projection {p.name!r}", "all its weights are 0", "remove it")


def delays_are_shorter_than_a_sample(subject: Subject) -> Iterator[Case]:
    """delay < T: a spike of step t arrives in step t + delay, and a sample has the steps 0 .. T - 1.

    Source: `network.Projection`.
    """
    steps = subject.data.steps if subject.data is not None else None
    for p in subject.network.projections:
        if steps is not None and p.delay >= steps:
            what = f"its delay of {p.delay} steps is not below the {steps} steps of a sample: nothing ever arrives"
            yield Case(f"projection {p.name!r}", what, "check the unit of the delay, or give longer samples")


CHECKS = (
    Check("SD211", "warning", "nothing", every_weight_matrix_does_something),
    Check("SD237", "warning", "data", delays_are_shorter_than_a_sample),
)
