"""Norse's modules that take all steps at once, and Lift, against Norse itself."""

import warnings

import numpy as np
import pytest
import torch
from captures import same
from test_norse_classes import BATCH, STEPS, build, check_class
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse

import snndeploy as sd


@pytest.mark.parametrize("name", ["LI", "IAF", "LIF", "LIFRecurrent", "LIFRefracRecurrent", "LSNN", "LSNNRecurrent"])
def test_every_class_over_time(name):
    check_class(name)


@pytest.mark.parametrize("cell", ["LIFBoxCell", "LIFCell", "LSNNCell", "LIFRefracCell"])
def test_lifted_layers_and_cells(cell):
    """Lift has the loop over time inside; the layers between may be lifted or not."""
    fired = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        one, two = build(rng, cell, 4, 5)[0], build(rng, cell, 5, 3)[0]
        first, second = nn.Linear(4, 5), nn.Linear(5, 3)
        with torch.no_grad():
            first.weight.mul_(4)
            second.weight.mul_(6)
        module = norse.SequentialState(norse.Lift(first), norse.Lift(one), norse.Lift(second), norse.Lift(two))
        x = rng.normal(0.6, 1.5, (STEPS, BATCH, 4)).astype(np.float32)
        network, _, spikes = same(module.eval(), x, "norse", record=("spikes", "v"))
        assert len(network.populations) == 2
        fired += spikes
    assert fired > 100


def test_a_network_over_time_is_that_of_its_cells():
    torch.manual_seed(0)
    p = norse.LIFParameters(v_th=torch.tensor(0.3))
    first, second = nn.Linear(6, 8), nn.Linear(8, 3)
    whole = norse.SequentialState(first, norse.LIF(p), second, norse.LI()).eval()
    step = norse.SequentialState(first, norse.LIFCell(p), second, norse.LICell()).eval()
    x = (np.random.default_rng(0).random((20, 3, 6)) < 0.5).astype(np.float32)
    one, other = sd.capture(whole, x, dt=1e-3), sd.capture(step, x, dt=1e-3)
    a, b = sd.run(one, x, record=("spikes", "v")), sd.run(other, x, record=("spikes", "v"))
    assert sd.compare(a, b).identical
    assert sd.compare(sd.run(one, x, engine="norse"), sd.run(other, x, engine="norse")).agrees


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (lambda: (nn.Linear(4, 5), norse.LIF(), norse.LIFCell()), "LIFCell '2' gets all steps"),
        (lambda: (nn.BatchNorm1d(2).eval(), norse.LIF()), "BatchNorm1d '0' gets all steps"),
        (lambda: (nn.Linear(4, 5), norse.LIF(norse.LIFParameters(v_leak=torch.rand(5)))), "its initial state fails"),
        (lambda: (nn.Linear(4, 5), norse.LIFRecurrent(5, 5, dt=2e-3)), "SD309 module '1': its dt is 0.002 s"),
    ],
)
def test_what_does_not_fit_over_time(layers, text):
    with pytest.raises(sd.errors.SnnDeployError, match=text):
        sd.capture(norse.SequentialState(*layers()).eval(), np.ones((6, 2, 4), np.float32), dt=1e-3)


def test_the_last_state_and_recorded_states_may_be_returned():
    torch.manual_seed(0)
    for recorded in (True, False):
        module = norse.SequentialState(nn.Linear(4, 5), norse.LIF(norse.LIFParameters(), record_states=recorded))
        x = np.random.default_rng(0).normal(0.6, 2, (STEPS, BATCH, 4)).astype(np.float32)
        network, _, _ = same(module.eval(), x, "norse", record=("spikes", "v"))
        assert network.outputs == ("1",)
