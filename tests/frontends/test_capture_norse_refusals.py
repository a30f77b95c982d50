"""What capture refuses of Norse, by name."""

import warnings

import numpy as np
import pytest
import snntorch
import torch
from test_capture_refusals import refused
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse


def sequence(cell):
    return norse.SequentialState(nn.Linear(4, 6), cell).eval()


def own_reset(z, v, reset, th):
    del reset, th
    return v - z * v


@pytest.mark.parametrize(
    ("cell", "code", "text"),
    [
        (lambda: norse.LIFBoxCell(dt=0.002), "SD309", "its dt is 0.002 s, the capture's is 0.001 s.*dt=0.002"),
        (lambda: norse.LIFBoxCell(norse.LIFBoxParameters(reset_method=own_reset)), "SD308", "own_reset.*reset_value"),
        (lambda: norse.LIFCell(norse.LIFParameters(method="adjoint")), "SD308", "adjoint"),
        (lambda: norse.LIFBoxCell(norse.LIFBoxParameters(method="nothing")), "SD308", "method 'nothing'"),
        (lambda: norse.LSNNCell(adjoint=True), "SD308", "lsnn_feed_forward_adjoint_step, not lsnn_feed_forward_step"),
        (lambda: norse.LSNNCell(norse.LSNNParameters(beta=torch.ones(5))), "SD308", "beta of shape .5,. does not"),
        (lambda: norse.LIFRefracCell(norse.LIFRefracParameters(rho_reset=torch.arange(6.0))), "SD308", "one rho_reset"),
        (lambda: norse.LIFAdExCell(), "SD301", "LIFAdExCell is not supported: .*exp.*LSNNCell"),
        (lambda: norse.IzhikevichCell(norse.functional.izhikevich.tonic_spiking), "SD301", "IzhikevichCell.*square"),
        (lambda: norse.LIFBoxCell(norse.LIFBoxParameters(v_th=torch.rand(5))), "SD308", "does not broadcast"),
        (lambda: norse.LIBoxCell(norse.LIBoxParameters(v_leak=0.5)), "SD312", "torch tensor"),
    ],
)
def test_cells(cell, code, text):
    refused(sequence(cell()), (code, "module '1'", text))


def test_a_state_that_is_dropped():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 6), norse.LIFCell()

        def forward(self, x):
            return self.lif(self.fc(x))[0]

    refused(
        Forgetful().eval(),
        ("SD305", "module 'lif'", "its 'v' is dropped.*return the new state"),
        ("SD305", "module 'lif'", "its 'i' is dropped"),
    )


def test_two_frameworks_in_one_module():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.one, self.two = nn.Linear(4, 4), snntorch.Leaky(0.9, init_hidden=True), norse.LIFBoxCell()

        def forward(self, x, state=None):
            return self.two(self.one(self.fc(x)), state)

    refused(Mixed().eval(), ("SD313", "module Mixed", "mixes norse and snntorch"))


def test_a_step_too_long_for_its_time_constant():
    p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(3000.0))
    module = norse.SequentialState(nn.Linear(4, 6), norse.LIFBoxCell(p)).eval()
    from snndeploy.errors import SnnDeployError
    from snndeploy.frontends import capture

    with pytest.raises(SnnDeployError, match="SD105 population '1': beta = -2 "):
        capture(module, np.ones((3, 1, 4)), 1e-3)
