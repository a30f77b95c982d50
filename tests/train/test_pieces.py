"""Time in pieces: recomputation has the gradients of the whole, truncation those of a loop that detaches its states."""

import copy

import numpy as np
import pytest
import snntorch as snn
import torch
from norse import torch as norse
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from snndeploy.errors import SnnDeployError
from snndeploy.train.data import Data
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.loop import train
from snndeploy.train.pieces import WHOLE, Pieces
from snndeploy.train.settings import Settings

STEPS, BATCH, SIZE = 14, 5, 10


def samples(steps=STEPS):
    rng = np.random.default_rng(1)
    x = torch.from_numpy((rng.random((steps, BATCH, 8)) < 0.4).astype(np.float32))
    return {"input": x}, torch.from_numpy(rng.integers(0, 4, BATCH))


def linear(into, out):
    layer = nn.Linear(into, out)
    with torch.no_grad():
        layer.weight.mul_(3)
        layer.bias.add_(0.3)
    return layer


def hidden(**more):
    return snn.Leaky(0.8, init_hidden=True, **more)


class Explicit(nn.Module):
    """States as arguments: of a recurrent neuron, and of one with a current."""

    def __init__(self):
        super().__init__()
        self.fc1, self.one = linear(8, SIZE), snn.RLeaky(0.8, linear_features=SIZE, learn_beta=True)
        self.fc2, self.two = linear(SIZE, 4), snn.Synaptic(0.5, 0.7, reset_mechanism="zero")

    def forward(self, x, spk, mem, syn, mem2):
        spk, mem = self.one(self.fc1(x), spk, mem)
        out, syn, mem2 = self.two(self.fc2(spk), syn, mem2)
        return out, spk, mem, syn, mem2


class Inside(nn.Module):
    """A loop of its own."""

    def __init__(self):
        super().__init__()
        self.fc1, self.one, self.fc2, self.two = linear(8, SIZE), hidden(), linear(SIZE, 4), hidden()

    def forward(self, x):
        return torch.stack([self.two(self.fc2(self.one(self.fc1(each)))) for each in x])


def with_norms():
    body = (linear(8, SIZE), nn.BatchNorm1d(SIZE), hidden(learn_threshold=True), nn.Dropout(0.3), linear(SIZE, 4))
    return nn.Sequential(*body, hidden(reset_delay=False))


def norsed():
    p = norse.LIFParameters(v_th=torch.tensor(0.2), alpha=3.0)
    return norse.SequentialState(norse.LIFRecurrentCell(8, SIZE, p), linear(SIZE, 4), norse.LIFCell(p))


MODULES = {"states that neurons keep": with_norms, "states as arguments": Explicit, "norse": norsed, "inside": Inside}


def built(name, quick, steps=STEPS):
    torch.manual_seed(0)
    module = MODULES[name]()
    forward = forward_of(module, {"input": samples(steps)[0]["input"][:, :3]}, Settings(accelerate=quick),
                         time="inside" if name == "inside" else None)  # fmt: skip
    if quick:
        forward, _ = accelerated(forward, *samples(steps), Settings())
    return forward.unrolled


