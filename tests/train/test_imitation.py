"""The distance from spikes that are wanted: against a sum written out, and torch's own gradients of a convolution."""

import numpy as np
import pytest
import torch

from snndeploy.train.imitation import REACH, SMOOTH, distance, smooth


def spikes(rng, steps, *shape):
    return torch.from_numpy(rng.random((steps, *shape)) < 0.3)


def test_the_filter_is_an_exponential_that_is_cut_off():
    impulse = torch.zeros(40, 1, 1, dtype=torch.float64)
    impulse[3] = 1
    wanted = [np.exp(-(t - 3) / SMOOTH) if 3 <= t < 3 + REACH else 0 for t in range(40)]
    np.testing.assert_allclose(smooth(impulse).flatten(), wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("steps", [1, REACH, 70])
@pytest.mark.parametrize("shape", [(3, 2), (2, 700), (1, 3, 5, 4)])
def test_the_kernel_is_the_convolution(steps, shape):
    rng = np.random.default_rng(steps)
    emitted = spikes(rng, steps, *shape).to(torch.float64).requires_grad_()
    goal = spikes(rng, steps, *shape)
    whole = smooth(goal.double())
    slow = (smooth(emitted) - whole).square().sum() / whole.square().sum().clamp_min(1.0)
    fast = distance({"a": emitted, "b": emitted}, {"a": goal, "b": goal})
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-7)
    (wanted,) = torch.autograd.grad(3 * slow, emitted)
    (found,) = torch.autograd.grad(3 * fast, emitted)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def test_what_is_wanted_is_no_distance_away_and_silence_does_not_divide_by_zero():
    goal = spikes(np.random.default_rng(0), 30, 2, 5)
    assert float(distance({"a": goal.float()}, {"a": goal})) == 0
    assert float(distance({"a": torch.ones(1, 1, 1)}, {"a": torch.zeros(1, 1, 1, dtype=torch.bool)})) == 1
