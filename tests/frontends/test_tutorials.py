"""Modules of the shape that snnTorch's tutorials and Norse's examples teach, in our own words, against the framework.

Where such a module cannot be exact it is refused, and the message says what to change.
"""

import warnings

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import agree, spikes
from snntorch import surrogate, utils
from snntorch._neurons.neurons import SpikingNeuron
from torch import nn
from torch.nn import functional as F

import snndeploy as sd
from snndeploy.errors import SnnDeployError

STEPS, BATCH = 12, 3


def lively(module):
    """Weights that make neurons fire."""
    torch.manual_seed(0)
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, (nn.Linear, nn.Conv2d)):
                each.weight.mul_(2).add_(0.5 / np.sqrt(each.weight[0].numel()))
    return module.eval()


@pytest.fixture(autouse=True)
def no_neurons_of_others(monkeypatch):
    """snntorch.utils.reset touches every neuron of the process, and fails on those of some classes."""
    monkeypatch.setattr(SpikingNeuron, "instances", [])


def binary(*shape):
    return spikes(np.random.default_rng(0), (STEPS, BATCH, *shape))


def still(*shape):
    frame = np.random.default_rng(0).random((1, BATCH, *shape)).astype(np.float32)
    return np.repeat(frame, STEPS, 0)


class OneNeuron(nn.Module):
    """Tutorial 2 and 3: neurons step by step, the current given, everything recorded with stack."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(12, 20), snn.Leaky(beta=0.9)
        self.fc2, self.lif2 = nn.Linear(20, 5), snn.Leaky(beta=0.9)

    def forward(self, spk_in):
        mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        mem2_rec, spk1_rec, spk2_rec = [], [], []
        for step in range(STEPS):
            cur1 = self.fc1(spk_in[step])
            spk1, mem1 = self.lif1(cur1, mem1)
            cur2 = self.fc2(spk1)
            spk2, mem2 = self.lif2(cur2, mem2)
            mem2_rec.append(mem2)
            spk1_rec.append(spk1)
            spk2_rec.append(spk2)
        return torch.stack(mem2_rec), torch.stack(spk1_rec), torch.stack(spk2_rec)


class SecondOrder(nn.Module):
    """Tutorial 4: synaptic and alpha neurons."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(12, 20), snn.Synaptic(alpha=0.9, beta=0.8)
        self.fc2, self.lif2 = nn.Linear(20, 5), snn.Alpha(alpha=0.9, beta=0.8, threshold=0.5, reset_mechanism="zero")

    def forward(self, spk_in):
        syn1, mem1 = self.lif1.reset_mem()
        exc, inh, mem2 = self.lif2.reset_mem()
        recorded = []
        for step in range(spk_in.shape[0]):
            spk1, syn1, mem1 = self.lif1(self.fc1(spk_in[step]), syn1, mem1)
            spk2, exc, inh, mem2 = self.lif2(self.fc2(spk1), exc, inh, mem2)
            recorded.append(spk2)
        return torch.stack(recorded, dim=0)


class Static(nn.Module):
    """Tutorial 5: one frame of pixels, shown in every step."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(16, 20), snn.Leaky(beta=0.95)
        self.fc2, self.lif2 = nn.Linear(20, 10), snn.Leaky(beta=0.95)

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spk2_rec, mem2_rec = [], []
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(self.fc1(x.view(BATCH, -1)), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)
        return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)


class Convolutional(nn.Module):
    """Tutorial 6: max-pool of currents, in front of the neurons; `behind`: of spikes."""

    def __init__(self, behind):
        super().__init__()
        self.behind = behind
        options = {"beta": 0.5, "spike_grad": surrogate.fast_sigmoid(slope=25)}
        self.conv1, self.lif1 = nn.Conv2d(1, 4, 5), snn.Leaky(**options)
        self.conv2, self.lif2 = nn.Conv2d(4, 6, 3), snn.Leaky(**options)
        self.fc1, self.lif3 = nn.Linear(24, 10), snn.Leaky(**options)

    def forward(self, x):
        mem1, mem2, mem3 = self.lif1.init_leaky(), self.lif2.init_leaky(), self.lif3.init_leaky()
        if not self.behind:
            cur1 = F.max_pool2d(self.conv1(x), 2)
            spk1, mem1 = self.lif1(cur1, mem1)
            spk2, mem2 = self.lif2(F.max_pool2d(self.conv2(spk1), 2), mem2)
        else:
            spk1, mem1 = self.lif1(self.conv1(x), mem1)
            spk2, mem2 = self.lif2(self.conv2(F.max_pool2d(spk1, 2)), mem2)
            spk2 = F.max_pool2d(spk2, 2)
        spk3, mem3 = self.lif3(self.fc1(spk2.view(BATCH, -1)), mem3)
        return spk3, mem3


def chain(pool):
    """Tutorial 6 and 7: a Sequential of layers and neurons that keep their states."""
    options = {"beta": 0.5, "init_hidden": True}
    layers = [nn.Conv2d(2, 4, 5), pool, snn.Leaky(**options), nn.Conv2d(4, 6, 3), pool, snn.Leaky(**options)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 10), snn.Leaky(output=True, **options))


class Pass(nn.Module):
    """Tutorial 7: the loop over events around such a chain."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, data):
        spk_rec = []
        utils.reset(self.net)
        for step in range(data.size(0)):
            spk_out, _ = self.net(data[step])
            spk_rec.append(spk_out)
        return torch.stack(spk_rec)


