"""The deployed arithmetic that learns: its bits against the definition and Lava, its gradients against autograd."""

import numpy as np
import pytest
import torch
from random_networks import integer_network, spikes_for

import snndeploy as sd
from snndeploy.network.arrays import equal
from snndeploy.network.maps import Dense
from snndeploy.network.network import Input, Network, Population, Projection
from snndeploy.network.registers import Format, Registers
from snndeploy.network.rule import Reset
from snndeploy.train import integers
from snndeploy.train.integers import Deployed

STATE = 64


def tensors(inputs):
    return {name: torch.as_tensor(array, dtype=torch.float32) for name, array in inputs.items()}


def differing(network, emitted, trace):
    """Bins in which the module and a trace differ."""
    count = 0
    for name, p in network.population.items():
        values = emitted[name].detach().numpy()
        count += np.count_nonzero((values != 0) != trace.spikes[name] if p.rule.spiking else values != trace.v[name])
    return count


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["binary", "counts"])
def test_the_forward_pass_has_the_bits_of_the_definition(seed, kind):
    rng = np.random.default_rng(seed)
    net = integer_network(rng, kind=kind)
    inputs = spikes_for(rng, net, 15, 2)
    module = Deployed(net, {name: int(np.abs(x).max()) for name, x in inputs.items()})
    emitted = module(tensors(inputs))
    assert differing(net, emitted, sd.run(net, inputs, "reference", ("spikes", "v"))) == 0
    assert equal(module.deployed(), net)


@pytest.mark.parametrize("seed", range(10))
def test_step_by_step_the_bits_are_the_same(seed, monkeypatch):
    monkeypatch.setattr(integers, "recipe", lambda *of: None)
    rng = np.random.default_rng(seed)
    net = integer_network(rng)
    inputs = spikes_for(rng, net, 15, 2)
    emitted = Deployed(net, {})(tensors(inputs))
    assert differing(net, emitted, sd.run(net, inputs, "reference", ("spikes", "v"))) == 0


