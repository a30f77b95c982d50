"""Encoders of values: closed forms, bounds, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy.errors import SnnDeployError
from snndeploy.network import Delta, Dense, Graded, Input, Network, Planes, Population, Projection, Rate, Rule
from snndeploy.network.encoding import Case, Chip

NETWORK = Network(
    1e-3, (Input("x", (3,), "real"),), (Population("p", (2,), Rule(0.9)),),
    (Projection("x", "p", (Dense(np.ones((2, 3))),)),), ("p",),
)  # fmt: skip
PLAIN, GRADED = Chip("plain", 1), Chip("graded", 2**31 - 1)


def case(x, chip=GRADED, kind="real") -> Case:
    return Case(Input("x", (3,), kind), np.asarray(x, float), NETWORK, chip)


def values(seed: int, low=-1.0, steps=12) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 1.0, (steps, 4, 3))


def through(encoding, x) -> np.ndarray:
    return encoding.decode(encoding.events({"x": x}))


@pytest.mark.parametrize("chip", [PLAIN, GRADED])
@pytest.mark.parametrize("low", [0.0, -1.0])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), most=st.integers(1, 255))
def test_a_grid_is_off_by_half_a_step_at_most(chip, low, seed, most):
    x = values(seed, low)
    encoding = Planes.chosen(case(x, chip), most=most)
    events = encoding.events({"x": x})
    assert np.abs(through(encoding, x) - x).max() <= encoding.step / 2 * (1 + 1e-9)
    assert len(encoding.parts) == most.bit_length()
    assert {each.kind for each in encoding.made} == {"signed" if low and chip is GRADED else "binary"}
    for each in encoding.made:
        assert set(np.unique(events[each.name])) <= ({-1, 0, 1} if each.kind == "signed" else {0, 1})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 8), st.sampled_from([1.0, 1 / 16, 1 / 255, 0.25]))
def test_values_on_a_grid_are_exact(seed, bits, step):
    n = np.random.default_rng(seed).integers(0, 2**bits, (5, 4, 3))
    for encoding in (Graded.chosen(case(n * step)), Planes.chosen(case(n * step))):
        np.testing.assert_allclose(through(encoding, n * step), n * step, rtol=0, atol=1e-12)
    single = n.astype(np.float32) * np.float32(step)
    assert np.abs(through(Graded.chosen(case(single)), single) - single).max() <= 1e-6 * max(1, single.max())


def test_8_bit_pixels_are_their_own_events():
    n = np.arange(254).repeat(3).reshape(-1, 1, 3)
    encoding = Graded.chosen(case(n / 255))
    assert encoding.step == 1 / 255
    assert np.array_equal(encoding.events({"x": n / 255})["x"], n)


def test_counts_on_planes_are_exact_and_as_many_as_the_largest():
    n = np.random.default_rng(0).integers(0, 12, (6, 4, 3))
    n[0, 0, 0] = 11
    unary = Planes.chosen(case(n, PLAIN, "counts"), code="unary")
    assert len(unary.made) == 11
    assert np.array_equal(through(unary, n), n)
    events = unary.events({"x": n})
    assert all(np.array_equal(events[f"x.{j}"], n > j) for j in range(11))
    assert len(Planes.chosen(case(n, PLAIN, "counts")).made) == 4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.floats(0.2, 3.0))
def test_a_diffused_rate_is_never_a_spike_late(seed, size):
    x = values(seed, steps=40) * size
    encoding = Rate.chosen(case(x))
    off = np.cumsum(through(encoding, x) - x, axis=0) / encoding.top
    # each sign by itself is within half a spike
    assert np.abs(off).max() <= 1 + 1e-9
    still = np.broadcast_to(x[:1], x.shape)
    rate = np.abs(Rate.chosen(case(x)).events({"x": still})["x"].sum(axis=0))
    assert (
        np.array_equal(rate, np.floor(40 * np.abs(x[0]) / encoding.top + 0.5))
        or np.abs(rate - 40 * np.abs(x[0]) / encoding.top).max() <= 0.5 + 1e-9
    )


def test_a_random_rate_is_the_sample_s_own_and_has_the_right_mean():
    x = np.full((4000, 3, 3), 0.3) * np.array([1.0, 0.5, 0.0])
    encoding = Rate.chosen(case(np.concatenate([x, -x], 1)), code="bernoulli", seed=5, top=1.0)
    events = encoding.events({"x": x})["x"]
    p = 0.3 * np.array([1.0, 0.5, 0.0])
    assert np.all(np.abs(events.mean(axis=0) - p) <= 5 * np.sqrt(p * (1 - p) / 4000))
    other = np.random.default_rng(0).random((4000, 1, 3))
    beside = encoding.events({"x": np.concatenate([other, x[:, 1:]], 1)})["x"]
    assert np.array_equal(beside[:, 1:], events[:, 1:])
    assert not np.array_equal(replace(encoding, seed=6).events({"x": x})["x"], events)
    assert np.array_equal(encoding.events({"x": -x})["x"] <= 0, np.ones(x.shape, bool))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.integers(2, 40), st.sampled_from([PLAIN, GRADED]))
def test_delta_follows_a_slow_value_within_a_threshold_and_never_passes_it(seed, parts, chip):
    rng = np.random.default_rng(seed)
    threshold = 1 / parts
    x = np.cumsum(rng.uniform(-0.5, 0.5, (60, 4, 3)) * threshold, axis=0)
    encoding = Delta.chosen(case(x, chip), threshold=threshold)
    y = through(encoding, x)
    assert np.abs(x - y).max() < threshold * (1 + 1e-9)
    assert np.abs(y).max() <= encoding.reach * threshold
    steps = sum(v if n.endswith(("x", "+")) else -v for n, v in encoding.events({"x": x}).items())
    again = np.zeros(x.shape[1:])
    for t in range(60):
        again = again * 4095 / 4096 + threshold * steps[t]
        np.testing.assert_allclose(again, y[t], atol=1e-12)


def test_delta_takes_several_thresholds_at_once_where_events_carry_numbers():
    x = np.zeros((4, 1, 3))
    x[1:] = [1.0, -0.5, 0.25]
    encoding = Delta.chosen(case(x), threshold=0.25, most=4)
    assert encoding.events({"x": x})["x"][:, 0].tolist() == [[0, 0, 0], [4, -2, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("kind", [Graded, Planes, Rate, Delta])
def test_what_is_beyond_is_refused_or_clipped(kind):
    x = values(1, 0.0)

    encoding = kind.chosen(case(x))
    with pytest.raises(SnnDeployError, match=r"SD612 input 'x': 1\.9.* is beyond .*clip"):
        encoding.events({"x": x + 0.95 + (1 - x.max())})
    clipped = replace(encoding, beyond="clip")
    assert through(clipped, x + 5).max() <= x.max() * (1 + 1e-9)
    if kind is not Delta:
        with pytest.raises(SnnDeployError, match="SD612 input 'x': -0.5 is negative"):
            encoding.events({"x": x * 0 - 0.5})
        assert through(clipped, x * 0 - 0.5).max() == 0


@pytest.mark.parametrize(
    ("kind", "chip", "given_settings", "said"),
    [
        (Graded, PLAIN, {}, "events of plain carry no number"),
        (Graded, GRADED, {"bits": 32}, "bits = 32"),
        (Graded, GRADED, {"bits": 2.5}, "bits = 2.5"),
        (Graded, GRADED, {"step": -1}, "step = -1 is negative"),
        (Graded, GRADED, {"bit": 3}, "no setting 'bit'"),
        (Graded, GRADED, {"beyond": "wrap"}, "beyond = 'wrap'"),
        (Graded, GRADED, {"bits": "many"}, "bits = 'many' is not a number"),
        (Planes, PLAIN, {"code": "unary", "most": 40}, "40 unary planes; the most are 32"),
        (Planes, PLAIN, {"most": -1}, "most = -1"),
        (Rate, PLAIN, {"seed": -1}, "seed = -1"),
        (Delta, PLAIN, {"most": 2}, "most = 2"),
        (Delta, PLAIN, {"threshold": -0.1}, "threshold = -0.1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(kind, chip, given_settings, said):
    with pytest.raises(SnnDeployError, match=r"SD611 input 'x', encoding") as caught:
        kind.chosen(case(values(0), chip), **given_settings)
    assert said in str(caught.value)


def test_silence_can_be_encoded():
    x = np.zeros((5, 2, 3))
    for kind in (Graded, Planes, Rate, Delta):
        encoding = kind.chosen(case(x))
        assert not through(encoding, x).any()
        assert not encoding.problems()
