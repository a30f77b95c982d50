"""One network in snnTorch, Norse, Lava, PyTorch, ONNX and NumPy, spike by spike; and a simulator with a mistake in it.

Run it: python examples/verify_across_frameworks.py [folder]
Shows: `verify` runs every engine that is installed and names the others; of a recording that differs it says why.
"""

import sys
import tempfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy.train.data import digits

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
torch.manual_seed(0)
fc1, fc2 = nn.Linear(64, 32), nn.Linear(32, 10)  # not trained: it needs spikes to compare, not knowledge
with torch.no_grad():
    fc1.weight.mul_(3)
    fc2.weight.mul_(3)
lif1, lif2 = (snn.Leaky(beta=0.9, init_hidden=True) for _ in range(2))
module = nn.Sequential(OrderedDict(fc1=fc1, lif1=lif1, fc2=fc2, lif2=lif2)).eval()
x = digits(16, flat=True).test[:, :50]  # spikes (time, sample, pixel) of scikit-learn's 8x8 digits
net = sd.capture(module, x, dt=1e-3)
print(sd.verify(net, x))


def simulate(x, decays):
    """A simulator written by hand: spikes and membranes of both layers, (time, sample, neuron)."""
    w1, b1, w2, b2 = (each.detach().numpy() for layer in (fc1, fc2) for each in (layer.weight, layer.bias))
    v = [np.zeros((x.shape[1], len(bias))) for bias in (b1, b2)]
    spikes = [np.zeros_like(each) for each in v]
    rows = []
    for arriving in x:
        for i, (weight, bias) in enumerate(((w1, b1), (w2, b2))):
            v[i] = decays[i] * v[i] + arriving @ weight.T + bias - spikes[i]  # the spike of last step subtracts 1
            arriving = spikes[i] = (v[i] > 1).astype(float)
        rows.append([*spikes, *v])
    names = ("spikes/lif1", "spikes/lif2", "v/lif1", "v/lif2")
    return {name: np.stack([row[i] for row in rows]) for i, name in enumerate(names)}


for name, decays in (("right", (0.9, 0.9)), ("wrong", (0.9, 0.88))):
    np.savez(folder / f"{name}.npz", **simulate(x, decays))
    found = sd.verify(net, x, engines=["reference"], recordings={name: folder / f"{name}.npz"})
    print(f"\nA simulator whose layers decay by {decays} per step: {found.verdict('reference', name)}")
