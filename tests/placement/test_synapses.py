"""Synapses per core and source neuron, counted along the structure of maps: those of the written-out matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy.network import Conv, Dense, Flatten, Pool, Projection, Sparse
from snndeploy.network.maps import chain_matrix, chain_shape
from snndeploy.placement import synapses
from snndeploy.placement.synapses import axon_counts


def counted(maps, shape, core, cores):
    """By a loop over all synapses."""
    found = np.zeros((cores, int(np.prod(shape))), np.int64)
    for i, j in zip(*np.nonzero(chain_matrix(maps, shape).toarray()), strict=True):
        found[core[i], j] += 1
    return found


def compare(maps, shape, rng, cores=5):
    core = rng.integers(0, cores, int(np.prod(chain_shape(maps, shape))))
    found = axon_counts(Projection("a", "b", maps), shape, core, cores)
    assert np.array_equal(found.toarray(), counted(maps, shape, core, cores))
    assert found.dtype == np.int64
    assert (found.data > 0).all()


def sparse_weights(rng, *shape):
    """Half of them zero."""
    return rng.integers(-5, 6, shape) * 2 * (rng.random(shape) < 0.5)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 2), st.integers(1, 2))
def test_convolutions_with_zeros_groups_and_borders(seed, dims, groups):
    rng = np.random.default_rng(seed)
    kernel = rng.integers(1, 4, dims)
    conv = Conv(
        sparse_weights(rng, groups * int(rng.integers(1, 4)), int(rng.integers(1, 3)), *kernel),
        stride=tuple(map(int, rng.integers(1, 3, dims))),
        padding=tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (dims, 2))),
        dilation=tuple(map(int, rng.integers(1, 3, dims))),
        groups=groups,
    )
    shape = (conv.weight.shape[1] * groups, *map(int, rng.integers(5, 9, dims)))
    compare((conv,), shape, rng)


def test_a_convolution_in_many_chunks(monkeypatch):
    monkeypatch.setattr(synapses, "CHUNK", 100)
    rng = np.random.default_rng(1)
    compare((Conv(sparse_weights(rng, 6, 4, 3, 3), (1, 1), ((1, 1), (1, 1))),), (4, 9, 8), rng)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("behind", ["dense", "convolution", "nothing"])
def test_pools(stride, behind):
    """A window that overlaps another gives several paths to a pair, which may cancel: here some do."""
    rng = np.random.default_rng(stride)
    pool = Pool((2, 2), (stride, stride), (0, 0), "sum")
    shape = pool.shape_out((2, 7, 6))
    maps = {
        "dense": (pool, Flatten(0, -1, 3), Dense(sparse_weights(rng, 7, int(np.prod(shape))))),
        "convolution": (pool, Conv(rng.integers(-1, 2, (3, 2, 2, 2)))),
        "nothing": (pool,),
    }[behind]
    compare(maps, (2, 7, 6), rng)


def test_a_pool_behind_a_convolution_may_cancel_too():
    rng = np.random.default_rng(0)
    maps = (Conv(rng.integers(-1, 2, (3, 2, 2, 2))), Pool((2, 2), (2, 2), (0, 0), "sum"))
    compare(maps, (2, 7, 7), rng)


def test_dense_sparse_and_one_to_one():
    rng = np.random.default_rng(3)
    compare((Dense(sparse_weights(rng, 9, 13)),), (13,), rng)
    compare((Dense(sparse_weights(rng, 9, 13)),), (4, 13), rng)
    compare((Sparse(sparse_weights(rng, 9, 12), (3, 4), (9,)),), (3, 4), rng)
    compare((), (6,), rng)
