"""The distance from spikes that are wanted: against sums written out with torch's own gradients."""

import sys

import numpy as np
import pytest
import torch

from snndeploy.train.imitation import SMOOTH, Distance


def spikes(rng, steps, *shape):
    return torch.from_numpy(rng.random((steps, *shape)) < 0.3)


def smooth(x):
    """Every earlier spike, by its age."""
    age = torch.arange(len(x))[:, None] - torch.arange(len(x))
    weight = torch.where(age >= 0, torch.exp(-age / SMOOTH), 0.0).double()
    return torch.einsum("ts,s...->t...", weight, x.double())


def distance(emitted, goal, pieces):
    of, at = Distance(), 0
    for count in pieces:
        of.add(emitted[at : at + count], goal[at : at + count])
        at += count
    return of.value


@pytest.mark.parametrize("pieces", [(1,), (25,), (70,), (30, 1, 39)])
@pytest.mark.parametrize("shape", [(3, 2), (2, 700), (1, 3, 5, 4)])
@pytest.mark.parametrize("stepwise", [False, True])
def test_the_kernel_is_the_sum(pieces, shape, stepwise, monkeypatch):
    if stepwise:  # as on CUDA
        monkeypatch.setattr(Distance, "add", stepwise_add)
    rng = np.random.default_rng(sum(pieces))
    emitted = spikes(rng, sum(pieces), *shape).float().requires_grad_()
    goal = spikes(rng, sum(pieces), *shape)
    slow = (smooth(emitted) - smooth(goal)).square().sum() / smooth(goal).square().sum().clamp_min(1.0)
    fast = distance(emitted, goal, pieces)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-7)
    (wanted,) = torch.autograd.grad(3 * slow, emitted)
    (found,) = torch.autograd.grad(3 * fast, emitted)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def stepwise_add(self, emitted, wanted):
    if not self.sums:
        self.state, self.carry = torch.zeros(2, emitted[0].numel()), torch.zeros(emitted[0].numel())
    self._stepwise(emitted, wanted.to(emitted.dtype))


def test_two_threads_are_one(monkeypatch):
    rng = np.random.default_rng(3)
    emitted, goal = spikes(rng, 9, 4, 5000).float(), spikes(rng, 9, 4, 5000)
    alone = distance(emitted, goal, (9,))
    monkeypatch.setattr(sys.modules[Distance.__module__], "SHARED", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    torch.testing.assert_close(distance(emitted, goal, (9,)), alone)


def test_what_is_wanted_is_no_distance_away_and_silence_does_not_divide_by_zero():
    goal = spikes(np.random.default_rng(0), 30, 2, 5)
    assert float(distance(goal.float(), goal, (30,))) == 0
    assert float(distance(torch.ones(1, 1, 1), torch.zeros(1, 1, 1, dtype=torch.bool), (1,))) == 1
