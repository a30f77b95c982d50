"""Rounding by rows: never worse than the nearest by the error it minimises, and exact weights stay."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy.network import Format
from snndeploy.quantize.drive import Drive
from snndeploy.quantize.grid import biases, formats, mantissas
from snndeploy.quantize.rounding import rounded
from snndeploy.targets import load

LOIHI = load("loihi2")


def expected(d: Drive, values, scale, form, gains, drift) -> np.ndarray:
    """The definition, row by row."""
    wrong = values * 2.0**form.exponent / scale - d.weight
    return np.array(
        [
            gains[0] ** 2 * (wrong[i] @ d.mean + drift[i]) ** 2 + gains[1] * (wrong[i] ** 2) @ d.variance
            for i in range(len(wrong))
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 12), st.integers(1, 40), st.floats(10, 1e4))
def test_rounding_lowers_the_error_and_stays_on_the_grid(seed, rows, size, scale):
    rng = np.random.default_rng(seed)
    rate = rng.random(size)
    d = Drive(rng.normal(0.05, 0.3, (rows, size)), rate, rate * (1 - rate))
    drift = rng.normal(0, 0.1, rows)
    for form in formats(d.weight, scale, LOIHI):
        nearest, made = mantissas(d.weight, scale, form), rounded(d, scale, form, (8.0, 5.0), drift)
        low, high = form.limits
        assert low <= made.min()
        assert made.max() <= high
        assert not np.any(made % form.step)
        assert np.all(np.abs(made - nearest) <= form.step)
        before, after = (expected(d, m, scale, form, (8.0, 5.0), drift) for m in (nearest, made))
        assert np.all(after <= before + 1e-12)


def test_errors_that_act_together_cancel():
    """Ten weights of 0.4 steps each: the nearest are all 0, four of them have to be 1 step."""
    d = Drive(np.full((1, 10), 0.4), np.ones(10), np.zeros(10))
    made = rounded(d, 1.0, Format(0, 8, "excitatory"), (1.0, 1.0), np.zeros(1))
    assert made.sum() == 4


def test_weights_on_the_grid_are_never_moved():
    weight = np.arange(-8, 8, 2).reshape(2, 4) * 1.0
    d = Drive(weight, np.full(4, 0.5), np.full(4, 0.25))
    assert np.array_equal(rounded(d, 1.0, Format(), (10.0, 1.0), np.full(2, 3.0)), weight)


@given(st.lists(st.integers(-(4095 << 7), 4095 << 7), min_size=1, max_size=20))
def test_biases_are_held_to_half_a_step_of_the_smallest_exponent(values):
    bias = np.array(values, float)
    mantissa, exponent = biases(bias, LOIHI)
    assert np.all(np.abs(mantissa) <= 4095)
    assert np.all((exponent >= 0) & (exponent <= 7))
    assert np.all(np.abs(mantissa * 2.0**exponent - bias) <= np.where(exponent > 0, 2.0**exponent / 2, 0))
    assert np.all((exponent == 0) | (np.abs(np.rint(bias / 2.0 ** (exponent - 1))) > 4095))


@given(st.integers(0, 2**20), st.sampled_from([-1, 0, 1]), st.floats(0.01, 1e5))
def test_the_first_format_clips_nothing_and_is_the_finest_such(seed, sign, scale):
    weight = np.random.default_rng(seed).normal(0, 0.2, 30)
    weight = weight if sign == 0 else sign * np.abs(weight)
    found = formats(weight, scale, LOIHI)
    if not found or np.abs(weight).max() * scale > 254 * 2**7:
        return
    low, high = (limit * 2.0 ** found[0].exponent for limit in found[0].limits)
    assert low <= weight.min() * scale
    assert weight.max() * scale <= high
    if found[0].exponent > 0:
        finer = [limit / 2 for limit in (low, high)]
        assert weight.min() * scale < finer[0] or weight.max() * scale > finer[1]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**20), st.integers(513, 3000), st.floats(10, 1e3))
def test_wide_rows_cancel_on_few_columns(seed, width, scale):
    """Of a wide row a shortlist is looked at: no weight moves twice, and what repeats is all but gone."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.05, 0.9, width)
    d = Drive(rng.normal(0.05, 0.3, (4, width)), rate, rate * (1 - rate))
    form = formats(d.weight, scale, LOIHI)[0]
    drift = rng.uniform(3, 6, 4) * form.step * 2.0**form.exponent / scale
    nearest, made = mantissas(d.weight, scale, form), rounded(d, scale, form, (8.0, 5.0), drift)
    assert np.all(np.abs(made - nearest) <= form.step)
    assert not np.any(made % form.step)
    before, after = (expected(d, m, scale, form, (8.0, 0.0), drift) for m in (nearest, made))
    assert np.all(after <= before / 20 + 1e-12)
    before, after = (expected(d, m, scale, form, (8.0, 5.0), drift) for m in (nearest, made))
    assert np.all(after <= before)
