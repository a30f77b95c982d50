"""Layers in functional form, with the module's own parameters, against the framework itself."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import agree, fresh, spikes
from torch import nn
from torch.nn import functional as F

import snndeploy as sd
from snndeploy.errors import SnnDeployError


def lif(**options):
    return snn.Leaky(**({"beta": 0.8, "threshold": 0.5, "init_hidden": True} | options))


class Written(nn.Module):
    """`body(self, x)` is what is between two neurons; x: (batch, 2, 8, 8) spikes of the first."""

    def __init__(self, seed, body):
        super().__init__()
        torch.manual_seed(seed)
        self.body, self.lif1, self.lif2 = body, lif(), lif()
        self.entry = nn.Conv2d(1, 2, 3, padding=1)
        self.fc, self.conv = nn.Linear(8, 5), nn.Conv2d(2, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(2)
        self.w, self.b = nn.Parameter(torch.rand(8, 6)), nn.Parameter(torch.rand(6) / 9)
        self.shared = nn.ParameterList([nn.Parameter(torch.rand(3, 8)), nn.Parameter(torch.rand(3) / 9)])
        self.back = nn.Parameter(torch.rand(2, 3, 2, 2) / 2)
        self.register_buffer("mask", (torch.rand(8, 6) < 0.5).float())
        self.many = nn.ModuleDict({"a": nn.Linear(8, 4), "b": nn.Linear(8, 4)})
        self.norm.running_mean.uniform_(-0.1, 0.1)
        self.norm.running_var.uniform_(0.5, 1.5)
        with torch.no_grad():
            self.entry.weight.add_(0.4)
            self.conv.weight.mul_(2).add_(0.05)
            self.fc.weight.mul_(2).add_(0.05)
        self.eval()

    def forward(self, x):
        return self.lif2(self.body(self, self.lif1(self.entry(x))))


FORMS = {
    "linear": lambda m, s: F.linear(s, m.fc.weight, m.fc.bias),
    "linear without bias": lambda m, s: F.linear(s, weight=m.w.t()),
    "linear of a view": lambda m, s: F.linear(s.flatten(2), m.fc.weight.repeat(1, 8), bias=m.fc.bias),
    "linear, masked": lambda m, s: F.linear(s, (m.w * m.mask).t(), m.b),
    "linear, positive": lambda m, s: F.linear(s, m.fc.weight.abs(), None),
    "linear of a list": lambda m, s: F.linear(s, *m.shared),
    "matmul": lambda m, s: torch.matmul(s, m.w) + m.b,
    "@": lambda m, s: s @ m.w,
    "@ of a transposed": lambda m, s: torch.add(s @ m.fc.weight.T, m.fc.bias),
    "@ of a scaled": lambda m, s: s @ (m.w * 0.5 + 0.1),
    "mm": lambda m, s: torch.mm(s.flatten(1)[:, :8], m.w),
    "conv2d": lambda m, s: F.conv2d(s, m.conv.weight, m.conv.bias, stride=2),
    "conv2d, padded": lambda m, s: F.conv2d(s, m.conv.weight, None, (1, 2), padding=(2, 0), dilation=2),
    "conv2d, same": lambda m, s: F.conv2d(s, m.conv.weight, padding="same"),
    "conv1d": lambda m, s: F.conv1d(s.flatten(2), m.conv.weight[:, :, 0], m.conv.bias, stride=3),
    "conv2d, groups": lambda m, s: F.conv2d(s, m.conv.weight[:, :1], groups=2),
    "conv_transpose2d": lambda m, s: F.conv_transpose2d(s, m.back, stride=2),
    "avg_pool2d": lambda m, s: F.avg_pool2d(s, 2) * 1.5,
    "avg_pool2d, all": lambda m, s: F.avg_pool2d(s, 3, 2, 1, True, False),
    "avg_pool1d": lambda m, s: F.avg_pool1d(s.flatten(2), 4, stride=2) * 2,
    "adaptive_avg_pool2d": lambda m, s: F.adaptive_avg_pool2d(s, (4, 2)) * 1.5,
    "lp_pool2d": lambda m, s: F.lp_pool2d(s, 1, 2) * 0.3,
    "max_pool2d": lambda m, s: m.conv(F.max_pool2d(s, 2, stride=1)),
    "max_pool1d": lambda m, s: F.linear(F.max_pool1d(s.flatten(2), 8), m.fc.weight),
    "dropout": lambda m, s: F.dropout(m.fc(s), 0.3, training=m.training),
    "dropout2d": lambda m, s: m.conv(F.dropout2d(s, training=False)),
    "batch_norm": lambda m, s: F.batch_norm(s, m.norm.running_mean, m.norm.running_var, m.norm.weight, m.norm.bias),
    "flatten": lambda m, s: torch.flatten(m.conv(s), start_dim=1),
    "modules by name": lambda m, s: m.many["a"](s) - 0.5 * m.many["b"](s),
    "constants": lambda m, s: torch.mul(m.fc(s), torch.sigmoid(m.shared[1][:1])) + m.b[None, :5].clamp(0, 0.1),
    "relu of spikes": lambda m, s: m.fc(F.relu(s * m.mask[0, 0] + s.relu())),
    "functional in a branch": lambda m, s: m.fc(s) + F.linear(s, m.fc.weight.flip(0)),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("form", FORMS)
def test_functional_forms(form, seed):
    agree(Written(seed, FORMS[form]), spikes(np.random.default_rng(seed), (8, 3, 1, 8, 8)), "snntorch")


def test_the_names_are_those_of_the_parameters():
    body = FORMS["functional in a branch"]
    network = sd.capture(Written(0, lambda m, s: body(m, s) + s @ m.w[:, :5]), np.ones((3, 2, 1, 8, 8)))
    assert sorted(p.name for p in network.projections) == ["entry", "fc", "linear", "w"]


def test_over_all_steps():
    class Whole(Written):
        def forward(self, x):
            cur = F.linear(x, self.fc.weight, self.fc.bias) @ self.shared[0][:, :5].T
            return torch.stack([self.lif1(frame) for frame in cur])

    agree(Whole(0, None), spikes(np.random.default_rng(0), (8, 3, 8)), "snntorch")


def test_initialised_lazy_layers():
    module = nn.Sequential(nn.LazyConv2d(3, 3), lif(), nn.Flatten(), nn.LazyLinear(4), lif())
    x = spikes(np.random.default_rng(0), (8, 2, 1, 6, 6))
    with pytest.raises(SnnDeployError, match=r"SD301 module '0': LazyConv2d .*call the module once"):
        sd.capture(module.eval(), x)
    module(torch.zeros(1, 1, 6, 6))
    fresh(module)
    nn.init.uniform_(module[0].weight)
    agree(module, x, "snntorch", silent=True)


REFUSED = {
    r"linear\(\) with a tensor of \(5, 8\) that is no parameter.*nn.Linear": lambda m, s: F.linear(s, torch.rand(5, 8)),
    r"linear\(\) with a tensor": lambda m, s: F.linear(s, m.fc.weight * torch.rand(1)),
    r"matmul\(\) with": lambda m, s: m.w.t() @ s,
    r"avg_pool2d\(\).*SD308|SD308.*without the batch axis": lambda m, s: F.avg_pool2d(s[:, 0], 2),
    r"layer_norm\(\).*BatchNorm": lambda m, s: F.layer_norm(s, (8,)),
    r"softmax\(\).*loss": lambda m, s: F.log_softmax(m.fc(s), -1),
    r"dropout\(\).*training=self.training": lambda m, s: F.dropout(s),
    r"relu\(\) has no meaning": lambda m, s: F.relu(m.fc(s)),
    r"maximum of values": lambda m, s: F.max_pool2d(m.fc(s), 2),
    r"SD302.*\(2, 8, 6\), not of \(in, out\)": lambda m, s: s @ m.w.repeat(2, 1, 1),
}


@pytest.mark.parametrize("text", REFUSED)
def test_functional_forms_that_are_refused(text):
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(Written(0, REFUSED[text]), np.ones((3, 3, 1, 8, 8)))
    assert all(finding.fix for finding in caught.value.findings if finding.code == "SD302")
