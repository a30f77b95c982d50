"""The penalty on spike rates: its gradient in closed form, through the neurons of both libraries."""

import numpy as np
import pytest
import snntorch as snn
import torch
from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.train.forwards import forward_of
from snndeploy.train.loop import score, train
from snndeploy.train.rates import penalty
from snndeploy.train.settings import Settings


def in_snntorch():
    return nn.Sequential(
        nn.Linear(5, 6), snn.Leaky(0.8, init_hidden=True), nn.Linear(6, 3), snn.Leaky(0.8, init_hidden=True)
    )


def in_norse():
    def cell():
        return LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.tensor(300.0), v_th=torch.tensor(0.2)), dt=1e-3)

    return SequentialState(nn.Linear(5, 6), cell(), nn.Linear(6, 3), cell())


def emitted(module, x):
    """The spikes of population "1", (time, batch, neuron), by a loop of our own."""
    rows, states = [], [None, None]
    for each in module:
        if hasattr(each, "reset_mem"):
            each.reset_mem()
    for now in x:
        for k, each in enumerate(module):
            if isinstance(each, LIFBoxCell):
                now, states[k // 2] = each(now, states[k // 2])
            else:
                now = each(now)
            if k == 1:
                rows.append(now)
    return torch.stack(rows)


def test_the_gradient_is_the_one_in_closed_form():
    rate = torch.tensor([0.0, 0.05, 0.1, 0.3, 0.5, 0.9], requires_grad=True)
    penalty(rate, 0.1, 0.4).backward()
    r = rate.detach().numpy()
    expected = 2 / 6 * (np.maximum(0, r - 0.4) - np.maximum(0, 0.1 - r))
    assert rate.grad.numpy() == pytest.approx(expected)


@pytest.mark.parametrize("make", [in_snntorch, in_norse])
def test_it_reaches_the_weights_through_the_neurons_of_both_libraries(make):
    """d penalty / d weights = d penalty / d rate, in closed form, times what the library's surrogate makes of it."""
    low, high, steps, batch = 0.2, 0.3, 12, 7
    torch.manual_seed(4)
    module = make()
    with torch.no_grad():
        module[0].weight.mul_(4)
    x = (torch.rand(steps, batch, 5) < 0.5).float()
    forward = forward_of(module, {"input": x}, Settings(rates={"1": (low, high)}))
    module.train()
    rate = forward.unrolled({"input": x}).counts["1"] / (steps * batch)
    ours = torch.autograd.grad(penalty(rate, low, high), module[0].weight)[0]

    spikes = emitted(module, x)
    r = spikes.mean(dim=(0, 1)).detach()
    assert torch.equal(r, rate.detach())
    slope = 2 / len(r) * ((r - high).clamp_min(0) - (low - r).clamp_min(0))
    assert (slope > 0).any()
    assert (slope < 0).any()
    expected = torch.autograd.grad(spikes, module[0].weight, (slope / (steps * batch)).expand_as(spikes))[0]
    assert torch.allclose(ours, expected, rtol=1e-4, atol=1e-8)
    assert ours.abs().max() > 0


@pytest.mark.parametrize("make", [in_snntorch, in_norse])
def test_silent_neurons_are_brought_into_the_band(make):
    torch.manual_seed(0)
    module = make()
    with torch.no_grad():
        module[0].weight.mul_(0.1)
        module[0].bias.zero_()
    x, y = (torch.rand(12, 32, 5) < 0.5).float(), torch.randint(0, 3, (32,))
    settings = {"epochs": 25, "batch": 16, "lr": 0.05, "rates": {"1": (0.1, 0.3)}, "rate_weight": 100.0}
    assert score(module, (x, y), test=(x, y))[0].rates["1"] < 0.01
    done = train(module, (x, y), test=(x, y), **settings)
    assert 0.08 < done.rates["1"] < 0.32


def test_a_population_that_is_not_there_is_named():
    with pytest.raises(SnnDeployError, match=r"SD807 population 'fc': .*choose from 1, 3, \*"):
        train(in_snntorch(), (torch.ones(4, 2, 5), torch.zeros(2, dtype=torch.int64)), rates={"fc": (0.1, 0.3)})
