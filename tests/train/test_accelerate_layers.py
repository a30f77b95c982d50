"""Acceleration of readouts, dropout, norms and pools: the module's own loop says what they do."""

import copy

import numpy as np
import pytest
import snntorch as snn
import torch
from norse import torch as norse
from torch import nn
from torch.nn import functional as F

from snndeploy.errors import SnnDeployError
from snndeploy.train.data import Data
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.loop import train
from snndeploy.train.settings import Settings

STEPS, BATCH, SIZE = 13, 6, 12


def samples(seed=0, shape=(8,)):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy((rng.random((STEPS, BATCH, *shape)) < 0.4).astype(np.float32))
    return {"input": x}, torch.from_numpy(rng.integers(0, 4, BATCH))


def leaky(**how):
    return snn.Leaky(beta=0.8, init_hidden=True, **how)


def linear(into, out, by=3.0):
    layer = nn.Linear(into, out)
    with torch.no_grad():
        layer.weight.mul_(by)
        layer.bias.add_(0.3)
    return layer


def agree(module, loss="rate", shape=(8,), seeded=True, **capture):
    """Output, gradients and running statistics in training, with the same random numbers."""
    inputs, labels = samples(0, shape)
    how = Settings(loss=loss)
    forward = forward_of(module, {"input": inputs["input"][:, :4]}, how, **capture)
    fast, same = accelerated(forward, inputs, labels, how)
    inputs, _ = samples(1, shape)
    found = []
    for of in (forward.unrolled, fast.unrolled):
        other = copy.deepcopy(module.state_dict())
        module.train()
        module.zero_grad()
        torch.manual_seed(5)
        out = of(inputs).output
        given = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
        (out * given).sum().backward()
        grads = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}
        buffers = {n: b.clone() for n, b in module.named_buffers() if "running" in n or "tracked" in n}
        found.append((out.detach(), grads, buffers, torch.rand(3) if seeded else None))
        module.load_state_dict(other)
    (a, slow, state, left), (b, quick, moved, right) = found
    torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-6)
    assert slow.keys() == quick.keys()
    least = 2e-6 * max(float(each.abs().max()) for each in slow.values())
    for name, wanted in slow.items():
        assert float((wanted - quick[name]).abs().max()) <= max(least, 1e-3 * float(wanted.abs().max())), name
    for name, wanted in state.items():
        torch.testing.assert_close(moved[name], wanted)
    if seeded:
        assert torch.equal(left, right)
    return a, same


@pytest.mark.parametrize(
    ("form", "mechanism"),
    [("Leaky", "none"), ("Leaky", "zero"), ("Synaptic", "subtract"), ("Leaky without delay", "zero")],
)
def test_membranes_of_snntorch(form, mechanism):
    torch.manual_seed(0)
    how = {"reset_mechanism": mechanism, "init_hidden": True, "output": True, "learn_beta": True}
    last = snn.Synaptic(0.6, 0.8, **how) if form == "Synaptic" else snn.Leaky(0.8, reset_delay=form == "Leaky", **how)
    out, _ = agree(nn.Sequential(linear(8, SIZE), leaky(), linear(SIZE, 4), last), "ce_max_membrane_loss")
    assert not set(out.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("form", ["LICell", "LILinearCell", "LIBoxCell", "LI", "IAFCell"])
def test_readouts_of_norse(form):
    torch.manual_seed(0)
    p = norse.LIParameters(v_leak=torch.tensor(0.1))
    lif = norse.LIFParameters(v_th=torch.tensor(0.2), alpha=3.0)
    time, loss = {}, "ce_last_membrane_loss"
    first, rest = norse.LIFCell(lif), {
        "LICell": lambda: (linear(SIZE, 4), norse.LICell(p)),
        "LILinearCell": lambda: (norse.LILinearCell(SIZE, 4, p),),
        "LIBoxCell": lambda: (linear(SIZE, 4), norse.LIBoxCell()),
        "LI": lambda: (linear(SIZE, 4), norse.LI(p)),
        "IAFCell": lambda: (linear(SIZE, 4), norse.IAFCell()),
    }[form]()  # fmt: skip
    if form == "LI":
        first, time = norse.LIF(lif), {"time": "inside"}
    if form == "IAFCell":
        loss = "rate"
    agree(norse.SequentialState(linear(8, SIZE), first, *rest), loss, **time)


class Norsed(nn.Module):
    """Numbers of Norse's neurons that learn."""

    def __init__(self, box):
        super().__init__()
        self.tau, self.theta = nn.Parameter(torch.full((SIZE,), 400.0)), nn.Parameter(torch.tensor(0.2))
        self.reset, self.leak = nn.Parameter(torch.tensor(-0.1)), nn.Parameter(torch.tensor(0.05))
        self.fc1, self.fc2, self.li = linear(8, SIZE), linear(SIZE, 4), norse.LICell()
        own = {"tau_mem_inv": self.tau, "v_th": self.theta, "v_reset": self.reset, "v_leak": self.leak}
        cell, parameters = (norse.LIFBoxCell, norse.LIFBoxParameters) if box else (norse.LIFCell, norse.LIFParameters)
        self.lif = cell(parameters(**own))

    def forward(self, x, one=None, two=None):
        s, one = self.lif(self.fc1(x), one)
        v, two = self.li(self.fc2(s), two)
        return v, one, two


@pytest.mark.parametrize("box", [True, False])
def test_numbers_of_norse_that_learn(box):
    torch.manual_seed(0)
    agree(Norsed(box), "ce_max_membrane_loss")


@pytest.mark.parametrize("time", ["outside", "inside"])
def test_dropout_draws_what_the_loop_draws(time):
    """One layer that is called twice, another between them, and one of whole channels."""

    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.one, self.two = nn.Conv1d(1, 3, 3), nn.Dropout(0.3), nn.Dropout(0.6)
            self.channels = nn.Dropout1d(0.4)
            self.fc1, self.fc2, self.lif, self.out = linear(18, SIZE), linear(SIZE, 4), leaky(), leaky()

        def step(self, x):
            x = self.channels(self.conv(self.one(x).unsqueeze(1))).flatten(1)
            return self.out(self.fc2(self.one(self.two(self.lif(self.fc1(x))))))

        def forward(self, x):
            return self.step(x) if time == "outside" else torch.stack([self.step(each) for each in x])

    torch.manual_seed(0)
    agree(Dropped(), time=time)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(SIZE), nn.BatchNorm1d(SIZE, momentum=None)])
