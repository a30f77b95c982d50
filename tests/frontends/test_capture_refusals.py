"""What capture refuses: each with its code, the module's path and a fix; the module is left as it was."""

import copy
import re
import warnings

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import snapshot, unchanged
from torch import nn
from torch.nn import functional as F

from snndeploy.errors import SnnDeployError
from snndeploy.frontends import capture


def lif(**settings):
    return snn.Leaky(**({"beta": 0.9, "init_hidden": True} | settings))


def refused(module, *expected, sample=None, dt=1e-3):
    """`expected`: (code, where, what or fix) of every finding, as regular expressions, in any order."""
    before = snapshot(module)
    with pytest.raises(SnnDeployError) as caught:
        capture(module, np.ones((3, 2, 4)) if sample is None else sample, dt)
    unchanged(module, before)
    findings = caught.value.findings
    assert caught.value.exit_code == 2
    assert len(findings) == len(expected), [str(f) for f in findings]
    for code, where, text in expected:
        hits = [f for f in findings if f.code == code and re.search(where, f.where)]
        assert any(re.search(text, f"{f.what} {f.fix}") for f in hits), [str(f) for f in findings]
    assert all(f.fix for f in findings), [str(f) for f in findings if not f.fix]


class Body(nn.Module):
    """fc1 -> lif1 -> the function under test -> fc2 -> lif2."""

    def __init__(self, middle):
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = nn.Linear(4, 6), lif(), nn.Linear(6, 3), lif()
        self.gain = nn.Parameter(torch.ones(6))
        self.middle = middle
        self.eval()

    def forward(self, x):
        return self.lif2(self.fc2(self.middle(self, self.lif1(self.fc1(x)))))


@pytest.mark.parametrize(
    ("middle", "code", "text"),
    [
        (lambda m, s: s + torch.full((6,), 0.5), "SD303", r"a tensor of \(6,\).* is added.*register_buffer"),
        (lambda m, s: s - torch.rand(6), "SD303", r"a tensor of \(6,\).* is added"),
        (lambda m, s: s * torch.full((6,), 0.5), "SD302", r"mul\(\) by a tensor of \(6,\).*register_buffer.*weights"),
        (lambda m, s: s * s, "SD302", r"mul\(\) of two values"),
        (lambda m, s: s * (1 - s), "SD302", r"mul\(\) of two values"),
        (lambda m, s: s / (s + 1), "SD302", r"div\(\) of two values"),
        (lambda m, s: 1 / s, "SD302", r"div"),
        (lambda m, s: s / 0, "SD302", r"div"),
        (lambda m, s: s + torch.full((2, 6), 0.5), "SD303", r"\(2, 6\)"),
        (lambda m, s: F.relu(-s), "SD302", r"relu\(\).*spiking neuron"),
        (lambda m, s: torch.relu(s - 0.5), "SD302", r"relu\(\)"),
        (lambda m, s: s[[1, 0]], "SD302", r"getitem\(\).*keep every sample apart.*first axis"),
        (lambda m, s: torch.cat([s, s], 0)[:2], "SD302", r"cat\(\) along axis 0 joins steps or samples"),
        (lambda m, s: torch.cat([s[:, :0], torch.ones(2, 6)], 1), "SD302", r"getitem\(\)"),
        (lambda m, s: F.linear(s, torch.eye(6)), "SD302", r"linear\(\).*nn.Linear"),
        (lambda m, s: s @ torch.eye(6), "SD302", r"matmul\(\).*nn.Linear"),
        (lambda m, s: F.dropout(s), "SD302", r"dropout\(\).*nn.Dropout"),
        (lambda m, s: s.view(2, 6).t().reshape(2, 6), "SD302", r"t\(\)"),
        (lambda m, s: s.add_(s), "SD302", r"a = a \+ b"),
        (lambda m, s: torch.where(m.lif1.mem.sum() > 0, s, s), "SD302", r"where\(\)"),
        (lambda m, s: torch.sigmoid(s), "SD302", r"sigmoid\(\).*as in the loss"),
    ],
)
def test_functional_operations(middle, code, text):
    refused(Body(middle), (code, r"module Body, test_capture_refusals.py line \d+", text))


