"""Modules step by step and with all steps at once: the same output and gradients."""

import sys

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from snndeploy.train.accelerated import Accelerated
from snndeploy.train.data import Data
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.settings import Settings

STEPS, SIZE = 17, 12


def samples(seed=0, batch=6):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy((rng.random((STEPS, batch, 8)) < 0.4).astype(np.float32))
    return {"input": x}, torch.from_numpy(rng.integers(0, 4, batch))


def both(module, how=None, seed=0, **capture):
    """The module step by step and at once, and what the start has proven of them."""
    how = how or Settings()
    inputs, labels = samples(seed)
    forward = forward_of(module, {"input": inputs["input"][:, :4]}, how, **capture)
    fast, same = accelerated(forward, inputs, labels, how)
    return forward.unrolled, fast.unrolled, same


def gradients(of, inputs, given):
    module = of.module.train()
    module.zero_grad()
    out = of(inputs).output
    (out * given).sum().backward()
    return out.detach(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def agree(module, **capture):
    """All steps at once, in pieces of several, and one by one."""
    for piece in (2**19, 6 * SIZE * 5, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys.modules[Accelerated.__module__], "PIECE", piece)
            found = agree_as_it_is(module, **capture)
    return found


def agree_as_it_is(module, rtol=1e-3, **capture):
    """Output and gradients of any function of the output, against the library's own autograd."""
    own, fast, same = both(module, **capture)
    assert isinstance(fast, Accelerated)
    inputs, _ = samples(1)
    given = torch.randn(STEPS, 6, 4, generator=torch.Generator().manual_seed(3))
    (a, slow), (b, quick) = gradients(own, inputs, given), gradients(fast, inputs, given)
    assert torch.equal(a, b)
    assert 0 < float(a.mean()) < 1
    assert slow.keys() == quick.keys()
    for name, wanted in slow.items():
        assert float((wanted - quick[name]).abs().max()) <= rtol * float(wanted.abs().max()), name
    return same, slow


def leaky(**settings):
    return snn.Leaky(beta=0.8, init_hidden=True, **settings)


def layers(*neurons):
    torch.manual_seed(2)
    first, last = nn.Linear(8, SIZE), nn.Linear(SIZE, 4)
    with torch.no_grad():
        first.weight.mul_(3)
        last.weight.mul_(4)
        last.bias.add_(0.3)
    return first, neurons[0], last, neurons[1]


def learning():
    """Class c lights inputs 2c and 2c + 1, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 48)
    x = (rng.random((10, 48, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    return Data(x, labels, x, labels)
