"""Real faults, planted on purpose, are never excused as ties."""

from dataclasses import replace

import numpy as np
import pytest
from tie_networks import BOTH, changed, coarse, generic, layers, spikes, with_weight

from snndeploy.conform import compare
from snndeploy.engines import run
from snndeploy.network import Reset, Rule

# faults planted on purpose: (which population must be named, what is changed)
FAULTS = {
    "a weight off by 1e-3": (
        "p1",
        lambda n: with_weight(n, "p1", lambda w: w + 1e-3 * (np.arange(w.size) == 5).reshape(w.shape)),
    ),
    "weights off by 1e-4 of themselves": ("p2", lambda n: with_weight(n, "p2", lambda w: w * (1 + 1e-4))),
    "beta off by 1e-4": ("p1", lambda n: changed(n, "p1", beta=0.875 + 1e-4)),
    "a threshold off by 1e-4": ("p0", lambda n: changed(n, "p0", threshold=1.0001)),
    "a reset one step late": ("p1", lambda n: changed(n, "p1", reset=Reset(when="next"))),
    "a soft reset": ("p2", lambda n: changed(n, "p2", reset=Reset("by", 1.0))),
    "no reset": ("p0", lambda n: changed(n, "p0", reset=Reset("none"))),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_planted_fault_is_found_where_it_is(name, seed):
    where, fault = FAULTS[name]
    network, x, a = generic(seed)
    b = run(fault(network), x, "torch", BOTH)
    same = compare(a, b)
    assert same.verdict == "different"
    assert same.fault.population == where
    assert same.fault.trace == "b"
    assert not same.fault.tie
    assert abs(same.fault.margin) > same.fault.bound
    # a small change may move a bin within the bound first: that is a tie, and it comes before
    assert same.first == same.fault or (same.first.tie and same.first.step <= same.fault.step)
    assert same.first.population == where
    step = same.first.step
    for each in network.population:
        assert np.array_equal(a.spikes[each][:step], b.spikes[each][:step])
    assert [row.faults > 0 for row in same.table] == [row.population == where for row in same.table]


def test_a_trace_that_is_one_step_late_is_different_and_its_lag_is_found():
    network, x, a = generic(1)
    late = {name: np.concatenate([np.zeros_like(s[:1]), s[:-1]]) for name, s in a.spikes.items()}
    same = compare(a, replace(run(network, x, "torch"), spikes=late))
    assert same.verdict == "different"
    assert same.lag == 1
    assert any("lag of 1" in note for note in same.notes)
    assert same.first.step == np.argwhere(a.spikes["p0"])[0][0]
    assert compare(a, replace(a, spikes=late), lag=1).identical
    assert compare(replace(a, spikes=late), a).lag == -1


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_greater_or_equal_is_not_excused_where_arithmetic_is_exact(beta):
    """Dyadic parameters: p = theta happens often, and float32 rounds nothing."""
    rng = np.random.default_rng(5)
    weights = coarse(rng, (12, 10, 6), 4)
    network = layers(weights, Rule(beta=beta, threshold=0.75))
    x = spikes(rng, 20, 16, 12)
    a = run(network, x, "reference", BOTH)
    assert compare(a, run(network, x, "torch", BOTH)).identical
    wrong = changed(network, "p1", threshold=np.nextafter(np.float32(0.75), np.float32(0)).astype(np.float64))
    same = compare(a, run(wrong, x, "torch", BOTH))
    assert same.verdict == "different"
    assert same.fault.population == "p1"
    assert same.fault.margin == 0
    assert same.fault.bound == 0


def test_a_spike_that_is_flipped_by_hand_is_a_fault():
    network, x, a = generic(2)
    b = run(network, x, "torch", BOTH)
    flipped = {name: s.copy() for name, s in b.spikes.items()}
    flipped["p2"][40, 3, 2] ^= True
    same = compare(a, replace(b, spikes=flipped))
    assert (same.fault.step, same.fault.population, same.fault.batch, same.fault.index) == (40, "p2", 3, (2,))
    tampered = compare(replace(a, spikes=flipped), b)
    assert tampered.fault.trace == "a"
    assert (tampered.fault.step, tampered.fault.population) == (40, "p2")


def test_the_first_of_several_faults_is_named_by_its_step():
    network, x, a = generic(2)
    flipped = {name: s.copy() for name, s in run(network, x, "torch", BOTH).spikes.items()}
    flipped["p0"][40, 3, 2] ^= True
    flipped["p2"][20, 5, 1] ^= True
    same = compare(a, replace(a, engine="other", dtype="float32", spikes=flipped))
    assert (same.fault.step, same.fault.population) == (20, "p2")


def test_the_trace_of_the_reference_is_the_definition_wherever_it_stands():
    network, x, a = generic(2)
    wrong = run(with_weight(network, "p1", lambda w: w * 1.01), x, "torch", BOTH)
    assert compare(a, wrong).fault.trace == "b"
    assert compare(wrong, a).fault.trace == "a"


def test_a_spike_in_the_refractory_period_is_a_fault():
    from snndeploy.network import Refractory

    network = layers([np.ones((1, 1))], Rule(beta=0.5, threshold=0.5, refractory=Refractory(2)))
    x = np.ones((6, 1, 1))
    a = run(network, x, "reference", BOTH)
    assert a.spikes["p0"][:, 0, 0].tolist() == [True, False, False, True, False, False]
    spiked = a.spikes["p0"].copy()
    spiked[1] = True
    same = compare(a, replace(a, spikes={"p0": spiked}))
    assert same.verdict == "different"
    assert same.fault.step == 1
    # however near the threshold: 0.1 + 0.2 and 0.3
    network = layers([np.array([[0.1, 0.2]])], Rule(beta=0.0, threshold=0.3, refractory=Refractory(2)))
    a = run(network, np.ones((6, 1, 2)), "reference", BOTH)
    same = compare(a, replace(a, engine="other", dtype="float32", spikes={"p0": spiked}))
    assert (same.verdict, same.fault.step) == ("different", 1)


def test_membranes_of_a_readout_must_be_within_the_bound():
    rng = np.random.default_rng(11)
    network, x, _ = generic(2)
    network = changed(network, "p2", threshold=None, reset=Reset("none"))
    a, b = run(network, x, "reference", BOTH), run(network, x, "torch", BOTH)
    same = compare(a, b)
    assert same.identical
    assert same.table[2].max_dv > 0
    off = b.v["p2"].copy()
    at = tuple(int(i) for i in (rng.integers(n) for n in off.shape))
    off[at] += 1e-3
    moved = compare(a, replace(b, v={**b.v, "p2": off}))
    assert moved.verdict == "different"
    assert (moved.fault.step, moved.fault.batch, moved.fault.index, moved.fault.what) == (at[0], at[1], at[2:], "v")