def test_what_depends_on_the_data():
    def middle(m, s):
        del m
        return s if s.sum() > 0 else s + s

    refused(Body(middle), ("SD302", "line", r"sum\(\)"), ("SD307", "line", r"bool\(\) reads"))
    refused(
        Body(lambda m, s: s if s[0, 0].item() else m.fc1(s[:, :4])),
        ("SD302", "", "getitem"),
        ("SD307", "", r"item\(\) reads"),
    )


def test_every_problem_at_once():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.act, self.lif1 = nn.Linear(4, 6), nn.ReLU(), lif(inhibition=False, threshold=-0.1)
            self.lif1.reset_mechanism = "zero"
            self.fc2, self.out = nn.Linear(6, 3), snn.SLSTM(3, 3, init_hidden=True)

        def forward(self, x):
            return self.out(self.fc2(self.lif1(self.act(self.fc1(x))) ** 2))

    refused(
        Many().eval(),
        ("SD301", "module 'act'", "torch's ReLU is not supported .*leave it out"),
        ("SD308", "module 'lif1'", "built with reset_mechanism 'subtract' and changed to 'zero'"),
        ("SD302", r"module Many, .*line \d+", "pow"),
        ("SD301", "module 'out'", "SLSTM is not supported: its gates .*use RSynaptic"),
    )


class OwnLinear(nn.Linear):
    pass


class OwnLeaky(snn.Leaky):
    pass


@pytest.mark.parametrize(
    ("layers", "where", "text"),
    [
        ([OwnLinear(4, 6), lif()], "module '0'", "OwnLinear is a subclass of Linear"),
        ([nn.Linear(4, 6), OwnLeaky(0.9, init_hidden=True)], "module '1'", "OwnLeaky is a subclass of Leaky"),
        ([nn.Linear(4, 6), nn.LayerNorm(6), lif()], "module '1'", "torch's LayerNorm"),
        ([nn.Linear(4, 6), nn.Sequential(nn.Tanh()), lif()], "module '1.0'", "torch's Tanh"),
        (
            [nn.Linear(4, 6), snn.DeltaLeaky(beta=0.9, init_hidden=True)],
            "module '1'",
            "DeltaLeaky is not supported: .*Leaky",
        ),
        (
            [torch.nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), lif()],
            "module '0'",
            "remove_parametrizations",
        ),
    ],
)
def test_unknown_modules(layers, where, text):
    refused(nn.Sequential(*layers).eval(), ("SD301", where, text))


def test_compiled_modules_and_other_types():
    module = nn.Sequential(nn.Linear(4, 6), lif()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(nn.Linear(4, 6), torch.ones(1, 4))
    with pytest.raises(SnnDeployError, match="SD301 module '0': it is compiled TorchScript"):
        capture(nn.Sequential(traced, lif()).eval(), np.ones((3, 2, 4)), 1e-3)
    refused(module.double(), ("SD308", "module '0'", r"torch.float64, .*copy.deepcopy\(module\).float"))


def test_max_pooling_names_the_linear_one():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2), lif()).eval()
    refused(module, ("SD302", "module '1'", "MaxPool2d.*behind the neuron.*average"), sample=np.ones((2, 1, 1, 6, 6)))


def with_grad(neuron, grad):
    neuron.spike_grad = grad
    return neuron


