"""snnTorch modules against the network that capture makes of them: every setting, every way to write a forward."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import agree, spikes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import snndeploy as sd
from snndeploy.engines import run
from snndeploy.frontends import capture
from snndeploy.frontends.snntorch.probe import EXPECTED, INPUTS, answers, behaves
from snndeploy.network.rule import Reset

RESETS = [(mechanism, delay) for mechanism in ("subtract", "zero", "none") for delay in (True, False)]
# snntorch 1.0 does not compute RSynaptic without delay
EVERY = [(k, r) for k in ("Leaky", "Synaptic", "RLeaky", "RSynaptic") for r in RESETS if k != "RSynaptic" or r[1]]


def drawn(rng, low, high, shape):
    """One number or one per neuron."""
    if rng.random() < 0.5:
        return float(rng.uniform(low, high))
    return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))


def neuron(rng, kind, reset, shape, **more):
    options = {
        "beta": drawn(rng, 0.3, 0.99, shape),
        "threshold": drawn(rng, 0.3, 1.2, shape),
        "reset_mechanism": reset[0],
        "reset_delay": reset[1],
        "init_hidden": True,
    } | more
    if kind in ("Synaptic", "RSynaptic"):
        options["alpha"] = drawn(rng, 0.2, 0.9, shape)
    if kind.startswith("R") and "V" not in options and "conv2d_channels" not in options:
        options["linear_features"] = shape[-1]
    return getattr(snn, kind)(**options)


@pytest.mark.parametrize(("kind", "reset"), EVERY)
@pytest.mark.parametrize("seed", range(5))
def test_every_reset_of_every_neuron(seed, kind, reset):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Linear(6, 12), neuron(rng, kind, reset, (12,)), nn.Linear(12, 4), neuron(rng, kind, reset, (4,))
    ).eval()
    with torch.no_grad():
        module[0].weight.mul_(3)
        module[2].weight.mul_(3)
    agree(module, spikes(rng, (50, 3, 6)), "snntorch", record=("spikes", "u", "v"))


@pytest.mark.parametrize(("kind", "setting"), EVERY)
def test_the_probe_expects_what_the_network_form_computes(kind, setting):
    """The constants of the probe follow from the rule alone; snnTorch is not asked."""
    mechanism, delay = setting
    from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Rule

    if mechanism == "none":
        reset = Reset("none")
    elif mechanism == "subtract":
        reset = Reset("by", 1.0, "next" if delay else "residual")
    else:
        reset = Reset("to", 0.0, "next" if delay and kind != "Leaky" else "now")
    rule = Rule(0.5, 1.0, (Receptor(alpha=0.5 if "Synaptic" in kind else 0.0),), reset=reset)
    loops = [Projection("n", "n", (Dense(np.array([[0.5]])),), delay=1)] if kind.startswith("R") else []
    network = Network(
        1e-3,
        (Input("x", (1,), "real"),),
        (Population("n", (1,), rule),),
        (Projection("x", "n", ()), *loops),
        ("n",),
    )
    trace = run(network, np.array(INPUTS).reshape(-1, 1, 1), record=("spikes", "v"))
    text, membrane = EXPECTED[kind, mechanism, delay]
    assert "".join(str(int(s)) for s in trace.spikes["n"].ravel()) == text
    if (kind, mechanism, delay) != ("Leaky", "zero", True):  # stored before its reset
        assert trace.v["n"].ravel()[-1] == membrane


def test_the_probe_leaves_no_neuron_behind_and_notices_a_change(monkeypatch):
    before = list(snn.SpikingNeuron.instances)
    state = torch.random.get_rng_state()
    assert answers(snn.RLeaky, "subtract", True) == EXPECTED["RLeaky", "subtract", True]
    assert snn.SpikingNeuron.instances == before
    assert torch.equal(state, torch.random.get_rng_state())
    behaves.cache_clear()
    monkeypatch.setattr(snn.Leaky, "_base_sub", lambda self, x: self._base_state_function(x) - self.reset * 0.5)
    assert "reset_mechanism 'subtract'" in behaves(snn.Leaky, "subtract", True)
    behaves.cache_clear()


class Explicit(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = nn.Linear(6, 10), first, nn.Linear(10, 3), second

    def forward(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


class Scrambled(Explicit):
    """As in snnTorch's own documentation: states in any order, before the output."""

    def forward(self, x, syn1, mem1, syn2, mem2):
        spk1, syn1, mem1 = self.lif1(self.fc1(x), syn1, mem1)
        spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
        return mem2, syn2, spk2, mem1, syn1


class Optional(Explicit):
    def forward(self, x, mem1=None, mem2=None):
        if mem1 is None:
            mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


