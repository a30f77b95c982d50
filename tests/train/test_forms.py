"""Modules as users write them, unchanged: each form gives the loss and the gradient of a loop written by hand."""

import numpy as np
import pytest
import snntorch as snn
import torch
from norse.torch import LICell, LIFCell, LIFParameters, LIFRecurrentCell, SequentialState
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.train.data import digits
from snndeploy.train.forwards import forward_of
from snndeploy.train.loop import train
from snndeploy.train.losses import LOSSES
from snndeploy.train.settings import Settings

STEPS, BATCH = 9, 5


def leaky(**settings):
    return snn.Leaky(beta=0.8, **settings)


class Explicit(nn.Module):
    """States in and out."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = nn.Linear(6, 7), leaky(), nn.Linear(7, 3), leaky()

    def forward(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2

    def by_hand(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        rows = []
        for now in x:
            spk, mem1, mem2 = self(now, mem1, mem2)
            rows.append((spk, mem2))
        return [torch.stack(each) for each in zip(*rows, strict=True)]


class Inside(Explicit):
    """The loop over time in forward, spikes and membranes of all steps out, as in the tutorials of snnTorch."""

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, membranes = [], []
        for step in range(x.shape[0]):
            spk1, mem1 = self.lif1(self.fc1(x[step]), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes, dim=0), torch.stack(membranes, dim=0)

    def by_hand(self, x):
        return self(x)


class Hidden(nn.Module):
    """States inside the neurons."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(6, 7), leaky(init_hidden=True), nn.Dropout(0.0), nn.Linear(7, 3), leaky(init_hidden=True)
        )

    def forward(self, x):
        return self.net(x)

    def by_hand(self, x):
        for each in self.net:
            if hasattr(each, "reset_mem"):
                each.reset_mem()
        rows = [(self(now), self.net[4].mem) for now in x]
        return [torch.stack(each) for each in zip(*rows, strict=True)]


class Readout(nn.Module):
    """Norse: a recurrent layer and a membrane that never spikes, with a tuple of states."""

    def __init__(self):
        super().__init__()
        p = LIFParameters(v_th=torch.tensor(0.1))
        self.net = SequentialState(
            LIFRecurrentCell(6, 7, p=p), nn.Linear(7, 7), LIFCell(p=p), nn.Linear(7, 3), LICell()
        )

    def forward(self, x, state=None):
        return self.net(x, state)

    def by_hand(self, x):
        rows, state = [], None
        for now in x:
            out, state = self(now, state)
            rows.append(out)
        return None, torch.stack(rows)


SPIKES, MEMBRANE = "ce_count_loss", "ce_max_membrane_loss"
FORMS = [(Explicit, SPIKES), (Explicit, MEMBRANE), (Inside, SPIKES), (Inside, MEMBRANE), (Hidden, SPIKES)]
FORMS += [(Hidden, MEMBRANE), (Readout, MEMBRANE)]


@pytest.mark.parametrize(("form", "loss"), FORMS, ids=lambda each: getattr(each, "__name__", each))
def test_loss_and_gradients_are_those_of_a_loop_by_hand(form, loss):
    torch.manual_seed(1)
    module = form()
    with torch.no_grad():
        for each in module.parameters():
            each.mul_(2)
    x, y = (torch.rand(STEPS, BATCH, 6) < 0.5).float(), torch.arange(BATCH) % 3
    forward = forward_of(module, {"input": x[:, :2]}, Settings(loss=loss))
    module.train()
    of = LOSSES[loss].of
    ours = of(forward.unrolled({"input": x}).output, y, 1.0)
    theirs = of(module.by_hand(x)[0 if loss == SPIKES else 1], y, 1.0)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    learned = list(module.parameters())
    for a, b in zip(torch.autograd.grad(ours, learned), torch.autograd.grad(theirs, learned), strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-8)
        assert b.abs().max() > 0


@pytest.mark.parametrize("form", [Explicit, Inside, Hidden, Readout], ids=lambda each: each.__name__)
def test_each_form_learns_and_is_delivered(form, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    x = (rng.random((STEPS, 60, 6)) < 0.1 + 0.8 * np.repeat(np.eye(3)[labels], 2, axis=1)).astype(np.float32)
    torch.manual_seed(0)
    module = form()
    loss = MEMBRANE if form is Readout else "rate"
    done = sd.train(
        module, (x, labels), test=(x, labels), out=tmp_path / "run", epochs=12, batch=10, lr=0.02, loss=loss
    )
    assert done.accuracy > 0.9
    again = sd.read(done.file)
    # the file decides as the module that was trained
    assert np.mean(sd.run(again, x, "torch").decisions() == labels) == pytest.approx(done.accuracy, abs=0.02)


@pytest.mark.parametrize("name", ["digits_csnn", "digits_norse"])
def test_the_shipped_models_learn_in_seconds(name):
    from snndeploy import models

    file, data = models.load(name), digits(12, flat=name == "digits_norse")
    done = train(models.build_seeded(name), data, **{**file.TRAIN, "epochs": 4, "batch": 32})
    assert done.accuracy > 0.85


class Strange(nn.Module):
    """A rectifier that no chip has."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 3), leaky(init_hidden=True)

    def forward(self, x):
        return self.lif(torch.tanh(self.fc(x)))


def test_what_cannot_be_deployed_is_refused_before_it_is_trained():
    x, y = torch.ones(STEPS, 4, 6), torch.zeros(4, dtype=torch.int64)
    module = Strange()
    before = module.fc.weight.clone()
    with pytest.raises(SnnDeployError, match=r"--no-capture") as caught:
        sd.train(module, (x, y), epochs=1)
    assert "SD845" in {each.code for each in caught.value.findings}
    assert torch.equal(module.fc.weight, before)
    done = sd.train(module, (x, y), epochs=1, capture=False)
    assert done.network is None
    assert not torch.equal(module.fc.weight, before)


@pytest.mark.parametrize(
    ("form", "time"), [(Hidden, "outside"), (Inside, "inside"), (Readout, None), (Explicit, None)], ids=str
)
def test_without_capture_the_loop_is_the_same(form, time):
    """Spikes alone: what forward returns first is the output."""
    loss = MEMBRANE if form is Readout else SPIKES
    torch.manual_seed(1)
    module = form()
    x = (torch.rand(STEPS, BATCH, 6) < 0.5).float()
    captured = forward_of(module, {"input": x}, Settings(loss=loss)).unrolled
    plain = forward_of(module, {"input": x}, Settings(loss=loss), captured=False, time=time).unrolled
    assert torch.equal(captured({"input": x}).output, plain({"input": x}).output)


def test_a_readout_has_no_spikes_to_count():
    x, y = torch.ones(STEPS, 4, 6), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(SnnDeployError, match=r"it never spikes.*ce_max_membrane_loss"):
        train(Readout(), (x, y), epochs=1)


def test_several_inputs_go_by_name():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.lif = nn.Linear(4, 3), nn.Linear(2, 3), leaky(init_hidden=True)

        def forward(self, left, right):
            return self.lif(self.a(left) + self.b(right))

    torch.manual_seed(0)
    x = {"left": (np.random.rand(8, 20, 4) < 0.5) * 1.0, "right": (np.random.rand(8, 20, 2) < 0.5) * 1}
    done = sd.train(Two(), (x, np.arange(20) % 3), epochs=2, batch=8, prove=5)
    assert {each.name for each in done.network.inputs} == {"left", "right"}
