"""Norse modules against the network that capture makes of them."""

import warnings

import numpy as np
import pytest
import torch
from captures import agree, spikes
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract

from snndeploy.frontends import capture


def number(rng, low, high):
    return torch.tensor(rng.uniform(low, high), dtype=torch.float32)


def cell(rng, kind, dt=1e-3, size=None):
    leak, low, th = number(rng, -0.2, 0.2), number(rng, -0.4, 0.2), number(rng, 0.3, 0.7)
    mem, syn = number(rng, 50, 900), number(rng, 50, 900)
    match kind:
        case "LIFBoxCell":
            return norse.LIFBoxCell(norse.LIFBoxParameters(mem, leak, th, low), dt=dt)
        case "subtract":
            return norse.LIFBoxCell(norse.LIFBoxParameters(mem, leak, th, low, reset_method=reset_subtract), dt=dt)
        case "LIFCell":
            return norse.LIFCell(norse.LIFParameters(syn, mem, leak, th, low), dt=dt)
        case "IAFCell":
            return norse.IAFCell(norse.IAFParameters(th, low), dt=dt)
        case "LICell":
            return norse.LICell(norse.LIParameters(syn, mem, leak), dt=dt)
        case "LIBoxCell":
            return norse.LIBoxCell(norse.LIBoxParameters(mem, leak), dt=dt)
        case "recurrent" | "autapses":
            p = norse.LIFParameters(syn, mem, leak, th, low)
            return norse.LIFRecurrentCell(*size, p=p, dt=dt, autapses=kind == "autapses")
    raise ValueError(kind)


def gained(layer, factor):
    with torch.no_grad():
        layer.weight.mul_(factor)
    return layer


KINDS = ["LIFBoxCell", "subtract", "LIFCell", "IAFCell"]


@pytest.mark.parametrize("readout", ["LICell", "LIBoxCell", None])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_every_cell(seed, kind, readout):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    gain = 1.5 if kind == "IAFCell" else 6
    layers = [gained(nn.Linear(6, 12), gain), cell(rng, kind), gained(nn.Linear(12, 4), gain), cell(rng, kind)]
    if readout:
        layers += [nn.Linear(4, 3), cell(rng, readout)]
    network = agree(
        norse.SequentialState(*layers).eval(), spikes(rng, (50, 3, 6)), "norse", record=("spikes", "u", "v")
    )
    assert network.population["1"].rule.spiking
    assert network.population[network.outputs[0]].rule.spiking == (readout is None)


@pytest.mark.parametrize("kind", ["recurrent", "autapses"])
@pytest.mark.parametrize("seed", range(3))
def test_recurrent_cells(seed, kind):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    module = norse.SequentialState(
        cell(rng, kind, size=(6, 10)), gained(nn.Linear(10, 4), 5), cell(rng, "LIFCell")
    ).eval()
    with torch.no_grad():
        module[0].input_weights.mul_(3)
    network = agree(module, spikes(rng, (50, 3, 6)), "norse", record=("spikes", "u", "v"))
    assert [(p.source, p.target, p.delay) for p in network.projections if p.delay] == [("0", "0", 1)]
    weight = next(p for p in network.projections if p.delay).maps[0].weight
    assert np.any(np.diag(weight)) == (kind == "autapses")


@pytest.mark.parametrize("seed", range(4))
def test_convolutional_networks(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    module = norse.SequentialState(
        gained(nn.Conv2d(2, 4, 3, padding="same", padding_mode="zeros"), 8),
        cell(rng, KINDS[seed % 3]),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Flatten(),
        gained(nn.Linear(4 * 4 * 3, 5), 12),
        cell(rng, KINDS[seed % 3]),
        nn.Linear(5, 3),
        cell(rng, "LICell"),
    ).eval()
    agree(module, spikes(rng, (30, 2, 2, 7, 6)), "norse", record=("spikes", "u", "v"))


class States(nn.Module):
    """As in Norse's documentation: one list of states, split by hand."""

    def __init__(self, rng):
        super().__init__()
        self.fc1, self.lif1 = gained(nn.Linear(6, 10), 8), cell(rng, "LIFCell")
        self.fc2, self.out = nn.Linear(10, 3), cell(rng, "LICell")

    def forward(self, x, state=None):
        one, two = (None, None) if state is None else state
        z, one = self.lif1(self.fc1(x), one)
        v, two = self.out(self.fc2(z), two)
        return v, [one, two]


class TwoStates(States):
    def forward(self, x, one, two):
        z, one = self.lif1(self.fc1(x), one)
        v, two = self.out(self.fc2(z), two)
        return v, one, two


class Nested(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.net = norse.SequentialState(gained(nn.Linear(6, 10), 8), cell(rng, "LIFBoxCell"))
        self.fc, self.skip, self.out = nn.Linear(10, 3), nn.Linear(6, 3, bias=False), cell(rng, "LIBoxCell")

    def forward(self, x, state=None):
        state = state or {"net": None, "out": None}
        z, first = self.net(x, state["net"])
        v, second = self.out(self.fc(z) + self.skip(x), state["out"])
        return v, {"net": first, "out": second}


@pytest.mark.parametrize("style", [States, TwoStates, Nested])
def test_styles_of_state(style):
    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    network = agree(style(rng).eval(), spikes(rng, (40, 3, 6)), "norse", record=("spikes", "u", "v"))
    assert network.outputs == ("out",)
    assert {p.name for p in network.populations} == {"out", "net.1" if style is Nested else "lif1"}


def test_the_exact_numbers():
    """k is the float32 product; the rest is float64."""
    dt, tau = 0.0007, torch.tensor(133.7)
    p = norse.LIFBoxParameters(tau, torch.tensor(0.1), torch.tensor(0.5), torch.tensor(-0.2))
    module = norse.SequentialState(nn.Linear(3, 2), norse.LIFBoxCell(p, dt=dt)).eval()
    rule = capture(module, np.ones((3, 1, 3)), dt).population["1"].rule
    k = np.float64(np.float32(dt) * np.float32(133.7))
    assert rule.beta == 1.0 - k
    assert rule.receptors[0].gain == k
    assert rule.bias == k * np.float64(np.float32(0.1))
    assert rule.initial == np.float64(np.float32(0.1))
    assert rule.reset.value == np.float64(np.float32(-0.2))


def test_parameters_shared_by_all_cells_are_left_alone():
    """IAFCell marks its v_reset as needing gradients whenever it makes a state."""
    module = norse.SequentialState(nn.Linear(6, 4), norse.IAFCell()).eval()
    p = module[1].p
    before = p.v_reset.requires_grad
    agree(module, spikes(np.random.default_rng(0), (5, 1, 6)), "norse")
    assert p.v_reset.requires_grad == before