class Hidden(Explicit):
    def forward(self, x):
        spk1, _ = self.lif1(self.fc1(x))
        return self.lif2(self.fc2(spk1))


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("style", [Explicit, Scrambled, Optional, Hidden])
def test_states_may_be_arguments(style, reset):
    rng = np.random.default_rng(3)
    torch.manual_seed(3)
    kind = "Synaptic" if style is Scrambled else "Leaky"
    one, two = (neuron(rng, kind, reset, (n,), init_hidden=False) for n in (10, 3))
    module = style(one, two).eval()
    with torch.no_grad():
        module.fc1.weight.mul_(4)
    network = agree(module, spikes(rng, (40, 2, 6)), "snntorch", record=("spikes", "u", "v"))
    assert network.outputs == ("lif2",)
    assert [p.name for p in network.populations] == ["lif1", "lif2"]
    assert network.source.paths == {"lif1": "lif1", "lif2": "lif2"}


class RecurrentExplicit(nn.Module):
    def __init__(self, lif):
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 5), lif

    def forward(self, x, spk, mem):
        return self.lif(self.fc(x), spk, mem)


class ByHand(nn.Module):
    """Recurrence in the forward: the delay comes from the code."""

    def __init__(self, steps):
        super().__init__()
        self.fc, self.back = nn.Linear(6, 5), nn.Linear(5, 5)
        self.lif = snn.Leaky(beta=0.8, init_hidden=True)
        self.steps = steps

    def forward(self, x, *, one=None, two=None):
        if one is None:
            one = two = torch.zeros(x.shape[0], 5)
        spk = self.lif(self.fc(x) + self.back(one if self.steps == 1 else two))
        return spk, spk, one


def test_recurrence_by_hand_and_with_explicit_states():
    rng = np.random.default_rng(5)
    torch.manual_seed(5)
    x = spikes(rng, (40, 2, 6))
    for module in (
        RecurrentExplicit(snn.RLeaky(beta=0.9, linear_features=5)),
        RecurrentExplicit(snn.RLeaky(beta=0.9, all_to_all=False, V=torch.linspace(-1, 1, 5))),
    ):
        with torch.no_grad():
            module.fc.weight.mul_(4)
        assert [p.delay for p in agree(module.eval(), x, "snntorch").projections] == [0, 1]
    for steps in (1, 2):
        module = ByHand(steps).eval()
        with torch.no_grad():
            module.fc.weight.mul_(4)
            module.back.weight.mul_(2)
        network = agree(module, x, "snntorch", record=("spikes", "u", "v"))
        assert {p.name: p.delay for p in network.projections} == {"fc": 0, "back": steps}


def test_recurrent_convolution():
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    lif = snn.RLeaky(beta=0.8, conv2d_channels=3, kernel_size=3, init_hidden=True)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), lif, nn.Flatten(), nn.Linear(48, 4), snn.Leaky(0.7, init_hidden=True))
    with torch.no_grad():
        module[0].weight.mul_(4)
    agree(module.eval(), spikes(rng, (30, 2, 2, 6, 6)), "snntorch", record=("spikes", "u", "v"))


