"""Training with all steps at once: gradients and curves are those of the libraries' own loops, or it is refused."""

import sys
from inspect import isfunction

import numpy as np
import pytest
import snntorch as snn
import torch
from norse import torch as norse
from norse.torch.functional.reset import reset_subtract
from snntorch import surrogate
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.frontends.neurons import load
from snndeploy.train.accelerated import Accelerated
from snndeploy.train.data import Data
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.loop import train
from snndeploy.train.settings import Settings
from snndeploy.train.time_cells import cells_of
from snndeploy.train.time_plan import ROWS
from snndeploy.train.time_surrogates import check_surrogate, inlined

STEPS, SIZE = 17, 12


def samples(seed=0, batch=6):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy((rng.random((STEPS, batch, 8)) < 0.4).astype(np.float32))
    return {"input": x}, torch.from_numpy(rng.integers(0, 4, batch))


def both(module, how=None, seed=0, **capture):
    """The module step by step and at once, and what the start has proven of them."""
    how = how or Settings()
    inputs, labels = samples(seed)
    forward = forward_of(module, {"input": inputs["input"][:, :4]}, how, **capture)
    fast, same = accelerated(forward, inputs, labels, how)
    return forward.unrolled, fast.unrolled, same


def gradients(of, inputs, given):
    module = of.module.train()
    module.zero_grad()
    out = of(inputs).output
    (out * given).sum().backward()
    return out.detach(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def agree(module, **capture):
    """All steps at once, in pieces of several, and one by one."""
    for piece in (2**19, 6 * SIZE * 5, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys.modules[Accelerated.__module__], "PIECE", piece)
            found = agree_as_it_is(module, **capture)
    return found


def agree_as_it_is(module, rtol=1e-3, **capture):
    """Output and gradients of any function of the output, against the library's own autograd."""
    own, fast, same = both(module, **capture)
    assert isinstance(fast, Accelerated)
    inputs, _ = samples(1)
    given = torch.randn(STEPS, 6, 4, generator=torch.Generator().manual_seed(3))
    (a, slow), (b, quick) = gradients(own, inputs, given), gradients(fast, inputs, given)
    assert torch.equal(a, b)
    assert 0 < float(a.mean()) < 1
    assert slow.keys() == quick.keys()
    for name, wanted in slow.items():
        assert float((wanted - quick[name]).abs().max()) <= rtol * float(wanted.abs().max()), name
    return same, slow


def leaky(**settings):
    return snn.Leaky(beta=0.8, init_hidden=True, **settings)


def layers(*neurons):
    torch.manual_seed(2)
    first, last = nn.Linear(8, SIZE), nn.Linear(SIZE, 4)
    with torch.no_grad():
        first.weight.mul_(3)
        last.weight.mul_(4)
        last.bias.add_(0.3)
    return first, neurons[0], last, neurons[1]


SURROGATES = {
    "atan": surrogate.atan(),
    "fast_sigmoid": surrogate.fast_sigmoid(slope=5),
    "sigmoid": surrogate.sigmoid(slope=4),
    "straight_through_estimator": surrogate.straight_through_estimator(),
    "spike_rate_escape": surrogate.spike_rate_escape(beta=2, slope=3),
    "triangular": surrogate.triangular(),
    "SFS": surrogate.SFS(slope=5, B=1),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_gradients_of_each_surrogate_of_snntorch(name):
    grad = SURROGATES[name]
    _, slow = agree(nn.Sequential(*layers(leaky(spike_grad=grad), leaky(spike_grad=grad))))
    assert any(float(each.abs().max()) > 0 for each in slow.values())


def test_every_surrogate_of_snntorch_is_checked_or_refused():
    """The list is the library's own; LSO fails in snnTorch 1.0 itself, SSO draws."""
    made = {
        name for name, each in vars(surrogate).items() if isfunction(each) and each.__module__ == surrogate.__name__
    }
    for name in made:
        each = getattr(surrogate, name)
        grad = each(lambda x, given, _: given / (1 + x * x)) if name == "custom_surrogate" else each()
        if name in ("SSO", "LSO"):
            with pytest.raises(SnnDeployError, match=f"SD846 lif: its surrogate gradient {name}"):
                check_surrogate(grad, "lif")
        else:
            check_surrogate(grad, "lif")
    known = {*SURROGATES, "SSO", "LSO", "heaviside", "custom_surrogate"}
    assert made == known


@pytest.mark.parametrize(("name", "kind"), [("atan", "atan"), ("fast_sigmoid", "fast_sigmoid"), ("sigmoid", ROWS),
                                            ("straight_through_estimator", "straight_through")])  # fmt: skip
def test_surrogates_that_are_written_into_kernels_are_found_to_be_the_same(name, kind):
    assert inlined(SURROGATES[name])[0] == kind
    assert inlined(lambda x: SURROGATES[name](2 * x))[0] == ROWS

    def inner(x):
        return SURROGATES[name](1.01 * x)

    inner.__module__, inner.__qualname__ = "snntorch.surrogate", f"{name}.<locals>.inner"
    assert inlined(inner)[0] == ROWS


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


def learning():
    """Class c lights inputs 2c and 2c + 1, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 48)
    x = (rng.random((10, 48, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    return Data(x, labels, x, labels)


def curve(how):
    torch.manual_seed(5)
    return train(nn.Sequential(*layers(leaky(), leaky())), learning(), epochs=6, batch=16, lr=0.01, seed=1, **how)


@pytest.mark.parametrize("more", [{}, {"rates": {"*": (0.05, 0.2)}}, {"loss": "mse_count_loss"}])
def test_the_curve_is_the_same(more):
    slow, fast = curve(more), curve({"accelerate": True, **more})
    np.testing.assert_allclose([e.loss for e in fast.history], [e.loss for e in slow.history], rtol=1e-3)
    assert slow.history[-1].loss < slow.history[0].loss
    assert fast.rates == pytest.approx(slow.rates, abs=5e-3)
    assert "identical" in fast.notes[0]
    assert fast.accuracy == pytest.approx(slow.accuracy, abs=0.03)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole, parts = layers(leaky(), leaky()), layers(leaky(), leaky())
    how = {"batch": 16, "lr": 0.01, "scheduler": "none", "accelerate": True}
    once = train(nn.Sequential(*whole), learning(), epochs=4, out=tmp_path / "whole", **how)
    train(nn.Sequential(*parts), learning(), epochs=2, out=tmp_path / "parts", **how)
    torch.manual_seed(99)
    module = nn.Sequential(*layers(leaky(), leaky()))
    after = train(module, learning(), epochs=4, out=tmp_path / "parts", resume=True, **how)
    assert after.history == once.history
    best = torch.load(tmp_path / "whole" / "best.pt", weights_only=True)
    assert best.keys() == module.state_dict().keys()
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in best.items())
    with pytest.raises(SnnDeployError, match=r"SD842.*accelerate") as problem:
        train(module, learning(), epochs=4, out=tmp_path / "parts", resume=True, **how | {"accelerate": False})
    assert len(problem.value.findings) == 1


def test_a_run_from_before_there_was_acceleration_goes_on():
    saved = {name: value for name, value in Settings().as_dict().items() if name != "accelerate"}
    assert Settings().differing(saved) == []
    assert [each.where for each in Settings(accelerate=True).differing(saved)] == ["accelerate"]


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(*layers(leaky(), leaky()))
    own, fast, _ = both(module)
    before = own(samples()[0]).output
    fast(samples()[0])
    assert all("forward" not in each.__dict__ for each in module.modules())
    assert torch.equal(own(samples()[0]).output, before)


def test_the_check_draws_nothing_and_leaves_no_gradient():
    module = nn.Sequential(*layers(leaky(), leaky()))
    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    both(module)
    assert torch.equal(torch.rand(3), wanted)
    assert all(p.grad is None for p in module.parameters())


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


def test_a_surrogate_that_looks_at_its_neighbours_is_unknown():
    def neighbours(x):
        return (x > 0).float() + (x - x.mean()) * 0 + x.softmax(0) - x.softmax(0).detach()

    with pytest.raises(SnnDeployError, match="neighbours is unknown"):
        check_surrogate(neighbours, "lif")
