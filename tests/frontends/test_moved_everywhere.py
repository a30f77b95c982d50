"""Captured pools and moved numbers in every other place: engines, rebuilt modules, files, integers."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import spikes
from torch import nn
from torch.nn import functional as F

import snndeploy as sd


class Between(nn.Module):
    """`body` stands between the spikes of a convolution and a dense layer."""

    def __init__(self, body):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.lif1 = nn.Conv2d(1, 4, 3), snn.Leaky(0.8, threshold=0.5, init_hidden=True)
        self.pool, self.body = nn.MaxPool2d(2), body
        with torch.no_grad():
            self.conv.weight.add_(0.2)
            self.out = nn.Linear(body(self, torch.zeros(2, 4, 6, 6)).flatten(1).shape[1], 5)
            self.out.weight.mul_(3).add_(0.05)
        self.lif2 = snn.Leaky(0.9, threshold=0.5, init_hidden=True)

    def forward(self, x):
        return self.lif2(self.out(self.body(self, self.lif1(self.conv(x))).flatten(1)))


BODIES = {
    "pool of parts": lambda m, s: m.pool(torch.cat([s[:, 2:], s[:, :1].flip(3)], 1)),
    "padded pool": lambda m, s: F.max_pool2d(F.pad(s, (1, 0, 0, 1)), 3, 2),
    "permuted": lambda m, s: s.permute(0, 2, 1, 3)[:, ::2],
    "upsampled": lambda m, s: F.interpolate(s[:, :2], scale_factor=2),
    "in another shape": lambda m, s: s.reshape(s.shape[0], 8, 18)[:, 1:5],
}


@pytest.mark.parametrize("name", BODIES)
def test_everywhere(name, tmp_path):
    x = spikes(np.random.default_rng(0), (10, 3, 1, 8, 8))
    network = sd.capture(Between(BODIES[name]).eval(), x)
    expected = sd.run(network, x)
    assert all(fired.any() for fired in expected.spikes.values())
    for engine in ("torch", "lava"):
        assert sd.compare(expected, sd.run(network, x, engine=engine)).agrees
    for rebuild in (sd.to_snntorch, sd.to_norse):
        again = sd.capture(rebuild(network, x), x)
        assert np.array_equal(sd.run(again, x).spikes[again.outputs[0]], expected.spikes["lif2"])
    sd.write(network, tmp_path / "net.nir")
    assert sd.compare(expected, sd.run(sd.read(tmp_path / "net.nir"), x)).identical
    integer = sd.quantize(network, "loihi2", calibration=x)
    assert sd.compare(sd.run(integer, x), sd.run(integer, x, engine="lava")).identical
    assert sd.place(integer, "loihi2").cores
