"""Merged chains are the same linear map; where a convolution or a dense map can hold it, it stays one."""

# ruff: noqa: E501
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snndeploy.network import Conv, Dense, Flatten, Pool, Scale, Sparse
from snndeploy.network.maps import chain_apply, chain_shape
from snndeploy.passes.merge_maps import is_merged, merged

rng = np.random.default_rng(0)


def conv(out: int, per: int, kernel=(3, 3), **settings) -> Conv:
    return Conv(rng.integers(-8, 9, (out, per, *kernel)) / 4.0, **settings)


def pool(k: int, kind: str = "sum", **settings) -> Pool:
    return Pool((k, k), (k, k), kind=kind, **settings)


CHAINS = {
    "average pool, convolution": ((pool(2, "average"), conv(4, 2)), (2, 10, 10), Conv),
    "pool, padded convolution": ((pool(2), conv(4, 2, padding=((1, 1), (1, 1)))), (2, 8, 8), Conv),
    "pool, strided grouped convolution": ((pool(2), conv(4, 1, groups=2, stride=(2, 1))), (2, 12, 9), Conv),
    "pool that drops rows, padded convolution": ((pool(2), conv(4, 2, padding=((1, 1), (1, 1)))), (2, 9, 8), Sparse),
    "pool that drops rows, convolution": ((pool(2), conv(4, 2)), (2, 9, 11), Conv),
    "pool, flatten, dense": (
        (pool(2, "average"), Flatten(0, -1, 3), Dense(rng.normal(size=(5, 32)))),
        (2, 9, 8),
        Dense,
    ),
    "convolution, pool": ((conv(4, 2), pool(2, "average")), (2, 10, 10), Conv),
    "strided convolution, overlapping pool": ((conv(4, 2, stride=(2, 1)), Pool((3, 2), (1, 2), kind="sum")), (2, 12, 9), Conv),
    "padded pool, convolution": ((Pool((2, 2), (2, 2), (1, 1)), conv(3, 2)), (2, 8, 8), Sparse),
    "one factor in front of a flatten": ((Scale(np.full((1, 1, 1), 2.0)), Flatten(0, -1, 3), Sparse(np.eye(3, 8), (8,), (3,))), (2, 2, 2), Sparse),
    "pool, dilated convolution": ((pool(2), conv(4, 2, dilation=(2, 1))), (2, 12, 10), Sparse),
    "pool, flatten of some axes, dense": ((pool(2), Flatten(0, 1, 3), Dense(rng.normal(size=(5, 3)))), (2, 4, 6), Sparse),
    "ceil pool": ((pool(2, "average", ceil_mode=True), Flatten(0, -1, 3), Dense(rng.normal(size=(5, 50)))), (2, 9, 9), Sparse),
    "scale per channel, convolution": ((Scale(np.array([2.0, 0.5]).reshape(2, 1, 1)), conv(4, 2)), (2, 6, 6), Conv),
    "scale per channel, groups": ((Scale(np.array([2.0, 0.5]).reshape(2, 1, 1)), conv(4, 1, groups=2)), (2, 6, 6), Conv),
    "convolution, scale per channel": ((conv(2, 2), Scale(np.array([2.0, 0.5]).reshape(2, 1, 1))), (2, 6, 6), Conv),
    "convolution, scale per place": ((conv(2, 2, (6, 5)), Scale(rng.random((2, 1, 2)))), (2, 6, 6), Sparse),
    "scale, flatten, scale, dense": (
        (Scale(np.asarray(0.5)), Flatten(0, -1, 3), Scale(rng.random(18)), Dense(rng.normal(size=(3, 18)))),
        (2, 3, 3),
        Dense,
    ),
    "dense, dense, scale": ((Dense(rng.normal(size=(4, 5))), Dense(rng.normal(size=(3, 4))), Scale(rng.random(3))), (5,), Dense),
    "dense on the last axis, scale": ((Dense(rng.normal(size=(4, 5))), Scale(np.asarray(2.0))), (3, 5), Dense),
    "one to one": ((), (2, 3), Sparse),
    "flatten alone": ((Flatten(0, -1, 2),), (2, 3), Sparse),
    "pool alone": ((pool(2, "average"),), (2, 4, 4), Sparse),
    "one dimension": ((Pool((2,), (2,), (0,), "average"), Conv(rng.normal(size=(3, 2, 3)), (1,), ((1, 0),), (1,))), (2, 10), Conv),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_the_merged_chain_is_the_same_map(name):
    maps, shape, kind = CHAINS[name]
    whole = merged(maps, shape)
    assert is_merged(whole)
    assert chain_shape(whole, shape) == chain_shape(maps, shape)
    assert type(next(m for m in whole if m.weighted)) is kind
    x = rng.normal(size=(3, 2, *shape))
    np.testing.assert_allclose(chain_apply(whole, x), chain_apply(maps, x), rtol=0, atol=1e-10)


@st.composite
def chains(draw):
    """Random chains over images."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(4, 9)), draw(st.integers(4, 9)))
    start, maps = shape, []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "pool", "scale"]))
        small = st.integers(1, 3)
        if kind == "conv":
            groups = draw(st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0]))
            weight = rng.normal(size=(groups * draw(small), shape[0] // groups, draw(small), draw(small)))
            pads = tuple((draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in range(2))
            each = Conv(weight, (draw(small), draw(small)), pads, (draw(st.integers(1, 2)),) * 2, groups)
        elif kind == "pool":
            kernel = (draw(small), draw(small))
            stride = kernel if draw(st.booleans()) else (draw(small), draw(small))
            pads = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            each = Pool(kernel, stride, pads, draw(st.sampled_from(["sum", "average"])), draw(st.booleans()))
        else:
            each = Scale(rng.normal(size=draw(st.sampled_from([(), (shape[0], 1, 1), shape]))))
        try:
            shape = each.shape_out(shape)
        except ValueError:
            continue
        maps.append(each)
    if draw(st.booleans()):
        size = int(np.prod(shape))
        maps += [Flatten(0, -1, 3), Dense(rng.normal(size=(3, size)))]
    return tuple(maps), start


@settings(max_examples=150, deadline=None)
@given(chains())
def test_any_chain_merges_into_the_same_map(chain):
    maps, shape = chain
    whole = merged(maps, shape)
    assert is_merged(whole)
    x = rng.normal(size=(2, *shape))
    np.testing.assert_allclose(chain_apply(whole, x), chain_apply(maps, x), rtol=1e-9, atol=1e-9)


@given(
    st.tuples(st.integers(1, 3), st.integers(3, 9), st.integers(3, 9)),
    st.tuples(*(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2)) for _ in range(2))),
    st.booleans(),
)
def test_a_pool_alone_is_a_kernel_of_ones_for_each_channel(shape, axes, ceil_mode):
    kernel, stride, padding = zip(*axes, strict=True)
    pool = Pool(kernel, stride, tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True)), "sum", ceil_mode)
    try:
        want = pool.matrix(shape).toarray()
    except ValueError:
        assume(False)
    (found,) = merged((pool,), shape)
    assert isinstance(found, Conv)
    assert found.weight.size == shape[0] * kernel[0] * kernel[1]
    np.testing.assert_array_equal(found.matrix(shape).toarray(), want)
