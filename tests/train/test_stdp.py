"""Pair-based STDP: traces give what the sum over all pairs of spikes gives."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snndeploy.errors import SnnDeployError
from snndeploy.train.learning.stdp import PairSTDP, learned, traces, window

FREE = {"low": -np.inf, "high": np.inf}
AMOUNTS, TIMES = st.floats(0, 2), st.floats(0.5, 50)


@settings(max_examples=30, deadline=None)
@given(
    pre=hnp.arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.integers(0, 1)),
    neurons=st.integers(1, 3),
    amounts=st.tuples(AMOUNTS, AMOUNTS),
    times=st.tuples(TIMES, TIMES),
    seed=st.integers(0, 99),
)
def test_the_weights_are_the_sum_over_all_pairs(pre, neurons, amounts, times, seed):
    rng = np.random.default_rng(seed)
    post, weight = rng.integers(0, 2, (len(pre), neurons)), rng.normal(size=(neurons, pre.shape[1]))
    rule = PairSTDP(*amounts, *times, **FREE)
    found = learned(rule, weight, pre, post)
    for i in range(neurons):
        for j in range(pre.shape[1]):
            before, behind = np.flatnonzero(pre[:, j]), np.flatnonzero(post[:, i])
            for t in range(len(pre)):
                pairs = behind[behind <= t][:, None] - before[before <= t]
                up = amounts[0] * np.exp(-pairs[pairs >= 0] / times[0]).sum()
                down = amounts[1] * np.exp(pairs[pairs <= 0] / times[1]).sum()
                assert found[t, i, j] == pytest.approx(weight[i, j] + up - down, abs=1e-9)


@settings(max_examples=40, deadline=None)
@example(0, 1.0, 0.6, 10.0, 15.0)
@given(st.integers(-30, 30), AMOUNTS, AMOUNTS, TIMES, TIMES)
def test_two_spikes_move_the_weight_as_the_window_says(distance, up, down, plus, minus):
    pre, post = np.zeros((31, 1)), np.zeros((31, 1))
    pre[max(0, -distance)] = post[max(0, distance)] = 1
    rule = PairSTDP(up, down, plus, minus, **FREE)
    assert learned(rule, np.zeros((1, 1)), pre, post)[-1, 0, 0] == pytest.approx(float(window(rule, distance)))


def test_a_trace_is_what_all_earlier_spikes_have_left():
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, (40, 6))
    t = np.arange(40)
    kernel = np.where(t[:, None] >= t, np.exp(-(t[:, None] - t) / 7.0), 0)
    np.testing.assert_allclose(traces(s, 7.0), kernel @ s, rtol=1e-12)


@pytest.mark.parametrize("bounds", ["hard", "soft"])
def test_weights_stay_within_their_bounds(bounds):
    rng = np.random.default_rng(1)
    rule = PairSTDP(0.2, 0.2, 5, 5, low=-0.5, high=0.75, bounds=bounds)
    found = learned(rule, rng.uniform(-0.5, 0.75, (4, 5)), rng.integers(0, 2, (200, 5)), rng.integers(0, 2, (200, 4)))
    assert found.min() >= -0.5
    assert found.max() <= 0.75
    if bounds == "hard":
        assert found.min() == -0.5


def test_soft_bounds_go_a_share_of_the_way():
    s = np.ones((1, 1))
    found = learned(PairSTDP(0.25, 0.0, 5, 5, low=0.0, high=2.0, bounds="soft"), np.full((1, 1), 0.4), s, s)
    assert found[0, 0, 0] == pytest.approx(0.4 + 0.25 * (2.0 - 0.4))
    found = learned(PairSTDP(0.0, 0.25, 5, 5, low=0.2, high=2.0, bounds="soft"), np.full((1, 1), 0.4), s, s)
    assert found[0, 0, 0] == pytest.approx(0.4 - 0.25 * (0.4 - 0.2))


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(SnnDeployError) as caught:
        PairSTDP(a_plus=-1, tau_minus=0, low=1, high=1, bounds="firm")
    text = str(caught.value)
    assert [each.code for each in caught.value.findings] == ["SD807"] * 4
    for words in ("a_plus = -1", "tau_minus = 0 steps", "leave no weight", "choose from hard, soft"):
        assert words in text
    with pytest.raises(SnnDeployError, match="soft bounds need"):
        PairSTDP(bounds="soft", high=np.inf)
