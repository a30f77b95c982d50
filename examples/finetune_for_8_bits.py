"""8 bits by the usual recipe lose decisions; fine-tuning on the chip's own integers brings them back.

Run it: python examples/finetune_for_8_bits.py [folder]
Shows: `quantize` with one scale by the largest weight, what that costs, and `finetune`, whose forward pass is the
deployed arithmetic. A batch norm in front makes it hard: pixels that hardly ever spike get weights that are far larger
than the others, so that most of the others are rounded to few levels.
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
from snndeploy.network.maps import values_of
from snndeploy.train.data import digits

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
data = digits(16, flat=True)  # spikes (time, sample, pixel): scikit-learn's 8x8 digits, 16 steps
torch.manual_seed(0)
layers = {"norm": nn.BatchNorm1d(64), "fc1": nn.Linear(64, 128), "lif1": snn.Leaky(beta=0.9, init_hidden=True)}
layers |= {"fc2": nn.Linear(128, 10), "lif2": snn.Leaky(beta=0.9, init_hidden=True)}
net = sd.train(nn.Sequential(OrderedDict(layers)), data, epochs=8, batch=64, lr=2e-3).network

naive = sd.quantize(net, "loihi2", method="max-abs")
weights = values_of(naive.projections[0].maps[0])
print(f"one scale for all: {np.mean(weights == 0):.0%} of the {weights.size:,} weights of fc1 become 0")
better = sd.quantize(net, "loihi2", calibration=data.train[:, :64])
tuned = sd.finetune(net, "loihi2", (data.train, data.train_labels), start=naive, epochs=5)
print(f"weights that fine-tuning moved: {', '.join(f'{each:.0%} of {p}' for p, each in tuned.changed.items())}\n")
sd.write(naive, folder / "naive.nir")
sd.write(tuned.network, folder / "tuned.nir")

wanted = sd.run(net, data.test).decisions()
rows = {"float": net, "8 bits, one scale": naive, "8 bits, the default": better, "8 bits, fine-tuned": tuned.network}
print(f"{len(wanted)} test digits      right  decided as by the float network")
for title, network in rows.items():
    found = sd.run(network, data.test).decisions()
    print(f"{title:20} {np.mean(found == data.test_labels):6.1%}  {np.mean(found == wanted):6.1%}")
