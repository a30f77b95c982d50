"""Arguments of a module that its library makes no use of."""

import norse.torch as norse
import numpy as np
import pytest
import torch
from norse.torch.functional.threshold import threshold
from torch import nn

import snndeploy as sd
from snndeploy.train.time_surrogates import inlined, slope_of
from snndeploy.train.unused import unused


def given(**own):
    return norse.LIFCell(norse.LIFParameters(**own))


def loss_curve(alpha, method="super"):
    torch.manual_seed(0)
    cell = given(method=method, alpha=torch.tensor(alpha), tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.1))
    layers = [nn.Linear(6, 3), cell, nn.Linear(3, 3)]
    out = given(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.1))
    module = norse.SequentialState(*layers, out)
    x = (np.random.default_rng(1).random((8, 12, 6)) < 0.5).astype(np.float32)
    return sd.train(module, (x, np.arange(12) % 3), epochs=3, batch=4, lr=0.05, capture=False).trained


def test_the_alpha_of_norses_super_changes_nothing_and_a_note_says_so():
    one, other = loss_curve(3.0), loss_curve(30.0)
    assert [each.loss for each in one.history] == [each.loss for each in other.history]
    (note,) = one.notes
    assert note.startswith("alpha = 3 of '1' has no effect: Norse 1.1")


def test_a_method_that_has_an_alpha_is_not_noted():
    one, other = loss_curve(0.5, "tanh"), loss_curve(5.0, "tanh")
    assert [each.loss for each in one.history] != [each.loss for each in other.history]
    assert not one.notes


def test_neurons_with_one_alpha_are_one_note():
    module = nn.Sequential(given(alpha=2.0), given(alpha=2.0), given(alpha=4.0), given(), nn.Linear(2, 2))
    assert [each.partition(" has")[0] for each in unused(module)] == ["alpha = 2 of '0', '1'", "alpha = 4 of '2'"]


def test_a_library_whose_super_has_a_slope_is_not_noted(monkeypatch):
    class Sloped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, alpha):
            ctx.save_for_backward(x)
            ctx.alpha = float(alpha)
            return (x > 0).to(x.dtype)

        @staticmethod
        def backward(ctx, back):
            (x,) = ctx.saved_tensors
            return back / (ctx.alpha * x.abs() + 1) ** 2, None

    monkeypatch.setattr("norse.torch.functional.threshold.superspike_fn", Sloped.apply)
    assert not unused(given(alpha=5.0))
    assert slope_of(lambda x: threshold(x, "super", 5.0)) == pytest.approx(5)
    assert inlined(lambda x: threshold(x, "super", 7.0), ("super", 7.0)) == ("fast_sigmoid", pytest.approx(7))


def test_norses_super_is_written_into_the_kernels():
    for alpha in (11.0, 100.0):
        assert inlined(lambda x, a=alpha: threshold(x, "super", a), ("super", alpha)) == ("fast_sigmoid", 1.0)
