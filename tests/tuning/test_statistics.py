"""Against scipy, and against values known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from snndeploy.tuning import mcnemar, raster_cosine, wilson


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 1000), st.data())
def test_wilson_is_scipys(samples, data):
    right = data.draw(st.integers(0, samples))
    low, high = wilson(right, samples)
    expected = stats.binomtest(right, samples).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_is_the_binomial_test_of_the_pairs_that_differ(pairs):
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    first, second = int((a & ~b).sum()), int((b & ~a).sum())
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, abs=1e-12)
    assert mcnemar(a, b) == mcnemar(b, a)


def test_no_samples_and_no_spikes():
    assert wilson(0, 0) == (0.0, 1.0)
    silent, one = np.zeros((3, 4), bool), np.eye(3, 4, dtype=bool)
    assert raster_cosine(silent, silent) == 1.0
    assert raster_cosine(silent, one) == 0.0
    assert raster_cosine(one, one) == pytest.approx(1.0)


def test_the_cosine_is_that_of_the_rasters_as_vectors():
    rng = np.random.default_rng(0)
    a, b = rng.random((50, 3, 7)) < 0.3, rng.random((50, 3, 7)) < 0.2
    x, y = a.ravel().astype(float), b.ravel().astype(float)
    assert raster_cosine(a, b) == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
