"""Faults planted on purpose: every one is seen, in its layer, with its cause."""

import pytest

from snndeploy.conform.mutation import faults, judge

# every second one of the table; docs/mutations.md has them all
ALL = list(faults())
TABLE = ALL[::2]


@pytest.fixture(scope="module")
def found():
    return [judge(fault) for fault in TABLE]


def test_no_two_faults_have_one_name():
    """Who counts names counts faults."""
    assert len({str(each) for each in ALL}) == len(ALL)


def test_there_are_faults_enough_that_have_an_effect(found):
    assert sum(not each.same for each in found) >= 250
    assert {each.fault.kind for each in found if not each.same} >= {
        *("weight", "decay", "threshold", "bias", "gain", "reset", "refractory", "comparator", "order", "latency"),
        *("input", "wiring", "dt", "overflow", "state", "initial state"),
    }


def test_every_fault_with_an_effect_is_detected_in_its_layer(found):
    missed = [str(each.fault) for each in found if not each.same and not (each.detected and each.right_layer)]
    assert not missed


def test_the_cause_is_named(found):
    counted = [each for each in found if not each.same]
    wrong = [f"{each.fault}: {each.diagnosis.cause}" for each in counted if not each.right_cause]
    assert len(wrong) <= 0.05 * len(counted), wrong
    incomplete = [f"{each.fault}: {each.diagnosis.cause}" for each in counted if not each.diagnosis.cause.complete]
    assert len(incomplete) <= 0.05 * len(counted), incomplete


def test_an_equivalent_fault_is_one_that_changes_nothing(found):
    """What does not count has the same spikes, u and v as the network itself, bit for bit."""
    import numpy as np

    from snndeploy.conform.mutation.score import expected, planted

    for each in found:
        if each.same:
            a, b = expected(each.fault.subject), planted(each.fault)
            for what in ("spikes", "u", "v"):
                for name, array in getattr(a, what).items():
                    assert np.array_equal(array, getattr(b, what)[name]), each.fault
