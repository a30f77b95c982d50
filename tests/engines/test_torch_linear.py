"""Linear maps on the device against their NumPy definition, and the CUDA convolution against torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from snndeploy.engines.torch import linear
from snndeploy.network import Conv, Dense, Flatten, Pool, Scale, Sparse

CPU = torch.device("cpu")


def agree(each, shape, rng, integer=False):
    x = rng.integers(-3, 4, (2, *shape)) if integer else rng.normal(size=(2, *shape))
    got = linear.chain((each,), shape, torch.float64, CPU)(torch.tensor(x, dtype=torch.float64)).numpy()
    want = each.apply(x)
    assert got.shape == want.shape == (2, *each.shape_out(shape))
    np.testing.assert_allclose(got, want, rtol=0, atol=0 if integer else 1e-12)


@st.composite
def convolutions(draw):
    dims, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    spatial = st.tuples(*[st.integers(1, 3)] * dims)
    pads = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * dims)
    channels = (groups * draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    size = (*channels, *draw(spatial))
    weight = np.random.default_rng(draw(st.integers(0, 99))).integers(-9, 10, size)
    each = Conv(weight, draw(spatial), draw(pads), draw(spatial), groups)
    return each, (channels[1] * groups, *draw(st.tuples(*[st.integers(7, 9)] * dims)))


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_convolutions_of_any_padding_are_exact_on_integers(drawn):
    each, shape = drawn
    rng = np.random.default_rng(0)
    agree(each, shape, rng, integer=True)
    x = torch.tensor(rng.integers(-3, 4, (2, *shape)), dtype=torch.float64)
    columns = linear.columns(each, shape, torch.tensor(each.weight, dtype=torch.float64))
    assert np.array_equal(columns(x).numpy(), each.apply(x.numpy()))


@given(
    st.integers(1, 2), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.booleans(), st.booleans(),
    st.sampled_from(["sum", "average"]), st.integers(5, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_pools_are_those_of_the_definition(dims, kernel, stride, padding, ceil, include, kind, size):
    padding = min(padding, kernel // 2)
    each = Pool((kernel,) * dims, (stride,) * dims, (padding,) * dims, kind, ceil, include)
    agree(each, (2, *(size,) * dims), np.random.default_rng(size))


@pytest.mark.parametrize("density", [0.02, 0.5])
def test_other_maps_are_those_of_the_definition(density, monkeypatch):
    rng = np.random.default_rng(1)
    agree(Dense(rng.normal(size=(4, 6))), (6,), rng)
    agree(Dense(rng.normal(size=(4, 6))), (3, 6), rng)
    agree(Flatten(0, -1, 3), (2, 3, 4), rng)
    agree(Flatten(1, 2, 3), (2, 3, 4), rng)
    agree(Scale(rng.normal(size=(3, 1))), (3, 4), rng)
    weight = sparse.random_array((15, 24), density=density, rng=rng, format="csr")
    agree(Sparse(weight, (2, 3, 4), (5, 3)), (2, 3, 4), rng)
    monkeypatch.setattr(linear, "DENSE_SIZE", 0)
    agree(Sparse(weight, (2, 3, 4), (5, 3)), (2, 3, 4), rng)
