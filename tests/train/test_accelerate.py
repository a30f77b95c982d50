"""Training with all steps at once: gradients are those of the libraries' own loops."""

import pytest
import snntorch as snn
import torch
from accelerated_modules import SIZE, agree, layers, leaky
from norse import torch as norse
from norse.torch.functional.reset import reset_subtract
from torch import nn


@pytest.mark.parametrize(
    ("form", "mechanism", "delay"),
    [
        *(("Leaky", mechanism, delay) for mechanism in ("subtract", "zero") for delay in (True, False)),
        ("Leaky", "none", True),
        ("RLeaky", "zero", True),
        ("RLeaky", "subtract", False),
    ],
)
def test_resets_of_snntorch(form, mechanism, delay):
    how = {"reset_mechanism": mechanism, "reset_delay": delay, "threshold": 0.7, "init_hidden": True}

    def neuron(size):
        if form == "Leaky":
            return snn.Leaky(beta=torch.linspace(0.5, 0.95, size), **how)
        return snn.RLeaky(beta=torch.linspace(0.5, 0.95, size), linear_features=size, **how)

    torch.manual_seed(1)
    _, slow = agree(nn.Sequential(*layers(neuron(SIZE), neuron(4))))
    assert form == "Leaky" or "1.recurrent.weight" in slow


@pytest.mark.parametrize(
    ("form", "mechanism", "delay"),
    [
        ("RSynaptic", "subtract", True),
        ("Lapicque", "zero", True),
        ("Synaptic", "zero", False),
        ("Leaky", "subtract", False),
        ("RLeaky", "zero", True),
    ],
)
def test_numbers_that_learn(form, mechanism, delay):
    how = {"reset_mechanism": mechanism, "threshold": 0.7, "init_hidden": True, "learn_threshold": True}
    how |= {} if form == "Lapicque" else {"learn_beta": True, "beta": torch.linspace(0.5, 0.95, SIZE)}
    how |= {} if form == "Lapicque" else {"reset_delay": delay}
    how |= {"alpha": torch.tensor([0.6]), "learn_alpha": True} if "Synaptic" in form else {}
    one_to_one = {"all_to_all": False, "V": torch.linspace(-0.5, 0.5, SIZE)}
    made = {
        "Lapicque": lambda: snn.Lapicque(R=2, C=3.0, time_step=0.8, **how),
        "Leaky": lambda: snn.Leaky(**how),
        "RLeaky": lambda: snn.RLeaky(**how, **one_to_one),
        "Synaptic": lambda: snn.Synaptic(**how),
        "RSynaptic": lambda: snn.RSynaptic(**how, linear_features=SIZE),
    }
    torch.manual_seed(1)
    _, slow = agree(nn.Sequential(*layers(made[form](), leaky(learn_beta=True))))
    wanted = {"Lapicque": {"threshold"}, "Leaky": {"threshold", "beta"}, "RLeaky": {"threshold", "beta"}}
    wanted |= {"RSynaptic": {"threshold", "alpha", "beta", "recurrent.weight", "recurrent.bias"}}
    wanted |= {"Synaptic": {"threshold", "alpha", "beta"}}
    assert {f"1.{name}" for name in wanted[form]} <= slow.keys()
    assert "3.beta" in slow


@pytest.mark.parametrize("method", ["super", "tanh", "triangle", "circ", "heavi_erfc", "heaviside"])
@pytest.mark.parametrize("form", ["LIFCell", "LIFBoxCell", "LIFBoxCell, subtracted"])
def test_gradients_of_norse(form, method):
    own = {"tau_mem_inv": torch.tensor(300.0), "v_th": torch.tensor(0.3), "method": method, "alpha": 2.0}
    own |= {"v_leak": torch.tensor(0.02), "v_reset": torch.tensor(-0.1)}

    def neuron():
        if form == "LIFCell":
            return norse.LIFCell(norse.LIFParameters(tau_syn_inv=torch.tensor(250.0), **own))
        reset = {"reset_method": reset_subtract} if form.endswith("subtracted") else {}
        return norse.LIFBoxCell(norse.LIFBoxParameters(**own, **reset))

    first, one, last, two = layers(neuron(), neuron())
    two.p = two.p._replace(method="super") if method == "heaviside" else two.p
    _, slow = agree(norse.SequentialState(first, one, last, two))
    assert ("0.weight" in slow) == (method != "heaviside")


@pytest.mark.parametrize("autapses", [True, False])
@pytest.mark.parametrize("form", ["cells", "over time"])
def test_gradients_of_the_recurrent_neurons_of_norse(form, autapses):
    torch.manual_seed(3)
    p = norse.LIFParameters(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.3), alpha=3.0)
    kind, last = (norse.LIFRecurrentCell, norse.LIFCell) if form == "cells" else (norse.LIFRecurrent, norse.LIF)
    recurrent = kind(8, SIZE, p=p, autapses=autapses)
    layer = nn.Linear(SIZE, 4)
    with torch.no_grad():
        layer.weight.abs_()
    module = norse.SequentialState(recurrent, layer, last(p))
    time = {} if form == "cells" else {"time": "inside"}
    _, slow = agree(module, **time)
    assert bool((slow["0.recurrent_weights"].diagonal() != 0).any()) == autapses


class Explicit(nn.Module):
    """States as arguments, and a layer that looks at channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.lif1 = nn.Conv1d(1, 3, 3, padding=1), snn.Leaky(beta=0.7)
        self.pool, self.fc = nn.AvgPool1d(2), nn.Linear(12, 4)
        self.lif2 = snn.Leaky(beta=torch.tensor([0.5, 0.6, 0.7, 0.8]), threshold=0.3)
        with torch.no_grad():
            self.conv.weight.abs_().mul_(2)
            self.fc.weight.abs_().mul_(2)

    def forward(self, x, mem1, mem2):
        spikes, mem1 = self.lif1(self.conv(x.unsqueeze(1)), mem1)
        out, mem2 = self.lif2(self.fc(self.pool(spikes).flatten(1)), mem2)
        return out, mem1, mem2


class LoopInside(nn.Module):
    """The usual loop of the tutorials."""

    def __init__(self, batch_first=False):
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = layers(snn.Leaky(beta=0.7), snn.Leaky(beta=0.9))
        self.batch_first = batch_first

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        rows, mems = [], []
        x = x.transpose(0, 1) if self.batch_first else x
        for t in range(x.shape[0]):
            spikes, mem1 = self.lif1(self.fc1(x[t]), mem1)
            out, mem2 = self.lif2(self.fc2(spikes), mem2)
            rows.append(out)
            mems.append(mem2)
        return torch.stack(rows), torch.stack(mems)


def test_states_that_are_arguments():
    torch.manual_seed(4)
    agree(Explicit())


def test_a_loop_inside_of_forward():
    agree(LoopInside(), time="inside")
