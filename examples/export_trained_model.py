"""A snnTorch module of your own, trained by your own loop, becomes a NIR file that is proven to give the same spikes.

Run it: python examples/export_trained_model.py [folder]
Shows: `capture` says what the module means and compares every spike of every layer; `write` and `read` lose nothing.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy.train.data import digits


class Net(nn.Module):
    """As in snnTorch's tutorials: the loop over time is inside of forward."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(64, 32), snn.Leaky(beta=0.9)
        self.fc2, self.lif2 = nn.Linear(32, 10), snn.Leaky(beta=0.9)

    def forward(self, x):
        mem1, mem2, out = self.lif1.init_leaky(), self.lif2.init_leaky(), []
        for step in x:
            spikes, mem1 = self.lif1(self.fc1(step), mem1)
            spikes, mem2 = self.lif2(self.fc2(spikes), mem2)
            out.append(spikes)
        return torch.stack(out)


folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
data = digits(16, flat=True)  # spikes (time, sample, pixel): scikit-learn's 8x8 digits, 16 steps
x, labels = torch.from_numpy(data.train), torch.from_numpy(data.train_labels)
torch.manual_seed(0)
module = Net()
optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
for _ in range(3):
    for part in torch.randperm(len(labels)).split(64):
        loss = nn.functional.cross_entropy(module(x[:, part]).sum(0), labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
module.eval()
with torch.no_grad():
    own = module(torch.from_numpy(data.test)).numpy()  # the spikes that have to come out everywhere else
print(f"snnTorch: {np.mean(own.sum(0).argmax(1) == data.test_labels):.1%} of {len(data.test_labels)} test digits right")

net = sd.capture(module, data.test, dt=1e-3, decision="spike-count")  # refuses if module and network differ
print(f"captured: {net}")
print(f"module against network, hidden layers too: {net.provenance['proof']}")
sd.write(net, folder / "digits.nir")
same = sd.run(sd.read(folder / "digits.nir"), data.test).spikes["lif2"] == own
print(f"{folder / 'digits.nir'}, read again and run: {same.sum():,} of {same.size:,} outputs are as snnTorch's")