def in_pieces(size, net, x):
    """What is emitted, and gradients of a function of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integers, "PIECE", size)
        module = Deployed(net, {}, learn=("weight", "bias", "threshold"))
        emitted = module({"x": x})
    weight = torch.as_tensor(np.random.default_rng(7).standard_normal(emitted["b"].shape))
    (weight * emitted["b"]).sum().backward()
    return emitted, {name: each.grad for name, each in module.named_parameters()}


@pytest.mark.parametrize("reset", [Reset("to", 0), Reset("by", 300 * STATE, "next"), Reset("to", 0, "residual")])
@pytest.mark.parametrize("steps", [1, 4, 11])
def test_pieces_of_time_are_one(reset, steps):
    rng = np.random.default_rng(2)
    rule = Registers(du=900, dv=400, vth=300, bias_mant=500, bias_exp=1, bias_onset=3, reset=reset)
    links = [
        Projection("x", "a", (Dense(2 * rng.integers(-40, 90, (6, 4))),), format=Format(1)),
        Projection("x", "b", (Dense(2 * rng.integers(-40, 60, (3, 4))),), delay=3, format=Format(0)),
        Projection("a", "b", (Dense(2 * rng.integers(-30, 60, (3, 6))),), delay=2, format=Format(-1)),
    ]
    populations = (Population("a", (6,), rule), Population("b", (3,), rule))
    net = Network(1e-3, (Input("x", (4,)),), populations, tuple(links), ("b",))
    x = torch.as_tensor(rng.random((23, 5, 4)) < 0.5, dtype=torch.float32)
    (whole, wanted), (parted, found) = in_pieces(2**23, net, x), in_pieces(steps * 5 * 6, net, x)
    assert 0 < whole["b"].mean() < 1
    for name in whole:
        assert torch.equal(whole[name], parted[name])
    for name, grad in wanted.items():
        torch.testing.assert_close(found[name], grad, rtol=1e-4, atol=1e-4 * float(grad.abs().max()))


@pytest.mark.parametrize("seed", range(4))
def test_what_was_trained_runs_on_lava_with_the_bits_of_the_forward_pass(seed):
    rng = np.random.default_rng(seed)
    net = integer_network(rng)
    inputs = spikes_for(rng, net, 12, 2)
    module = Deployed(net, {}, learn=("weight", "bias", "threshold"))
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        loss = sum(each.square().mean() for each in module(tensors(inputs)).values())
        loss.backward()
        for each in module.parameters():
            if each.grad is not None:  # steps of whole mantissas, whatever the size of the gradient
                each.grad = 3 * torch.sign(each.grad)
        optimizer.step()
        module.confine()
    tuned = module.deployed()
    assert not equal(tuned, net)
    with torch.no_grad():
        emitted = module(tensors(inputs))
    assert differing(tuned, emitted, sd.run(tuned, inputs, "lava", ("spikes", "v"))) == 0


def small(reset, spiking=True, recurrent=True):
    """Two inputs on three neurons; chosen so that some spike and none is clipped."""
    rng = np.random.default_rng(5)
    rule = Registers(du=900, dv=400, vth=300 if spiking else None, bias_mant=500, bias_exp=1, bias_onset=3, reset=reset)
    ahead = Projection("x", "n", (Dense(2 * rng.integers(-40, 90, (3, 2))),), format=Format(1))
    back = Projection("n", "n", (Dense(2 * rng.integers(-20, 20, (3, 3))),), delay=2, format=Format(1))
    links = (ahead, back) if recurrent else (ahead,)
    return Network(1e-3, (Input("x", (2,)),), (Population("n", (3,), rule),), links, ("n",))


class Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).double()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (1 + 5 * x.abs()) ** 2


def plain(net, x, weights, bias, vth):
    """The registers' equation written out in real numbers, with autograd's own gradients; rounding is added as a
    constant, so that the values stay whole."""
    rule = net.populations[0].rule
    u = v = torch.zeros(x.shape[1], 3, dtype=torch.float64)
    rows, spikes = [], [torch.zeros_like(v)] * 2

    def whole(y):
        return y + (torch.sign(y) * torch.floor(y.abs()) - y).detach()

    for t, now in enumerate(x.double()):
        a = 2 * now @ weights[0].T
        if len(weights) > 1:
            a = a + 2 * spikes[-2] @ weights[1].T
        u = whole(u * (4095 - 900) / 4096) + STATE * a
        q = whole(v * (4096 - 400) / 4096) + u + 2 * bias * (t >= 3)
        if not rule.spiking:
            v = q
            rows.append(v)
            continue
        late = (v > STATE * vth).detach()
        value = float(rule.reset.value)
        pending = rule.reset.when in ("next", "residual")
        back = (torch.full_like(q, value)) if rule.reset.kind == "to" else q - value
        p = torch.where(late, back, q) if pending else q
        spikes.append(Heaviside.apply((p - STATE * vth) / (STATE * vth).detach()))
        s = spikes[-1]
        fired = s.detach()
        down = (p - value) if rule.reset.kind == "to" else torch.full_like(p, value)
        v = p
        if rule.reset.when == "now" and rule.reset.kind != "none":
            v = p - fired * down
        elif rule.reset.when == "residual":
            v = p - (fired - late.double()) * down
        rows.append(s)
    return torch.stack(rows)


@pytest.mark.parametrize(
    "reset",
    [
        Reset("to", 0),
        Reset("none"),
        Reset("by", 300 * STATE),
        Reset("to", 0, "next"),
        Reset("by", 300 * STATE, "residual"),
        Reset("to", 0, "residual"),
    ],
    ids=lambda r: f"{r.kind}-{r.when}",
)
@pytest.mark.parametrize("spiking", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_gradients_are_those_of_the_equation_without_its_rounding(reset, spiking, fused, monkeypatch):
    if not fused:  # as on CUDA
        monkeypatch.setattr(integers, "recipe", lambda *of: None)
    net = small(reset if spiking else Reset("none"), spiking, recurrent=spiking)
    rng = np.random.default_rng(1)
    x = torch.as_tensor(rng.random((12, 4, 2)) < 0.6, dtype=torch.float32)
    module = Deployed(net, {}, learn=("weight", "bias", "threshold"))
    pattern = torch.as_tensor(rng.standard_normal((12, 4, 3)))
    emitted = module({"x": x})["n"]
    (pattern * emitted).sum().backward()
    weights = [torch.tensor(p.maps[0].weight, dtype=torch.float64, requires_grad=True) for p in net.projections]
    bias = torch.full((3,), 500.0, dtype=torch.float64, requires_grad=True)
    vth = torch.full((3,), 300.0, dtype=torch.float64, requires_grad=True)
    expected = plain(net, x, weights, bias, vth)
    assert torch.equal(expected, emitted.double())
    if spiking:
        assert 5 < expected.sum() < 0.8 * expected.numel()
    (pattern * expected).sum().backward()
    cells = module.cells["n"]
    pairs = [(link.weight, w) for link, w in zip(module.links.values(), weights, strict=True)] + [(cells.bias, bias)]
    for got, wanted in [*pairs, (cells.vth, vth)] if spiking else pairs:
        torch.testing.assert_close(
            got.grad.double(), wanted.grad, rtol=1e-4, atol=1e-4 * wanted.grad.abs().max().item()
        )


def test_a_clipped_membrane_passes_no_gradient():
    rule = Registers(du=4095, dv=0, vth=100000, initial_v=-5_000_000)
    weight = np.full((1, 1), -250)
    net = Network(
        1e-3,
        (Input("x", (1,), "counts"),),
        (Population("n", (1,), rule),),
        (Projection("x", "n", (Dense(weight),), format=Format(5, 8, "inhibitory")),),
        ("n",),
    )
    module = Deployed(net, {"x": 10})
    emitted = module({"x": torch.full((3, 1, 1), 10.0)})["n"]  # -250·2^5·64·10 = -5,120,000 in every step
    emitted.sum().backward()
    assert module.links["x->n"].weight.grad.abs().max() == 0