def test_norms_look_at_one_step_after_the_other(norm):
    torch.manual_seed(0)
    agree(nn.Sequential(linear(8, SIZE), norm, leaky(), linear(SIZE, 4), leaky()))
    assert bool((norm.running_mean == 0).all())  # the check has left it


def test_a_norm_in_two_dimensions_and_a_pool_of_spikes():
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 4, 3)
    body = (conv, nn.BatchNorm2d(4), leaky(), nn.MaxPool2d(2), nn.Flatten(), linear(36, 4), leaky())
    _, same = agree(nn.Sequential(*body), shape=(1, 8, 8))
    assert same.bins % (4 * 36 + 36 + 4) == 0


def test_a_pool_of_spikes_in_functional_form():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.lif, self.fc, self.out = nn.Conv2d(1, 4, 3), leaky(threshold=0.3), linear(36, 4), leaky()

        def forward(self, x):
            return self.out(self.fc(F.max_pool2d(self.lif(self.conv(x)), 2).flatten(1)))

    torch.manual_seed(0)
    agree(Pooled(), shape=(1, 8, 8))


def learning():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 48)
    x = (rng.random((10, 48, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    return Data(x, labels, x, labels)


def test_the_curve_with_dropout_a_norm_and_a_readout_is_the_same():
    found = []
    for accelerate in (False, True):
        torch.manual_seed(5)
        readout = snn.Leaky(0.9, init_hidden=True, reset_mechanism="none", output=True)
        body = (linear(8, SIZE), nn.BatchNorm1d(SIZE), leaky(), nn.Dropout(0.2), linear(SIZE, 4), readout)
        module = nn.Sequential(*body)
        how = {"epochs": 4, "batch": 16, "lr": 0.01, "loss": "ce_max_membrane_loss", "accelerate": accelerate}
        found.append((train(module, learning(), **how), module[1].running_var.clone()))
    (slow, a), (fast, b) = found
    np.testing.assert_allclose([e.loss for e in fast.history], [e.loss for e in slow.history], rtol=1e-3)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert slow.history[-1].loss < slow.history[0].loss
    assert fast.accuracy == pytest.approx(slow.accuracy, abs=0.03)


def test_a_norm_over_all_steps_would_be_seen(monkeypatch):
    """The check compares running statistics and gradients: what takes them over time and batch is refused."""
    from snndeploy.train import accelerated as part

    monkeypatch.setattr(part, "by_step", lambda path, layer, rows: lambda x: type(layer).forward(layer, x))
    module = nn.Sequential(linear(8, SIZE), nn.BatchNorm1d(SIZE), leaky(), linear(SIZE, 4), leaky())
    with pytest.raises(SnnDeployError, match="SD846"):
        train(module, learning(), epochs=1, accelerate=True)


def test_dropout_that_is_no_product_is_refused():
    module = nn.Sequential(linear(8, SIZE), leaky(), nn.AlphaDropout(0.2), linear(SIZE, 4), leaky())
    with pytest.raises(SnnDeployError, match="SD846 2: AlphaDropout is no product|SD3"):
        train(module, learning(), epochs=1, accelerate=True)
