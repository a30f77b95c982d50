"""Learning rates and updates against torch's own."""

import csv

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from snndeploy.errors import SnnDeployError
from snndeploy.train.loop import train
from snndeploy.train.optimizers import OPTIMIZERS, Schedule, optimizer
from snndeploy.train.settings import Settings

EPOCHS, BATCHES = 6, 3
THEIRS = {
    "none": lambda o: None,
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS * BATCHES),
    "one-cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.02, EPOCHS * BATCHES, cycle_momentum=False),
    "step": lambda o: lr_scheduler.StepLR(o, 2, 0.3),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.3, patience=2),
}


def module():
    import snntorch as snn

    return nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.8, init_hidden=True))


@pytest.mark.parametrize("name", THEIRS)
def test_the_learning_rates_of_all_batches_are_those_of_torch(name, tmp_path):
    """A silent module: the loss stays the same, so that a plateau is one."""
    torch.manual_seed(0)
    x, y = torch.zeros(5, 12, 4), torch.arange(12) % 3
    with torch.no_grad():
        (silent := module())[0].bias.fill_(-1)
    train(silent, (x, y), out=tmp_path, epochs=EPOCHS, batch=4, lr=0.02, scheduler=name, gamma=0.3, period=2)
    with (tmp_path / "batches.csv").open() as file:
        found = [float(row["lr"]) for row in csv.DictReader(file)]

    torchs = torch.optim.Adam([nn.Parameter(torch.zeros(()))], lr=0.02)
    schedule, expected = THEIRS[name](torchs), []
    for _ in range(EPOCHS):
        for _ in range(BATCHES):
            expected.append(torchs.param_groups[0]["lr"])
            torchs.step()
            if name in ("cosine", "one-cycle"):
                schedule.step()
        if name == "step":
            schedule.step()
        if name == "plateau":
            schedule.step(1.0)
    assert found == expected
    assert name == "none" or len(set(found)) > 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_those_of_torch(name):
    how = Settings(optimizer=name, lr=0.05, weight_decay=0.1, momentum=0.9 if name in ("sgd", "rmsprop") else 0.0)
    said = {"lr": 0.05, "weight_decay": 0.1} | ({"momentum": 0.9} if name in ("sgd", "rmsprop") else {})
    ours, theirs = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    steps = optimizer(how, [ours]), OPTIMIZERS[name]([theirs], **said)
    for k in range(3):
        for each, of in ((ours, steps[0]), (theirs, steps[1])):
            each.grad = torch.tensor([1.0, -2.0, 0.5]) * (k + 1)
            of.step()
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, torch.ones(3))


def test_frozen_parameters_stay():
    how, fixed, free = Settings(), nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    assert optimizer(how, [fixed, free]).param_groups[0]["params"] == [free]


@pytest.mark.parametrize("name", ["cosine", "one-cycle"])
def test_a_stream_has_no_last_batch(name):
    how = Settings(scheduler=name)
    with pytest.raises(SnnDeployError, match="do not say how many"):
        Schedule(how, optimizer(how, [nn.Parameter(torch.ones(2))]), None)
