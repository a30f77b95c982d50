"""Max-pools of spikes wherever they stand, against the framework itself, their own spikes included."""

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


def pool_of(rng, dims=2):
    kernel = int(rng.integers(2, 4))
    kind = nn.MaxPool2d if dims == 2 else nn.MaxPool1d
    return kind(
        kernel,
        stride=int(rng.integers(1, 4)),
        padding=int(rng.integers(0, kernel // 2 + 1)),
        dilation=int(rng.integers(1, 3)),
        ceil_mode=bool(rng.random() < 0.5),
    )


class Pooled(nn.Module):
    """Two convolutions of spikes, `body`, and neurons that get what it returns."""

    def __init__(self, seed, body, graded=1.0, second=1.0):
        super().__init__()
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        self.body, self.pool, self.pool1 = body, pool_of(rng), pool_of(rng, 1)
        self.adaptive, self.adaptive1 = nn.AdaptiveMaxPool2d((4, None)), nn.AdaptiveMaxPool1d(16)
        self.a, self.b, self.c = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(1, 2, 1)
        self.lif1, self.lif2 = lif(graded_spikes_factor=graded), lif(graded_spikes_factor=second)
        self.lif3, self.last = lif(), lif()
        with torch.no_grad():
            for each in (self.a, self.b):
                each.weight.mul_(2).add_(0.03)
            fresh(self)
            width = body(self, *self.firsts(torch.zeros(2, 1, 8, 8))).flatten(1).shape[1]
            fresh(self)
        self.out = nn.Linear(width, 4)
        with torch.no_grad():
            self.out.weight.mul_(4).add_(0.03)
        self.eval()

    def firsts(self, x):
        return x, self.lif1(self.a(x)), self.lif2(self.b(x))

    def forward(self, x):
        return self.last(self.out(self.body(self, *self.firsts(x)).flatten(1)))


BODIES = {
    "one neuron": lambda m, x, a, b: m.pool(a),
    "concatenation": lambda m, x, a, b: m.pool(torch.cat([a, b], 1)),
    "input": lambda m, x, a, b: m.pool(x),
    "input beside spikes": lambda m, x, a, b: m.pool(torch.cat([x, b], 1)),
    "slice": lambda m, x, a, b: m.pool(b[:, 1:, ::2]),
    "scaled": lambda m, x, a, b: m.pool(0.25 * a) * 4,
    "reshape": lambda m, x, a, b: m.pool1(b.reshape(b.shape[0], 6, 32)),
    "rows": lambda m, x, a, b: m.pool1(a.flatten(2)),
    "turned": lambda m, x, a, b: m.pool(a.transpose(2, 3).flip(2)),
    "padded": lambda m, x, a, b: m.pool(F.pad(a, (2, 1, 0, 3))),
    "pool of a pool": lambda m, x, a, b: m.pool(F.max_pool2d(a, 2, 1)),
    "one pool twice": lambda m, x, a, b: torch.cat([m.pool(a), m.pool(b)], 1),
    "one pool of both parts": lambda m, x, a, b: torch.cat([m.pool(b[:, :1]), m.pool(b[:, 1:])], 1),
    "adaptive": lambda m, x, a, b: m.adaptive(a),
    "adaptive in a row": lambda m, x, a, b: m.adaptive1(a.flatten(2)),
    "functional": lambda m, x, a, b: F.max_pool2d(torch.cat([a, b], 1), 3, 2, 1),
    "adaptive functional": lambda m, x, a, b: F.adaptive_max_pool2d(b, (2, 8)),
    "side by side": lambda m, x, a, b: m.pool(torch.cat([a, b[:, :2]], dim=3)),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("body", BODIES)
def test_pools_of_spikes(body, seed):
    agree(Pooled(seed, BODIES[body]), spikes(np.random.default_rng(seed), (10, 3, 1, 8, 8)), "snntorch")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("body", ["one neuron", "concatenation", "scaled", "one pool twice"])
def test_graded_spikes(body, seed):
    graded = {"graded": 0.5, "second": torch.rand(3, 1, 1) + 0.5}
    network = agree(
        Pooled(seed, BODIES[body], **graded), spikes(np.random.default_rng(seed), (10, 3, 1, 8, 8)), "snntorch"
    )
    assert any(np.any(p.rule.value != 1) for p in network.populations if p.name.startswith("pool"))


@pytest.mark.parametrize("time", ["inside", "held", "merged", "batch first"])
def test_pools_in_a_loop(time):
    class Loop(Pooled):
        def forward(self, x):
            recorded = []
            if time == "held":
                frame = self.pool(x)
            if time == "merged":
                frames = F.max_pool2d(x.flatten(0, 1), 2).unflatten(0, x.shape[:2])
            for k in range(10):
                if time == "inside":
                    now = self.pool(self.lif1(self.a(x[k])))
                elif time == "batch first":
                    now = self.pool(self.lif1(self.a(x[:, k])))
                else:
                    now = frame if time == "held" else frames[k]
                recorded.append(self.last(self.out(now.flatten(1))))
            return torch.stack(recorded)

    body = (lambda m, x, a, b: F.max_pool2d(x, 2)) if time == "merged" else BODIES["one neuron"]
    body = BODIES["input"] if time == "held" else body
    x = spikes(np.random.default_rng(0), (10, 3, 1, 8, 8))
    if time == "held":
        x[:] = x[:1]
    network = agree(Loop(0, body), x, "snntorch")
    assert network.source.stepping.time == {"merged": "inside", "batch first": "batch-first"}.get(time, time)


def test_what_the_module_shows_of_its_pools():
    x = spikes(np.random.default_rng(0), (10, 3, 1, 8, 8))
    network = sd.capture(Pooled(0, BODIES["concatenation"]), x)
    trace = sd.run(network, x, engine="snntorch", record=("spikes", "u", "v"))
    assert {"pool"} <= trace.spikes.keys()
    assert not trace.v["pool"].any()
    assert any("u is not recorded for 'pool'" in note for note in trace.notes)
    network = sd.capture(Pooled(0, BODIES["functional"]), x)
    trace = sd.run(network, x, engine="snntorch")
    assert "max_pool2d" not in trace.spikes
    assert any("'max_pool2d' is not recorded" in note for note in trace.notes)


REFUSED = {
    "sums of what 'lif1' emit.*two spikes at once": lambda m, x, a, b: m.pool(a + a),
    "sums of what 'lif1' and 'lif2' emit, which can be two": lambda m, x, a, b: m.pool(a + b[:, :2]),
    "weighted sums of what 'lif1' emits": lambda m, x, a, b: m.pool(F.avg_pool2d(a, 2)),
    "weighted sums of what 'input' emits": lambda m, x, a, b: m.pool(m.a(x)),
    "some are below 0": lambda m, x, a, b: m.pool(-a),
    "a constant is added": lambda m, x, a, b: m.pool(a + 1.0),
    "spikes of one window are not worth the same": lambda m, x, a, b: m.pool(torch.cat([a, 0.5 * a], 3)),
    "with_indices.*return_indices=False.*no spike": lambda m, x, a, b: F.max_pool2d(a, 2, return_indices=True)[0],
    "its windows differ in size.*divides": lambda m, x, a, b: F.adaptive_max_pool2d(a, 3),
}


@pytest.mark.parametrize("text", REFUSED)
def test_pools_that_are_refused(text):
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(Pooled(0, REFUSED[text]), spikes(np.random.default_rng(0), (5, 3, 1, 8, 8)))
    assert all(finding.fix for finding in caught.value.findings)
    assert len(caught.value.findings) == 1


def test_a_pool_of_counts_is_refused():
    with pytest.raises(SnnDeployError, match="the input 'input' holds counts"):
        sd.capture(Pooled(0, BODIES["input"]), 2 * np.ones((5, 3, 1, 8, 8)))
