"""A pool behind a convolution as one convolution: torch's own two layers say what it is, forward and back."""

import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.pooled import FewerProducts, Waiting
from snndeploy.train.settings import Settings


def called(function):
    """Which convolutions were computed, by the sizes of their kernels."""
    sizes = []

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten.convolution.default:
                sizes.append(tuple(args[1].shape[2:]))
            return func(*args, **(kwargs or {}))

    with Counting():
        found = function()
    return found, sizes


def close(a, b):
    a, b = a.detach(), b.detach()
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= 1e-5 * max(1.0, float(b.abs().max()))


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    apart=st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    groups=st.sampled_from([1, 2]),
    size=st.tuples(st.integers(9, 13), st.integers(9, 13)),
    bias=st.booleans(),
)
def test_any_pool_behind_any_convolution(kernel, stride, padding, window, apart, groups, size, bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 4, kernel, stride, padding, groups=groups, bias=bias)
    pool = nn.AvgPool2d(window, apart)
    x = torch.rand(3, 2, *size, requires_grad=True)
    plain = pool(conv(x))
    with FewerProducts():
        joined = pool(conv(x))
    close(joined, plain)
    weight = torch.rand_like(plain)
    wanted = torch.autograd.grad((plain * weight).sum(), [x, *conv.parameters()])
    found = torch.autograd.grad((joined * weight).sum(), [x, *conv.parameters()])
    for a, b in zip(found, wanted, strict=True):
        close(a, b)


def test_three_by_three_and_two_by_two_are_one_convolution_of_four_by_four():
    conv, x = nn.Conv2d(1, 2, 3, padding=1), torch.rand(2, 1, 8, 8)

    def pooled():
        with FewerProducts() as mode:
            first = F.avg_pool2d(conv(x), 2), F.avg_pool2d(conv(x), 2)
        assert len(mode.kernels) == 1
        return first

    (one, two), sizes = called(pooled)
    assert sizes == [(4, 4), (4, 4)]
    assert torch.equal(one, two)


OTHER = {
    "another layer": lambda conv, x: torch.relu(conv(x)),
    "a pool with a border": lambda conv, x: F.avg_pool2d(conv(x), 2, padding=1),
    "a pool that counts otherwise": lambda conv, x: F.avg_pool2d(conv(x), 2, divisor_override=3),
    "a pool that rounds up": lambda conv, x: F.avg_pool2d(conv(x), 2, ceil_mode=True),
    "a pool of maxima": lambda conv, x: F.max_pool2d(conv(x), 2),
    "a pool of far windows": lambda conv, x: F.avg_pool2d(conv(x), 1, 2),
    "both": lambda conv, x: (lambda y: F.avg_pool2d(y, 2).sum() + y[:, 0].sum())(conv(x)),
    "a list": lambda conv, x: torch.cat([conv(x), conv(x)], 1),
    "a convolution": lambda conv, x: F.conv2d(conv(x), torch.ones(1, 2, 2, 2)),
    "a method": lambda conv, x: conv(x).flatten(1).sum(),
    "arithmetic": lambda conv, x: 2 * conv(x) + 1,
    "its shape": lambda conv, x: conv(x).view(conv(x).shape[0], -1),
}


@pytest.mark.parametrize("name", OTHER)
def test_what_else_is_done_with_a_convolution(name):
    torch.manual_seed(1)
    conv, x = nn.Conv2d(1, 2, 3, padding=1), torch.rand(2, 1, 7, 7)
    wanted = OTHER[name](conv, x)
    with FewerProducts():
        found = OTHER[name](conv, x)
    assert not isinstance(found + 0, Waiting)
    close(found + 0, wanted)
    parameters = list(conv.parameters())
    slow, quick = (torch.autograd.grad(each.sum(), parameters) for each in (wanted, found))
    for a, b in zip(quick, slow, strict=True):
        close(a, b)


@pytest.mark.parametrize("how", [{"dilation": 2}, {"padding": "same"}, {"padding": 1, "padding_mode": "circular"}])
def test_convolutions_that_do_not_wait_or_wait_behind_a_border(how):
    conv, pool = nn.Conv2d(1, 2, 3, **how), nn.AvgPool2d(2)
    for x in (torch.rand(2, 1, 8, 8), torch.rand(1, 8, 8)):
        with FewerProducts():
            found = pool(conv(x))
        close(found, pool(conv(x)))


class Own(torch.autograd.Function):
    """A user's function, to which torch gives a tensor as it is."""

    @staticmethod
    def forward(_, x):
        return x * 2

    @staticmethod
    def backward(_, grad):
        return grad * 2


class Branches(nn.Module):
    """A convolution that is pooled, and looked at as it is too."""

    def __init__(self, between=None):
        super().__init__()
        self.between = between or nn.Identity()
        how = {"beta": 0.8, "init_hidden": True}
        self.conv, self.pool = nn.Conv2d(1, 4, 3, padding=1), nn.AvgPool2d(2)
        self.one, self.two = snn.Leaky(**how), snn.Leaky(**how)
        self.left, self.right = nn.Linear(4 * 4 * 4, 3), nn.Linear(4 * 8 * 8, 3)
        self.out = snn.Leaky(**how)

    def forward(self, x):
        y = self.between(self.conv(x))
        pooled, whole = self.one(self.pool(y)), self.two(y)
        return self.out(self.left(pooled.flatten(1)) + self.right(whole.flatten(1)))


class Doubled(nn.Module):
    def forward(self, x):
        return Own.apply(x)


@pytest.mark.parametrize("between", [None, Doubled()])
def test_a_module_that_uses_both_trains_as_its_own_loop_does(between):
    torch.manual_seed(0)
    module = Branches(between)
    with torch.no_grad():
        for each in module.parameters():
            each.mul_(4)
    x = (torch.rand(9, 6, 1, 8, 8) < 0.4).float()
    own = forward_of(module, {"input": x[:, :3]}, Settings())
    fast, same = accelerated(own, {"input": x}, torch.arange(6) % 3, Settings())
    assert fast.unrolled.joining == (between is None)
    assert same.worst < 1e-4
    assert same.bins == 9 * (6 - same.ties) * (64 + 256 + 3)
