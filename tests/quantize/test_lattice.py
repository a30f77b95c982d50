"""Integers against a quadratic form: never worse, held where told, and the best of all on small problems."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy.quantize.lattice import descend


def loss(x, h, g):
    return np.einsum("ri,rij,rj->r", x, np.broadcast_to(h, (len(x), *h.shape[1:])), x) - 2 * (x * g).sum(axis=1)


def problem(rng, rows: int, m: int, shared: bool):
    root = rng.normal(0, 1, (1 if shared else rows, m + 2, m))
    h = root.transpose(0, 2, 1) @ root
    wish = rng.normal(0, 3, (rows, m))
    g = np.einsum("rij,rj->ri", np.broadcast_to(h, (rows, m, m)), wish)
    step = rng.choice([0.25, 0.5, 1.0], (rows, m))
    start = np.clip(np.rint(wish / step) * step, -4, 4)
    return h, g, start, step


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 9), st.booleans())
def test_it_only_goes_down_stays_on_the_grid_and_holds_what_it_must(seed, rows, m, shared):
    rng = np.random.default_rng(seed)
    h, g, start, step = problem(rng, rows, m, shared)
    held = rng.random((rows, m)) < 0.3
    step = np.where(held, 0.0, step)
    end = descend(start, step, np.full((rows, m), -4.0), np.full((rows, m), 4.0), h, g)
    assert np.all(loss(end, h, g) <= loss(start, h, g) + 1e-9)
    assert np.array_equal(end[held], start[held])
    assert np.all(np.abs(end) <= 4)
    moved = (end - start)[~held] / step[~held]
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-9)
    # no single step leads further down
    for sign in (1, -1):
        for j in range(m):
            other = end.copy()
            other[:, j] += sign * step[:, j]
            inside = np.abs(other[:, j]) <= 4
            assert np.all(loss(other, h, g)[inside] >= loss(end, h, g)[inside] - 1e-7)


def test_small_problems_are_solved_close_to_the_best():
    found, first = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        h, g, start, _ = problem(rng, 1, 3, False)
        step = np.ones((1, 3))
        start = np.clip(np.rint(start), -4, 4)
        end = descend(start, step, np.full((1, 3), -4.0), np.full((1, 3), 4.0), h, g)
        every = np.array(list(product(range(-4, 5), repeat=3)), float)
        best = loss(every, np.broadcast_to(h, (len(every), 3, 3)), np.broadcast_to(g, every.shape)).min()
        found.append(np.isclose(loss(end, h, g)[0], best))
        first.append(np.isclose(loss(start, h, g)[0], best))
    assert np.mean(found) > 0.8 > np.mean(first)