class Skip(nn.Module):
    """Two branches, a shared layer, and a sum of three."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.lif1 = snn.Leaky(0.9, init_hidden=True)
        self.lif2 = snn.Leaky(0.8, init_hidden=True, reset_mechanism="zero")
        self.lif3 = snn.Leaky(0.7, init_hidden=True, output=True)

    def forward(self, x):
        one = self.lif1(self.a(x))
        branch = self.b(one)
        branch += self.b(self.a(x))
        two = self.lif2(branch + one)
        return self.lif3(sum([self.out(two), self.out(one)]))


def test_skip_connections_and_shared_layers():
    torch.manual_seed(2)
    module = Skip().eval()
    with torch.no_grad():
        module.a.weight.mul_(3)
    network = agree(module, spikes(np.random.default_rng(2), (40, 3, 6)), "snntorch", record=("spikes", "u", "v"))
    assert len(network.into("lif2")) == 3
    assert len(network.into("lif3")) == 2
    assert network.outputs == ("lif3",)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.lif, self.readout = nn.Linear(6, 8), snn.Leaky(0.9, init_hidden=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.readout(self.lif(self.fc(x)))


def test_a_layer_without_neuron_becomes_a_population_that_emits_it():
    torch.manual_seed(2)
    module = Head().eval()
    network = agree(module, spikes(np.random.default_rng(2), (20, 3, 6)), "snntorch", record=("spikes", "v"))
    assert network.outputs == ("readout",)
    assert not network.population["readout"].rule.spiking


def test_graded_spikes_carry_their_value():
    torch.manual_seed(4)
    rng = np.random.default_rng(4)
    for delay in (True, False):
        module = nn.Sequential(
            nn.Linear(6, 8),
            snn.Leaky(0.9, init_hidden=True, graded_spikes_factor=0.7, reset_delay=delay),
            nn.Linear(8, 3),
            snn.Leaky(0.9, init_hidden=True, graded_spikes_factor=torch.tensor([1.0, -0.5, 2.0]), reset_delay=delay),
        ).eval()
        with torch.no_grad():
            module[0].weight.mul_(4)
        agree(module, spikes(rng, (40, 3, 6)), "snntorch", record=("spikes", "u", "v"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from(["Leaky", "Synaptic"]), st.sampled_from(RESETS))
def test_random_convolutional_networks(seed, kind, reset):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    channels = 2 * int(rng.integers(1, 3))
    conv = nn.Conv2d(
        2,
        channels,
        tuple(int(k) for k in rng.integers(1, 4, 2)),
        stride=tuple(int(k) for k in rng.integers(1, 3, 2)),
        padding=tuple(int(k) for k in rng.integers(0, 3, 2)),
        dilation=tuple(int(k) for k in rng.integers(1, 3, 2)),
        groups=int(rng.choice([1, 2])),
        bias=bool(rng.random() < 0.5),
    )
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        conv.weight.mul_(4)
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.2)
    layers = [conv, norm] if rng.random() < 0.5 else [conv]
    shape = nn.Sequential(*layers).eval()(torch.zeros(1, 2, 7, 8)).shape[1:]
    layers += [neuron(rng, kind, reset, tuple(shape)), nn.AvgPool2d(2, padding=1, ceil_mode=bool(rng.random() < 0.5))]
    flat = layers[-1](torch.zeros(1, *shape)).numel()
    layers += [nn.Dropout(0.3), nn.Flatten(), nn.Linear(flat, 5)]
    if rng.random() < 0.5:
        layers += [nn.BatchNorm1d(5)]
    layers += [neuron(rng, kind, reset, (5,))]
    module, x = nn.Sequential(*layers).eval(), spikes(rng, (25, 2, 2, 7, 8))
    agree(module, x, "snntorch", record=("spikes", "u", "v"), silent=True)


def test_input_kinds_and_decision():
    module = nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, init_hidden=True)).eval()
    x = np.ones((4, 1, 3))
    assert capture(module, x, 1e-3).inputs[0].kind == "binary"
    assert capture(module, x * 2, 1e-3).inputs[0].kind == "counts"
    assert capture(module, x * 0.5, 1e-3).inputs[0].kind == "real"
    network = capture(module, torch.ones(4, 1, 3), 1e-3, decision="spike-count", input_kind="real")
    assert network.inputs[0].kind == "real"
    assert network.decision.population == "1"
    assert network.provenance["framework"].startswith("snntorch 1.")


def test_pools_scales_and_batch_norm_before_any_weight():
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(2)
    with torch.no_grad():
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2)
    layers = [norm, nn.AvgPool2d(2, divisor_override=3), nn.Conv2d(2, 3, 3, padding="same"), nn.Flatten()]
    module = nn.Sequential(*layers, nn.Linear(48, 4), snn.Leaky(0.9, init_hidden=True)).eval()
    agree(module, spikes(np.random.default_rng(0), (20, 2, 2, 8, 8)), "snntorch", record=("spikes", "u", "v"))


def test_one_dimensional_convolution():
    torch.manual_seed(0)
    layers = [nn.Conv1d(2, 4, 3, stride=2, groups=2), nn.BatchNorm1d(4), nn.AvgPool1d(2, padding=1), nn.Flatten()]
    module = nn.Sequential(*layers, nn.Linear(12, 4), snn.Leaky(0.5, init_hidden=True, threshold=0.2)).eval()
    agree(module, spikes(np.random.default_rng(0), (20, 2, 2, 10)), "snntorch", record=("spikes", "u", "v"))


def test_a_lone_neuron_and_a_lone_layer_name():
    network = capture(snn.Leaky(0.9, init_hidden=True).eval(), np.ones((3, 2, 4)), 1e-3)
    assert network.outputs == ("leaky",)
    assert network.source.paths == {"leaky": ""}
    trace = run(network, np.ones((3, 2, 4)), engine="snntorch", record=("spikes", "v"))
    assert trace.spikes["leaky"].shape == (3, 2, 4)


def test_the_trained_module_keeps_its_graph():
    """A membrane that still hangs in the graph of the last training step."""
    module = nn.Sequential(nn.Linear(4, 3), snn.Leaky(torch.rand(3), init_hidden=True, learn_beta=True)).eval()
    nn.init.constant_(module[0].bias, 1)
    module(torch.ones(2, 4))
    mem = module[1].mem
    assert mem.grad_fn is not None
    agree(module, np.ones((9, 2, 4), np.float32), "snntorch")
    assert module[1].mem is mem


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("output", [True, False])
@pytest.mark.parametrize("name", ["Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque", "Alpha"])
def test_a_neuron_alone(name, output, hidden):
    """A recurrent one returns its spikes as the output and as the first of its states, in the order it takes them."""
    more = {"alpha": 0.9} if name in ("Synaptic", "RSynaptic", "Alpha") else {}
    more |= {"all_to_all": False, "V": 0.5} if name.startswith("R") else {}
    lif = getattr(snn, name)(beta=0.8, threshold=0.3, init_hidden=hidden, output=output, **more)
    x = np.random.default_rng(0).normal(0.4, 1, (20, 2, 3)).astype(np.float32)
    network = sd.capture(lif.eval(), x)
    assert [p.name for p in network.populations] == [name.lower()]
    assert sd.run(network, x).spikes[name.lower()].any()