def gradients(of, pieces):
    """Output, gradients, running statistics, and the bytes that are kept for the way back."""
    of.pieces, kept = pieces, {}
    before = copy.deepcopy(of.module.state_dict())
    of.module.train()
    of.module.zero_grad()
    torch.manual_seed(7)

    def pack(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        out = of(samples()[0]).output
    given = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
    (out * given).sum().backward()
    grads = {n: p.grad.clone() for n, p in of.module.named_parameters()}
    state = {n: b.clone() for n, b in of.module.named_buffers() if "running" in n or "tracked" in n}
    of.module.load_state_dict(before)
    return out.detach(), grads, state, sum(kept.values())


def close(found, wanted):
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        torch.testing.assert_close(found[name], each, rtol=1e-4, atol=1e-5 * float(each.abs().max()) + 1e-6)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_what_is_computed_again_has_the_same_gradients(name, quick):
    if name == "inside" and not quick:
        return
    of = built(name, quick)
    out, grads, state, whole = gradients(of, WHOLE)
    assert all(float(each.abs().max()) > 0 for each in grads.values())
    for steps in (1, 4, STEPS + 3):
        again, other, after, kept = gradients(of, Pieces(again=steps))
        assert torch.equal(again, out)
        close(other, grads)
        close(after, state)
        if steps == 4:
            assert kept < whole / 2
    assert not any(each.requires_grad for each in of.module.buffers())


def detached(module, name, steps):
    """A loop as it is written by hand: all states are detached after so many steps."""
    x = samples()[0]["input"]
    torch.manual_seed(7)
    rows = []
    if name == "states that neurons keep":
        module[2].mem, module[5].mem = torch.zeros(0), torch.zeros(0)
    states = (*module.one.reset_mem(), *module.two.reset_mem()) if name == "states as arguments" else None
    for t in range(STEPS):
        if t and t % steps == 0:
            if name == "states that neurons keep":
                module[2].mem.detach_()
                module[5].mem.detach_()
            elif name == "states as arguments":
                states = tuple(each.detach() for each in states)
            else:
                states = [None if each is None else type(each)(*(v.detach() for v in each)) for each in states]
        if name == "states that neurons keep":
            out = module(x[t])
        elif name == "states as arguments":
            out, *states = module(x[t], *states)
        else:
            out, states = module(x[t], states)
        rows.append(out)
    return torch.stack(rows)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", [name for name in MODULES if name != "inside"])
def test_truncation_is_a_loop_that_detaches(name, quick):
    of = built(name, quick)
    full = gradients(of, WHOLE)[1]
    module = of.module.train()
    before = copy.deepcopy(module.state_dict())
    module.zero_grad()
    out = detached(module, name, 4)
    given = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
    (out * given).sum().backward()
    wanted = {n: p.grad.clone() for n, p in module.named_parameters()}
    module.load_state_dict(before)
    for pieces in (Pieces(cut=4), Pieces(again=3, cut=4), Pieces(again=5, cut=4)):
        found = gradients(of, pieces)
        assert torch.equal(found[0], out)
        close(found[1], wanted)
    assert any(float((wanted[n] - full[n]).abs().max()) > 1e-2 * float(full[n].abs().max()) for n in full)
    close(gradients(of, Pieces(cut=STEPS))[1], full)


def test_a_loop_inside_is_cut_where_it_is_accelerated():
    """Cut after each step, no gradient goes through a state: that of a loop which forgets its graph each time."""
    of = built("inside", True)
    found = gradients(of, Pieces(cut=1))[1]
    module = copy.deepcopy(of.module)
    module.one.mem, module.two.mem = torch.zeros(0), torch.zeros(0)
    rows = []
    for each in samples()[0]["input"]:
        rows.append(module.two(module.fc2(module.one(module.fc1(each)))))
        module.one.mem.detach_()
        module.two.mem.detach_()
    out = torch.stack(rows)
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
    close(found, {n: p.grad for n, p in module.named_parameters()})


def learning():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 32)
    x = (rng.random((12, 32, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    return Data(x, labels, x, labels)


@pytest.mark.parametrize("quick", [False, True])
def test_the_curve_of_a_run_that_computes_again_is_the_same(quick):
    curves = {}
    for how in ({}, {"recompute": 5}, {"truncate": 2}):
        torch.manual_seed(2)
        bands = {"rates": {"*": (0.1, 0.2)}}
        done = train(with_norms(), learning(), epochs=3, batch=16, lr=0.01, accelerate=quick, **bands, **how)
        curves[str(how)] = [each.loss for each in done.history]
    whole, again, cut = curves.values()
    np.testing.assert_allclose(again, whole, rtol=1e-5)
    assert max(abs(a - b) for a, b in zip(cut, whole, strict=True)) > 1e-4


def test_refused_by_name():
    with pytest.raises(SnnDeployError, match="SD850 Inside: its loop over time is inside.*accelerate"):
        train(Inside(), learning(), epochs=1, time="inside", recompute=4)
    with pytest.raises(SnnDeployError, match="SD850.*truncate=4"):
        train(Inside(), learning(), epochs=1, time="inside", truncate=4)
    with pytest.raises(SnnDeployError, match="SD850 Sequential: the states of a module that is not captured"):
        train(with_norms(), learning(), epochs=1, capture=False, recompute=4)
    with pytest.raises(SnnDeployError, match="SD807.*recompute = -1"):
        train(with_norms(), learning(), epochs=1, recompute=-1)


def test_pieces_cover_all_steps_once():
    for again in range(6):
        for cut in range(6):
            parts = list(Pieces(again, cut).of(13, 4))
            assert [t for first, last in parts for t in range(first, last)] == list(range(13))
            assert all(0 < last - first <= min(again or 4, cut or 4, 4) for first, last in parts)
            cuts = {first for first, _ in parts if Pieces(again, cut).cuts(first)}
            assert cuts == (set(range(cut, 13, cut)) if cut else set())
