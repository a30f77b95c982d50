"""Layers that follow each other add a constant up from larger terms; its rounding is theirs, not its own."""

import warnings

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import norse.torch as norse

import snndeploy as sd


def cancelling(size_in, size, hidden=64):
    """Linear(bias) - Linear, where the bias of the first nearly cancels in the second."""
    first, second = nn.Linear(size_in, hidden), nn.Linear(hidden, size)
    with torch.no_grad():
        first.bias.normal_(0, 30)
        second.weight.normal_(0, 1)
        second.bias.copy_(-(second.weight.double() @ first.bias.double()).float() + 0.01)
    return first, second


def silent(size_in):
    """Input that is nothing at first, so that the constant is all there is."""
    x = np.zeros((20, 2, size_in), np.float32)
    x[5::7] = 1
    return x


@pytest.mark.parametrize("seed", range(10))
def test_a_readout_behind_two_layers_is_captured(seed):
    torch.manual_seed(seed)
    module = norse.SequentialState(*cancelling(4, 5), norse.LICell()).eval()
    network = sd.capture(module, silent(4), dt=1e-3)
    assert np.all(np.abs(network.populations[0].rule.receptors[0].constant) < 1)
    # the same with the constant as it is: the bound is the plain one, and holds
    again = network.with_(source=None)
    assert sd.compare(sd.run(network, silent(4), record=("v",)), sd.run(again, silent(4), "torch", ("v",))).agrees


@pytest.mark.parametrize("seed", range(10))
def test_a_layer_and_a_readout_with_its_own_layer(seed):
    torch.manual_seed(seed)
    first, _ = cancelling(4, 5, hidden=8)
    readout = norse.LILinearCell(8, 3)
    sd.capture(norse.SequentialState(first, readout).eval(), silent(4), dt=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_a_batch_norm_takes_a_mean_away(seed):
    torch.manual_seed(seed)
    norm = nn.BatchNorm1d(6)
    fc = nn.Linear(4, 6)
    with torch.no_grad():
        norm.running_mean.normal_(0, 200)
        fc.bias.copy_(norm.running_mean + 0.01)
    module = norse.SequentialState(fc, norm, norse.LICell()).eval()
    sd.capture(module, silent(4), dt=1e-3)


def test_a_wrong_constant_is_still_found():
    """The bound is not so wide that a real difference fits in."""
    torch.manual_seed(0)
    module = norse.SequentialState(*cancelling(4, 5), norse.LICell()).eval()
    network = sd.capture(module, silent(4), dt=1e-3)
    theirs = sd.run(network, silent(4), "norse", ("v",))
    with torch.no_grad():
        module[1].bias.add_(0.01)
    moved = sd.run(sd.capture(module, silent(4), dt=1e-3), silent(4), "reference", ("v",))
    assert not sd.compare(theirs, moved).agrees


def test_plain_biases_leave_the_bound_as_it_was():
    module = nn.Sequential(nn.Linear(4, 5), snn.Leaky(0.9, init_hidden=True)).eval()
    network = sd.capture(module, silent(4), dt=1e-3)
    size = network.source.constants["1"]
    assert np.allclose(size, np.abs(network.populations[0].rule.receptors[0].constant))
