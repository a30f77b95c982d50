"""The conformance suite: vectors that any NIR backend can be held against.

    from snndeploy.conform.suite import cases, check

    for case in cases():
        check(case, my_backend)        # raises NonconformingError, an AssertionError, where it differs

A backend is a function `run(graph, input, dt) -> spikes`: a `nir.NIRGraph`; an array (time, batch, *shape), or a
mapping of them by Input node; seconds per step. It returns an array (time, batch, *neurons), or a mapping of them by
Output node.
"""

from snndeploy.conform.suite.case import Case
from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.usage import NonconformingError, cases, check, parameters
from snndeploy.conform.suite.verdict import Answer, Verdict, judge

__all__ = ["Answer", "Case", "Contract", "NonconformingError", "Verdict", "cases", "check", "judge", "parameters"]