def test_snntorch_one_neuron():
    assert agree(lively(OneNeuron()), binary(12), "snntorch").outputs == ("lif1", "lif2")


def test_snntorch_second_order():
    agree(lively(SecondOrder()), binary(12), "snntorch")


def test_snntorch_static_pixels():
    network = agree(lively(Static()), still(1, 4, 4), "snntorch")
    assert network.source.stepping.time == "held"


def test_snntorch_convolutions():
    behind = lively(Convolutional(True))
    with pytest.raises(SnnDeployError, match=r"SD302.*'max_pool2d': .* weighted sums of what 'input'"):
        sd.capture(lively(Convolutional(False)), binary(1, 16, 16))
    # one step of it, with states that start anew in every call, is no loop
    with pytest.raises(SnnDeployError, match=r"SD305 module 'lif1'.*set anew at every step|SD305"):
        sd.capture(behind, binary(1, 16, 16))


def test_snntorch_chains():
    with pytest.raises(SnnDeployError, match=r"weighted sums.*move it behind the neuron.*average pooling"):
        sd.capture(lively(chain(nn.MaxPool2d(2))), binary(2, 16, 16))
    agree(lively(chain(nn.AvgPool2d(2))), binary(2, 16, 16), "snntorch")


def test_snntorch_events():
    network = agree(lively(Pass(chain(nn.AvgPool2d(2)))), binary(2, 16, 16), "snntorch")
    assert network.source.stepping.time == "inside"


@pytest.fixture(scope="module")
def norse():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import norse.torch as library
    return library


def readme_classifier(norse):
    """Norse's README: a SequentialState of convolutions, cells and pools."""
    cell = {"p": norse.LIFParameters(v_th=torch.as_tensor(0.3)), "dt": 1e-3}
    return norse.SequentialState(
        nn.Conv2d(1, 4, 5, 1),
        norse.LIFCell(**cell),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(4, 6, 3, 1),
        norse.LIFCell(**cell),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(24, 10),
        norse.LICell(dt=1e-3),
    )


def test_norse_readme(norse):
    module = lively(readme_classifier(norse))
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, (nn.Linear, nn.Conv2d)):
                each.weight.mul_(4)
    network = agree(module, binary(1, 16, 16), "norse")
    assert len(network.populations) == 5


class Digits(nn.Module):
    """Norse's notebook on MNIST: encoder, network over time, the largest membrane decides."""

    def __init__(self, norse, decode):
        super().__init__()
        self.l1, self.l2 = nn.Linear(16, 20, bias=False), nn.Linear(20, 10, bias=False)
        self.lif = norse.LIFCell(norse.LIFParameters(v_th=torch.as_tensor(0.2)), dt=1e-3)
        self.readout = norse.LICell(dt=1e-3)
        self.decode = decode
        nn.init.uniform_(self.l1.weight, 0, 3)

    def forward(self, x):
        steps, batch = x.shape[0], x.shape[1]
        s1 = so = None
        voltages = torch.zeros(steps, batch, 10, device=x.device, dtype=x.dtype)
        for ts in range(steps):
            z = x[ts, :].view(-1, 16)
            z, s1 = self.lif(self.l1(z), s1)
            z = self.l2(F.relu(z) if self.decode == "relu" else z)
            vo, so = self.readout(z, so)
            voltages[ts, :, :] = vo
        if self.decode == "all":
            return voltages
        largest, _ = torch.max(voltages, 0)
        return F.log_softmax(largest, dim=1)


@pytest.mark.parametrize("decode", ["all", "largest", "relu"])
def test_norse_digits(norse, decode):
    """A relu of spikes does nothing."""
    network = agree(Digits(norse, decode).eval(), binary(1, 4, 4), "norse")
    assert network.outputs == ("readout",)


class Recurrent(nn.Module):
    """Norse's notebook on poles and memories: a recurrent cell, a readout, the state handed on by the caller."""

    def __init__(self, norse):
        super().__init__()
        self.recurrent = norse.LIFRecurrentCell(6, 16, p=norse.LIFParameters(v_th=torch.as_tensor(0.2)), dt=1e-3)
        self.out, self.readout = nn.Linear(16, 2), norse.LICell(dt=1e-3)
        nn.init.uniform_(self.recurrent.input_weights, 0, 6)

    def forward(self, x, state=None):
        s1, so = (None, None) if state is None else state
        z, s1 = self.recurrent(x, s1)
        v, so = self.readout(self.out(z), so)
        return v, (s1, so)


def test_norse_recurrent(norse):
    agree(Recurrent(norse).eval(), binary(6), "norse")
