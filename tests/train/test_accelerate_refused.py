"""What cannot be accelerated is refused by name, and the check sees kernels that are wrong."""

import pytest
import snntorch as snn
import torch
from accelerated_modules import layers, leaky, learning, samples
from snntorch import surrogate
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.frontends.neurons import load
from snndeploy.train.accelerated import Accelerated
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.loop import train
from snndeploy.train.settings import Settings
from snndeploy.train.time_cells import cells_of

REFUSED = {
    "graded": (lambda: leaky(graded_spikes_factor=2.0), "SD846 1: its graded_spikes_factor is not 1"),
    "Alpha": (lambda: snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True, reset_mechanism="zero"), "Alpha has no kernel"),
    "stochastic": (lambda: leaky(spike_grad=surrogate.SSO()), "surrogate gradient|spike_grad"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(case):
    neuron, told = REFUSED[case]
    with pytest.raises(SnnDeployError, match=told) as problem:
        train(nn.Sequential(*layers(neuron(), leaky())), learning(), epochs=1, accelerate=True)
    assert {each.code for each in problem.value.findings} <= {"SD846", "SD308"}


def test_a_convolution_of_its_own_spikes_is_refused():
    neuron = snn.RLeaky(beta=0.8, conv2d_channels=1, kernel_size=3, init_hidden=True)
    load(neuron)
    with pytest.raises(SnnDeployError, match="SD846 lif: its recurrence is Conv2d"):
        cells_of(neuron, "lif")


def test_everything_that_is_refused_is_said_at_once():
    module = nn.Sequential(*layers(leaky(graded_spikes_factor=3.0), leaky(graded_spikes_factor=2.0)))
    with pytest.raises(SnnDeployError) as problem:
        train(module, learning(), epochs=1, accelerate=True)
    assert [each.where for each in problem.value.findings] == ["1", "3"]


def test_what_is_not_captured_or_in_16_bits_is_refused():
    with pytest.raises(SnnDeployError, match="SD846.*bf16-mixed"):
        train(nn.Sequential(*layers(leaky(), leaky())), learning(), precision="bf16-mixed", accelerate=True)
    with pytest.raises(SnnDeployError, match="not captured"):
        train(nn.Sequential(*layers(leaky(), leaky())), learning(), capture=False, accelerate=True)


def test_feedback_through_layers_is_refused():
    class Back(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.back, self.lif = nn.Linear(8, 4), nn.Linear(4, 4), snn.Leaky(beta=0.8)

        def forward(self, x, spk=None, mem=None):
            spk = torch.zeros(x.shape[0], 4) if spk is None else spk
            mem = torch.zeros(x.shape[0], 4) if mem is None else mem
            spk, mem = self.lif(self.fc(x) + self.back(spk), mem)
            return spk, spk, mem

    with pytest.raises(SnnDeployError, match="SD846.*comes back"):
        train(Back(), learning(), epochs=1, accelerate=True)


def wrong(module, change):
    """What the check says of a kernel that was changed."""
    inputs, labels = samples()
    forward = forward_of(module, inputs, Settings())
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SnnDeployError) as problem:
        change(patch)
        accelerated(forward, inputs, labels, Settings())
    return problem.value.findings


def test_the_check_sees_another_gradient():
    from snndeploy.train import time_neurons

    def change(patch):
        real = time_neurons.derivative
        patch.setattr(time_neurons, "derivative", lambda *args: 1.01 * real(*args))

    each = leaky(spike_grad=surrogate.sigmoid(slope=4))
    found = wrong(nn.Sequential(*layers(each, leaky())), change)
    assert {each.code for each in found} == {"SD846"}
    assert "parameter '0.weight'" in {each.where for each in found}


def test_the_check_sees_other_spikes():
    from snndeploy.train import time_cells

    def change(patch):
        real = time_cells.Cells.table
        patch.setattr(time_cells.Cells, "table", lambda self, *args: real(self, *args) * 0.99)

    found = wrong(nn.Sequential(*layers(leaky(), leaky())), change)
    assert found[0].where == "population '1'"
    assert "from the threshold" in found[0].what


@pytest.mark.parametrize("margin", [1e-7, 1e-2])
def test_a_sample_with_a_tie_is_left_out(margin):
    """One spike of one sample falls on the other side: a tie if its membrane meets the threshold, else a difference."""
    module = nn.Sequential(*layers(leaky(), leaky()))
    inputs, labels = samples()
    forward = forward_of(module, inputs, Settings())
    real, left = Accelerated.forward, []

    def forward_with_a_tie(self, given):
        signals = real(self, given)
        left.append(given["input"].shape[1])
        if len(left) == 1:
            seen = self.seen["1"]
            seen["s"], seen["p"] = seen["s"].clone(), seen["p"].clone()
            seen["s"][5, 2, 3] = 1 - seen["s"][5, 2, 3]
            seen["p"][5, 2, 3] = seen["theta"][2, 3] + margin
        return signals

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Accelerated, "forward", forward_with_a_tie)
        if margin < 1e-5:
            _, same = accelerated(forward, inputs, labels, Settings())
            assert (same.samples, same.ties, left) == (5, 1, [6, 5])
        else:
            with pytest.raises(SnnDeployError, match="1 of its spikes differ in step 5 of sample 2"):
                accelerated(forward, inputs, labels, Settings())
