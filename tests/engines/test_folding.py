"""A convolution and the pool behind it as one: the same sums, where that takes fewer products."""

import numpy as np
import pytest

from snndeploy.conform.rounding import fan_in, terms
from snndeploy.engines.torch.folding import folded
from snndeploy.network.maps import Conv, Flatten, Pool, chain_apply

CASES = [
    # kernel, stride, padding, groups, pool, pool's stride
    ((3, 3), (1, 1), ((1, 1), (1, 1)), 1, (2, 2), (2, 2)),
    ((3, 2), (2, 1), ((0, 1), (2, 0)), 1, (2, 3), (2, 3)),
    ((5, 5), (1, 1), ((2, 2), (2, 2)), 2, (2, 2), (2, 2)),
    ((3, 3), (1, 1), ((1, 1), (1, 1)), 1, (3, 3), (2, 2)),
    ((4,), (1,), ((0, 0),), 1, (2,), (2,)),
]


def made(kernel, stride, padding, groups, pool, step, kind, rng):
    weight = rng.normal(size=(6, 4 // groups, *kernel))
    conv = Conv(weight, stride, padding, (1,) * len(kernel), groups)
    return conv, Pool(pool, step, (0,) * len(pool), kind), (4, *(13, 11)[: len(kernel)])


@pytest.mark.parametrize("kind", ["average", "sum"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_folded_delivers_the_same(case, kind):
    rng = np.random.default_rng(3)
    conv, pool, shape = made(*case, kind, rng)
    x = rng.integers(0, 3, (5, *shape)).astype(float)
    maps = (conv, pool, Flatten())
    short = folded(maps, shape)
    assert len(short) == 2
    assert np.allclose(chain_apply(short, x), chain_apply(maps, x), rtol=1e-13, atol=1e-13)
    assert fan_in(conv) < fan_in(short[0]) == terms(maps, 0), "the bound counts the terms of the longer sum"


def test_what_would_take_more_stays():
    rng = np.random.default_rng(0)
    conv, _, shape = made(*CASES[0], "average", rng)
    for pool in (
        Pool((2, 2), (1, 1), (0, 0), "sum"),
        Pool((3, 3), (3, 3), (1, 1), "average"),
        Pool((3, 3), (3, 3), (0, 0), "average", True),
    ):
        assert folded((conv, pool), shape) == (conv, pool)
    assert folded((pool, conv), shape) == (pool, conv)
    assert folded((), shape) == ()
