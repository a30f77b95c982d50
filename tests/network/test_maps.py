"""Each map against torch, and its matrix against itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from snndeploy.network.maps import Conv, Dense, Flatten, Pool, Scale, Sparse, chain_apply, chain_matrix, chain_shape

small = settings(max_examples=60, deadline=None)


def same(a, b):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-12)


@small
@given(st.integers(0, 2**32 - 1), st.integers(1, 2))
def test_convolution_is_torchs(seed, dims):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 3))
    shape = (groups * int(rng.integers(1, 3)), *(int(n) for n in rng.integers(5, 9, dims)))
    kernel = tuple(int(k) for k in rng.integers(1, 4, dims))
    weight = rng.normal(size=(groups * int(rng.integers(1, 3)), shape[0] // groups, *kernel))
    stride, dilation = (tuple(int(n) for n in rng.integers(1, 3, dims)) for _ in range(2))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (dims, 2)))
    conv = Conv(weight, stride, padding, dilation, groups)
    x = rng.normal(size=(3, 2, *shape))
    padded = torch.nn.functional.pad(torch.tensor(x[0]), [n for pair in padding[::-1] for n in pair])
    op = torch.nn.functional.conv1d if dims == 1 else torch.nn.functional.conv2d
    expected = op(padded, torch.tensor(weight), None, stride, 0, dilation, groups)
    same(conv.apply(x)[0], expected)
    assert conv.shape_out(shape) == tuple(expected.shape[1:])
    same((conv.matrix(shape) @ x[0].reshape(2, -1).T).T, expected.reshape(2, -1))


@small
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_average_pool_is_torchs(seed, ceil_mode, count_include_pad):
    rng = np.random.default_rng(seed)
    kernel = tuple(int(k) for k in rng.integers(1, 5, 2))
    stride = tuple(int(k) for k in rng.integers(1, 5, 2))
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    pool = Pool(kernel, stride, padding, "average", ceil_mode, count_include_pad)
    x = rng.normal(size=(2, 3, 3, 7, 8))
    expected = torch.nn.functional.avg_pool2d(torch.tensor(x[1]), kernel, stride, padding, ceil_mode, count_include_pad)
    same(pool.apply(x)[1], expected)
    assert pool.shape_out((3, 7, 8)) == tuple(expected.shape[1:])


def test_sum_pool_of_whole_numbers_stays_whole():
    x = np.arange(16).reshape(1, 4, 4)
    pooled = Pool((2, 2), (2, 2), (0, 0), "sum").apply(x)
    assert pooled.dtype == np.int64
    np.testing.assert_array_equal(pooled, [[[10, 18], [42, 50]]])


def test_one_dimensional_pool_is_torchs():
    x = np.random.default_rng(1).normal(size=(2, 3, 9))
    same(Pool((3,), (2,), (1,)).apply(x), torch.nn.functional.avg_pool1d(torch.tensor(x), 3, 2, 1))


@small
@given(st.integers(0, 2**32 - 1))
def test_a_chain_equals_its_matrix(seed):
    rng = np.random.default_rng(seed)
    shape = (2, 6, 6)
    maps = (
        Scale(rng.normal(size=(2, 1, 1))),
        Conv(rng.normal(size=(4, 2, 3, 3)), padding=((1, 0), (0, 1))),
        Pool((2, 2), (2, 2)),
        Flatten(0, -1, 3),
        Dense(rng.normal(size=(5, 16))),
        Sparse(np.diag(rng.normal(size=5)), (5,), (5,)),
    )
    x = rng.normal(size=(3, *shape))
    assert chain_shape(maps, shape) == (5,)
    same(chain_apply(maps, x), (chain_matrix(maps, shape) @ x.reshape(3, -1).T).T)


def test_a_chain_has_no_synapse_that_is_zero():
    """Duplicates are one synapse, and those that cancel are none."""
    twice = csr_array((np.array([1, 2, 3, -3]), np.array([0, 0, 1, 1]), np.array([0, 2, 4])), (2, 2))
    each = Sparse(twice, (2,), (2,))
    assert each.weight.nnz == 2
    joined = chain_matrix((each,), (2,))
    assert joined.nnz == 1
    assert joined.toarray().tolist() == [[3, 0], [0, 0]]


def test_a_dense_map_acts_on_the_last_axis():
    rng = np.random.default_rng(0)
    dense, x = Dense(rng.normal(size=(3, 4))), rng.normal(size=(2, 5, 4))
    same(dense.apply(x), torch.nn.functional.linear(torch.tensor(x), torch.tensor(dense.weight)))
    same((dense.matrix((5, 4)) @ x[0].ravel()).reshape(5, 3), dense.apply(x)[0])


@pytest.mark.parametrize(
    ("each", "shape"),
    [
        (Dense(np.ones((3, 4))), (5,)),
        (Conv(np.ones((3, 2, 3, 3))), (3, 6, 6)),
        (Conv(np.ones((3, 2, 9, 9))), (2, 6, 6)),
        (Pool((9, 9), (1, 1)), (2, 4, 4)),
        (Conv(np.ones((1, 2, 1, 1)), stride=(0, 1)), (2, 6, 6)),
        (Conv(np.ones((1, 2, 1, 1)), stride=(1, -1)), (2, 6, 6)),
        (Conv(np.ones((1, 2, 3, 3)), dilation=(0, 1)), (2, 6, 6)),
        (Conv(np.ones((1, 2, 0, 1))), (2, 6, 6)),
        (Conv(np.ones((1, 2, 1, 1)), padding=((0, 0), (0, -1))), (2, 6, 6)),
        (Conv(np.ones((3, 1, 3, 3)), groups=2), (2, 6, 6)),
        (Pool((1, 1), (0, 1)), (2, 4, 4)),
        (Pool((0, 1), (1, 1)), (2, 4, 4)),
        (Pool((2, 2), (1, 1), (-1, 0)), (2, 4, 4)),
        (Pool((2, 2), (1, 1), (2, 0)), (2, 4, 4)),
        (Flatten(0, -1, 3), (4,)),
        (Flatten(3, -1, 3), (2, 4, 4)),
        (Flatten(2, 1, 3), (2, 4, 4)),
        (Flatten(0, -1, 0), ()),
        (Scale(np.ones((3, 1))), (2, 4)),
        (Sparse(np.ones((2, 4)), (4,), (2,)), (2, 2)),
    ],
)
def test_a_shape_that_does_not_fit_is_named(each, shape):
    with pytest.raises(ValueError, match=r"cannot take|larger than") as problem:
        each.shape_out(shape)
    assert str(shape) in str(problem.value)
