"""Max-pools of spikes, concatenations, constants and factors: random modules against the framework."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import spikes
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError


def lif(**options):
    return snn.Leaky(**({"beta": 0.8, "threshold": 0.5, "init_hidden": True} | options))


def proven(module, x):
    """The network of a module that spikes on x; capture itself compares the two."""
    network = sd.capture(module.eval(), x)
    assert all(fired.any() for fired in sd.run(network, x).spikes.values())
    return network


@pytest.mark.parametrize("seed", range(12))
def test_max_pool_of_spikes(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    kernel = int(rng.integers(2, 4))
    pool = nn.MaxPool2d(
        kernel,
        stride=int(rng.integers(1, 4)),
        padding=int(rng.integers(0, kernel // 2 + 1)),
        dilation=int(rng.integers(1, 3)),
        ceil_mode=bool(rng.random() < 0.5),
    )
    conv = nn.Conv2d(1, 2, 3)
    worth = float(rng.choice([1.0, 0.5]))
    size = pool(torch.zeros(1, 2, 7, 8)).numel()
    module = nn.Sequential(conv, lif(graded_spikes_factor=worth), pool, nn.Flatten(), nn.Linear(size, 5), lif())
    with torch.no_grad():
        conv.weight.mul_(3)
        module[4].weight.mul_(4)
    x = spikes(rng, (25, 2, 1, 9, 10))
    network = proven(module, x)
    assert network.population["2"].rule.threshold == 0.5 * worth
    for engine in ("torch", "lava"):
        assert sd.compare(sd.run(network, x), sd.run(network, x, engine=engine)).agrees


def test_max_pool_on_a_chip():
    rng = np.random.default_rng(3)
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), lif(reset_mechanism="zero"), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4)
    )
    module.append(lif(reset_mechanism="zero"))
    x = spikes(rng, (20, 2, 1, 8, 8))
    network = proven(module, x)
    for target in ("loihi1", "loihi2"):
        integer = sd.quantize(network, target, calibration=x)
        trace = sd.run(integer, x)
        assert sd.compare(trace, sd.run(integer, x, engine="lava")).identical
        fired = trace.spikes["1"].reshape(20, 2, 2, 3, 2, 3, 2)
        assert np.array_equal(trace.spikes["2"], fired.any((4, 6)))


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (
            [nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), lif()],
            "maximum of values .* weighted sums of what 'input'.*average",
        ),
        ([nn.Conv2d(1, 2, 3), lif(), nn.AvgPool2d(2), nn.MaxPool2d(2), lif()], "maximum of values"),
        ([nn.Conv2d(1, 2, 3), lif(), nn.AdaptiveAvgPool2d(4), lif()], "windows differ.*divides"),
        ([nn.Conv2d(1, 2, 3), lif(), nn.LPPool2d(2, 2), lif()], "norm_type 2.*norm_type=1"),
    ],
)
def test_pools_that_are_refused(layers, text):
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(nn.Sequential(*layers).eval(), np.ones((3, 1, 1, 8, 8)))
    assert caught.value.findings[0].code in ("SD302", "SD308")


class Joined(nn.Module):
    def __init__(self, seed, join):
        super().__init__()
        torch.manual_seed(seed)
        self.a, self.b, self.c = nn.Linear(6, 5), nn.Linear(6, 7), nn.Linear(12, 4)
        self.square, self.bias, self.scale = nn.Linear(5, 5), nn.Parameter(torch.rand(5)), nn.Parameter(torch.rand(5))
        self.register_buffer("shift", torch.rand(1))
        self.lif1, self.lif2, self.lif3 = lif(), lif(), lif()
        self.join = join
        with torch.no_grad():
            for layer in (self.a, self.b, self.c, self.square):
                layer.weight.mul_(2).add_(0.1)

    def forward(self, x):
        return self.join(self, self.lif1(self.a(x)), x)


JOINS = {
    "spikes": lambda m, s, x: m.lif3(m.c(torch.cat([s, m.lif2(m.b(x))], dim=1))),
    "values": lambda m, s, x: m.lif2(torch.cat((m.square(s), m.b(x)), -1)),
    "one part twice": lambda m, s, x: m.lif2(torch.cat([s, s, 0.5 * m.square(s)], 1)),
    "number": lambda m, s, x: m.lif2(m.square(s) * 0.3 + 0.4),
    "parameter": lambda m, s, x: m.lif2(m.scale * m.square(s) + m.bias),
    "buffer": lambda m, s, x: m.lif2(m.shift - m.square(-s)),
    "difference": lambda m, s, x: m.lif2(m.square(s) - 0.5 * m.a(x)),
    "quotient": lambda m, s, x: m.lif2(torch.add(m.square(s / 3), m.a(x), alpha=0.25)),
    "shared layer": lambda m, s, x: m.lif2(m.square(m.square(s)) + m.square(s)),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("join", JOINS)
def test_joins(join, seed):
    proven(Joined(seed, JOINS[join]), spikes(np.random.default_rng(seed), (25, 3, 6)))


def test_a_joined_layer_gets_sliced_weights():
    module = Joined(0, JOINS["spikes"])
    network = proven(module, spikes(np.random.default_rng(0), (25, 3, 6)))
    weight = module.c.weight.detach().double().numpy()
    parts = {p.source: p.maps for p in network.into("lif3")}
    assert np.array_equal(parts["lif1"][0].weight, weight[:, :5])
    assert np.array_equal(parts["lif2"][0].weight, weight[:, 5:])


@pytest.mark.parametrize("seed", range(4))
def test_channels_are_joined(seed):
    class Images(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(seed)
            self.a, self.b, self.c = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 3, 3), nn.Conv2d(5, 2, 2)
            self.sum, self.mean, self.lif1, self.lif2, self.lif3 = (
                nn.LPPool2d(1, 2, ceil_mode=True),
                nn.AdaptiveAvgPool2d((3, 1)),
                lif(),
                lif(),
                lif(),
            )
            with torch.no_grad():
                for layer in (self.a, self.b, self.c):
                    layer.weight.mul_(2).add_(0.1)

        def forward(self, x):
            both = torch.cat([self.lif1(self.a(x)), self.lif2(self.b(x))], 1)
            return self.lif3(self.mean(self.sum(self.c(both))))

    network = proven(Images(), spikes(np.random.default_rng(seed), (20, 2, 1, 9, 9)))
    assert {p.source: p.maps[0].weight.shape[1] for p in network.into("lif3")} == {"lif1": 2, "lif2": 3}
