"""Accelerated training runs: the curve is that of the module's own loop, stopped or not."""

import numpy as np
import pytest
import torch
from accelerated_modules import both, layers, leaky, learning, samples
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.train.loop import train
from snndeploy.train.settings import Settings


def curve(how):
    torch.manual_seed(5)
    return train(nn.Sequential(*layers(leaky(), leaky())), learning(), epochs=6, batch=16, lr=0.01, seed=1, **how)


@pytest.mark.parametrize("more", [{}, {"rates": {"*": (0.05, 0.2)}}, {"loss": "mse_count_loss"}])
def test_the_curve_is_the_same(more):
    slow, fast = curve(more), curve({"accelerate": True, **more})
    np.testing.assert_allclose([e.loss for e in fast.history], [e.loss for e in slow.history], rtol=1e-3)
    assert slow.history[-1].loss < slow.history[0].loss
    assert fast.rates == pytest.approx(slow.rates, abs=5e-3)
    assert "identical" in fast.notes[0]
    assert fast.accuracy == pytest.approx(slow.accuracy, abs=0.03)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole, parts = layers(leaky(), leaky()), layers(leaky(), leaky())
    how = {"batch": 16, "lr": 0.01, "scheduler": "none", "accelerate": True}
    once = train(nn.Sequential(*whole), learning(), epochs=4, out=tmp_path / "whole", **how)
    train(nn.Sequential(*parts), learning(), epochs=2, out=tmp_path / "parts", **how)
    torch.manual_seed(99)
    module = nn.Sequential(*layers(leaky(), leaky()))
    after = train(module, learning(), epochs=4, out=tmp_path / "parts", resume=True, **how)
    assert after.history == once.history
    best = torch.load(tmp_path / "whole" / "best.pt", weights_only=True)
    assert best.keys() == module.state_dict().keys()
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in best.items())
    with pytest.raises(SnnDeployError, match=r"SD842.*accelerate") as problem:
        train(module, learning(), epochs=4, out=tmp_path / "parts", resume=True, **how | {"accelerate": False})
    assert len(problem.value.findings) == 1


def test_a_run_from_before_there_was_acceleration_goes_on():
    saved = {name: value for name, value in Settings().as_dict().items() if name != "accelerate"}
    assert Settings().differing(saved) == []
    assert [each.where for each in Settings(accelerate=True).differing(saved)] == ["accelerate"]


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(*layers(leaky(), leaky()))
    own, fast, _ = both(module)
    before = own(samples()[0]).output
    fast(samples()[0])
    assert all("forward" not in each.__dict__ for each in module.modules())
    assert torch.equal(own(samples()[0]).output, before)


def test_the_check_draws_nothing_and_leaves_no_gradient():
    module = nn.Sequential(*layers(leaky(), leaky()))
    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    both(module)
    assert torch.equal(torch.rand(3), wanted)
    assert all(p.grad is None for p in module.parameters())
