"""A backend that shares no code with snndeploy passes every vector; with one fault it fails where it should."""

from __future__ import annotations

import pytest
from literal_backend import Literal

from snndeploy.conform.suite import NonconformingError, cases, check

# fault: a vector that must catch it, and where one looks for more
FAULTS: dict[str, tuple[str, str]] = {
    "a spike at the threshold": ("lif/standard/ties", "*/ties"),
    "a spike subtracts": ("lif/standard/edges", "*lif/standard/edges"),
    "the reset is a step late": ("lif/standard/firing", "*lif/standard/firing"),
    "a spike resets the current too": ("cubalif/standard/current-stays", "cubalif/*"),
    "v_reset is ignored": ("lif/standard/v_reset", "*/v_reset"),
    "v_leak is ignored": ("lif/standard/v_leak", "*/v_leak"),
    "r is ignored": ("lif/standard/r", "*li*/r"),
    "w_in is ignored": ("cubalif/standard/w_in", "cuba*/*"),
    "one parameter for all": ("lif/standard/theta", "*/theta"),
    "decays are e^(-dt/tau)": ("li/standard/decay", "li/*"),
    "the synapse is a step late": ("cubalif/standard/one-step", "cuba*/*"),
    "dt is 1e-4": ("lif/standard/dt-1ms", "*if/*/dt*"),
    "samples share a state": ("lif/standard/batch", "lif/standard/*"),
    "a loop's bias is missing in step 0": ("loop/standard/bias", "loop/*"),
    "a loop takes two steps": ("loop/standard/lif", "loop/*"),
    "a step per layer": ("graph/standard/two-layers", "graph/*"),
    "the last edge wins": ("graph/standard/skip", "graph/*"),
    "square weights are transposed": ("linear/standard/square", "linear/*"),
    "biases are dropped": ("affine/standard/bias-alone", "affine/*"),
    "kernels are flipped": ("conv1d/standard/plain", "conv*/*"),
    "flatten takes the last axis first": ("flatten/standard/all", "flatten/*"),
    "the stride of a pool is its kernel": ("sumpool2d/standard/overlap", "*pool2d/*"),
    "an average leaves out the padding": ("avgpool2d/standard/padding", "avgpool2d/*"),
    "delays are a step short": ("delay/standard/three-steps", "delay/*"),
    "delays do nothing": ("delay/standard/one-step", "delay/*"),
}
# of nodes that the fault has no part in
OTHERS = {"linear/*": ("scale/*",), "conv*/*": ("linear/*",), "delay/*": ("linear/*",), "loop/*": ("lif/standard/*",)}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_literal_backend_passes(case):
    verdict = check(case, Literal())
    assert verdict.states in ("equal", "close", "")
    # it computes by another formula than the reference, which in binary fractions is exact
    assert verdict.kind == "state-identical" or not case.expected.v


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(fault):
    vector, where = FAULTS[fault]
    wrong = []
    for case in cases((where,)):
        try:
            check(case, Literal(fault))
        except NonconformingError as problem:
            wrong.append(case.name)
            assert problem.verdict.first is not None
        except ValueError:
            # shapes no longer fit, which a runner counts as refused
            wrong.append(case.name)
    assert vector in wrong


@pytest.mark.parametrize("fault", [fault for fault, (_, where) in FAULTS.items() if where in OTHERS])
def test_a_fault_fails_nothing_else(fault):
    for case in cases(OTHERS[FAULTS[fault][1]]):
        check(case, Literal(fault))


def test_a_lag_is_told_as_one():
    """A step per layer is the same, late, where all ways are equally long, and wrong where they are not."""
    with pytest.raises(NonconformingError, match="2 steps late"):
        check(cases(("graph/standard/two-layers",))[0], Literal("a step per layer"))
    with pytest.raises(NonconformingError, match="of the bins differ"):
        check(cases(("graph/standard/skip",))[0], Literal("a step per layer"))