@pytest.mark.parametrize(
    ("neuron", "text"),
    [
        (lambda: lif(state_quant=lambda m: m), "state_quant.*quantize"),
        (lambda: lif(threshold=-0.5, reset_mechanism="zero"), "threshold -0.5 < 0"),
        (lambda: lif(graded_spikes_factor=0.0), "spikes vanish"),
        (lambda: lif(beta=torch.rand(5)), r"beta of shape \(5,\) does not broadcast to \(6,\)"),
        (lambda: lif(threshold=torch.rand(2, 6)), r"threshold of shape \(2, 6\)"),
        (lambda: lif(beta=float("nan")), "NaN"),
        (lambda: with_grad(lif(), lambda x: (x >= 0).float()), "spike_grad gives"),
        (lambda: with_grad(lif(), torch.sigmoid), "spike_grad gives"),
        (lambda: snn.RSynaptic(0.9, 0.8, linear_features=6, init_hidden=True, reset_delay=False), "reset_delay=True"),
        (lambda: setattr_(lif(), "state_function", lambda x: x), "state_function was replaced"),
    ],
)
def test_neuron_settings(neuron, text):
    refused(nn.Sequential(nn.Linear(4, 6), neuron()).eval(), ("SD308", "module '1'", text))


def setattr_(neuron, name, value):
    setattr(neuron, name, value)
    return neuron


def test_inhibition():
    with pytest.warns(UserWarning, match="Inhibition"):
        neuron = lif(inhibition=True)
    refused(nn.Sequential(nn.Linear(4, 6), neuron).eval(), ("SD308", "module '1'", "only one neuron spike"))


def test_layer_settings():
    x = np.ones((2, 1, 1, 6, 6))
    tail = [nn.Flatten(), nn.Linear(36 * 2, 2), lif()]
    circular = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")
    refused(nn.Sequential(circular, *tail).eval(), ("SD308", "module '0'", "'circular'.*zeros"), sample=x)
    norm = nn.BatchNorm2d(1, track_running_stats=False)
    plain = nn.Conv2d(1, 2, 3, padding=1)
    refused(nn.Sequential(norm, plain, *tail).eval(), ("SD308", "module '0'", "running statistics"), sample=x)
    flat = nn.Sequential(nn.Linear(4, 6), nn.Flatten(0), lif()).eval()
    refused(flat, ("SD308", "module '1'", "batch axis.*Flatten\\(1\\)"))


def test_training_mode_and_hooks():
    module = nn.Sequential(nn.Linear(4, 6), nn.Dropout(), nn.BatchNorm1d(6), lif())
    refused(module, ("SD306", "module '1'", "Dropout.*eval"), ("SD306", "module '2'", "BatchNorm1d.*eval"))
    module.eval()
    handle = module[0].register_forward_hook(lambda m, a, out: out * 2)
    refused(module, ("SD314", "module '0'", "remove"))
    handle.remove()
    capture(module, np.ones((3, 2, 4)), 1e-3)


def test_a_neuron_used_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.back, self.lif = nn.Linear(4, 6), nn.Linear(6, 6), lif()

        def forward(self, x):
            return self.lif(self.back(self.lif(self.fc(x))))

    refused(Twice().eval(), ("SD304", "module 'lif'", "more than once.*neuron of its own"))


class Explicit(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 6), nn.Linear(6, 6)
        self.lif1, self.lif2 = lif(init_hidden=False), lif(init_hidden=False)
        self.eval()


