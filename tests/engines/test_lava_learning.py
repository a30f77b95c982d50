"""Learning on Lava's LearningDense: its float model is the rule of `train.learning.stdp`, step by step."""

import numpy as np
import pytest

from snndeploy.engines.lava.learning import OnChip, learned
from snndeploy.engines.lava.patches import missing
from snndeploy.train.learning import stdp

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"Lava: {missing()}")


def drawn(seed, steps=80, sizes=(6, 4)):
    rng = np.random.default_rng(seed)
    pre, post = (rng.random((steps, size)) < rng.uniform(0.05, 0.4) for size in sizes)
    return pre.astype(int), post.astype(int), rng.integers(20, 80, sizes[::-1])


@pytest.mark.parametrize("seed", range(4))
def test_the_float_model_has_our_weights_after_every_step(seed):
    pre, post, weight = drawn(seed)
    rng = np.random.default_rng(seed)
    tau_plus, tau_minus = rng.uniform(2, 30, 2)
    up, down = 2.0 ** rng.integers(-7, -2, 2)
    how = OnChip(up, -down, tau_plus, tau_minus, impulse=16)
    ours = stdp.PairSTDP(16 * up, 16 * down, tau_plus, tau_minus, low=-np.inf, high=np.inf)
    found = learned(how, weight, pre, post)
    assert np.abs(found[-1] - weight).max() > 1e-3
    np.testing.assert_allclose(found, stdp.learned(ours, weight, pre, post), rtol=0, atol=1e-10)


def test_lava_rounds_constants_to_powers_of_two():
    pre, post, weight = drawn(7)
    how = OnChip(0.012, -0.05, 8.0, 8.0)
    # the nearest powers in the logarithm: 2^-6.4 and 2^-4.3
    up, down = 2.0**-6, 2.0**-4
    ours = stdp.PairSTDP(16 * up, 16 * down, 8.0, 8.0, low=-np.inf, high=np.inf)
    np.testing.assert_allclose(learned(how, weight, pre, post), stdp.learned(ours, weight, pre, post), atol=1e-10)


def test_the_fixed_point_model_rounds_at_random_and_stays_near():
    pre, post, weight = drawn(3)
    how = OnChip(2**-6, -(2**-6), 10.0, 10.0, impulse=16, fixed=True)
    ours = stdp.learned(stdp.PairSTDP(0.25, 0.25, 10.0, 10.0, low=-np.inf, high=np.inf), weight, pre, post)
    runs = np.stack([learned(OnChip(**{**vars(how), "seed": seed}), weight, pre, post) for seed in range(1, 7)])
    assert runs.dtype == np.int64
    assert np.abs(runs).max() <= 128
    # a seed is a run; another one is another
    np.testing.assert_array_equal(runs[0], learned(OnChip(**{**vars(how), "seed": 1}), weight, pre, post))
    assert (runs[0] != runs[1]).any()
    moved = np.abs(ours[-1] - weight).max()
    assert np.abs(runs[:, -1].mean(axis=0) - ours[-1]).mean() < moved