def test_states_that_go_astray():
    class Swapped(Explicit):
        def forward(self, x, a=None, b=None):
            spk1, a = self.lif1(self.fc1(x), a)
            spk2, b = self.lif2(self.fc2(spk1), b)
            return spk2, b, a

    refused(
        Swapped(),
        ("SD305", "module 'lif1'", "as its 'mem' it gets 'mem' of 'lif2'"),
        ("SD305", "module 'lif2'", "as its 'mem' it gets 'mem' of 'lif1'"),
    )

    class Lost(Explicit):
        def forward(self, x, a, b):
            spk1, a = self.lif1(self.fc1(x), a)
            spk2, _ = self.lif2(self.fc2(spk1), b)
            return spk2, a

    refused(Lost(), ("SD305", "module Lost", "takes 'b', 'mem' of 'lif2', and does not return it"))

    class Anew(Explicit):
        def forward(self, x):
            spk1, _ = self.lif1(self.fc1(x), torch.zeros(x.shape[0], 6))
            return self.lif2(self.fc2(spk1))[0]

    refused(Anew(), ("SD305", "module 'lif1'", "set anew at every step"))

    class Membrane(Explicit):
        def forward(self, x):
            _, mem = self.lif1(self.fc1(x))
            return self.lif2(self.fc2(mem))[0]

    refused(Membrane(), ("SD302", "module 'fc2'", "gets 'mem', a state of 'lif1'"))

    class Edited(Explicit):
        def forward(self, x, mem=None):
            spk, mem = self.lif1(self.fc1(x), mem)
            return spk, mem.clamp(max=2)

    refused(Edited(), ("SD302", "module Edited, .*line", "clamp uses 'mem', a state of 'lif1'"))

    class Tuple(Explicit):
        def forward(self, x):
            return self.lif2(self.fc2(self.lif1(self.fc1(x))))[0]

    refused(Tuple(), ("SD312", "", "gets a tuple.*init_hidden=True"))


def test_steps_that_differ():
    class Later(Explicit):
        """Its recurrent bias is missing at the first step."""

        def forward(self, x, *, last=None):
            current = self.fc1(x)
            if last is not None:
                current = current + self.fc2(last)
            spk, _ = self.lif1(current)
            return spk, spk

    refused(Later(), ("SD310", "module 'lif1'", "step 0 differs.*zeros"))

    class Long(Explicit):
        """A delay of three steps is longer than the trace."""

        def forward(self, x, *, a=None, b=None, c=None):
            if a is None:
                a = b = c = torch.zeros(x.shape[0], 6)
            spk, _ = self.lif1(self.fc1(x) + self.fc2(c))
            return spk, spk, a, b

    with pytest.raises(SnnDeployError, match="SD303 module 'fc2'"):
        capture(Long(), np.ones((3, 2, 4)), 1e-3)


def test_modules_that_fail_or_hold_nothing():
    refused(nn.Sequential(nn.Linear(5, 6), lif()).eval(), ("SD312", "module Sequential", "RuntimeError: mat1.*sample"))
    refused(nn.Sequential(nn.Linear(4, 6)).eval(), ("SD313", "module Sequential", "no snnTorch or Norse neuron"))

    class Broken(Body):
        def forward(self, x):
            del x
            raise ZeroDivisionError("on purpose")

    refused(
        Broken(None), ("SD312", r"module Broken, test_capture_refusals.py line \d+", "ZeroDivisionError: on purpose")
    )

    class Silent(Body):
        def forward(self, x):
            self.lif1(self.fc1(x))

    refused(Silent(None), ("SD313", "module Silent", "return the spikes"))


@pytest.mark.parametrize(
    ("sample", "dt", "code"),
    [
        (np.ones((3, 4)), 1e-3, "SD103"),
        (np.ones((0, 2, 4)), 1e-3, "SD103"),
        (np.full((3, 2, 4), np.nan), 1e-3, "SD104"),
        (np.array([["a"]]), 1e-3, "SD111"),
        (np.ones((3, 2, 4)), 0.0, "SD105"),
        (np.ones((3, 2, 4)), float("nan"), "SD105"),
    ],
)
def test_bad_samples(sample, dt, code):
    with pytest.raises(SnnDeployError, match=code):
        capture(nn.Sequential(nn.Linear(4, 6), lif()).eval(), sample, dt)


def test_input_kind_must_hold_the_sample():
    with pytest.raises(SnnDeployError, match="SD111"):
        capture(nn.Sequential(nn.Linear(4, 6), lif()).eval(), np.full((3, 2, 4), 0.5), 1e-3, input_kind="binary")


def test_a_replaced_forward_and_a_deep_copy():
    module = nn.Sequential(nn.Linear(4, 6), lif()).eval()
    capture(copy.deepcopy(module), np.ones((3, 2, 4)), 1e-3)
    module[0].forward = lambda x: x
    refused(module, ("SD308", "module '0'", "forward was replaced"))
