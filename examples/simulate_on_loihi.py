"""A trained network on Loihi 2: whole numbers instead of floats, cores instead of layers, and Lava to prove the bits.

Run it: python examples/simulate_on_loihi.py [folder]
Shows: `quantize` chooses the integers, `place` the cores; Lava, Intel's own simulator, computes the same bits as NumPy.
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
from snndeploy.errors import MissingEngineError
from snndeploy.train.data import digits

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
data = digits(16, flat=True)  # spikes (time, sample, pixel): scikit-learn's 8x8 digits, 16 steps
torch.manual_seed(0)
how = {"beta": 0.9, "init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}  # what every Loihi can do
layers = {"fc1": nn.Linear(64, 48), "lif1": snn.Leaky(**how), "fc2": nn.Linear(48, 10), "lif2": snn.Leaky(**how)}
done = sd.train(nn.Sequential(OrderedDict(layers)), data, epochs=4, batch=64, lr=5e-3)
print(f"float network: {done.accuracy:.1%} of {len(data.test_labels)} test digits right")

q = sd.quantize(done.network, "loihi2", calibration=data.train[:, :64])
sd.write(q, folder / "q.nir")
for layer in q.populations:
    decay, threshold = layer.rule.dv, layer.rule.vth  # registers of the chip
    print(f"{layer.name}: a membrane keeps {4096 - decay}/4096 of itself per step and spikes above {threshold} * 64")
print(f"placed on {sd.place(q, 'loihi2')}\n")

x = data.test[:, :20]
everything = ("spikes", "u", "v")  # u: synaptic currents, v: membranes
ours = sd.run(q, x, record=everything)
try:
    lava = sd.run(q, x, engine="lava", record=everything)
except MissingEngineError as missing:  # says how to install it
    print(missing)
    sys.exit(3)
for name in q.population:
    same = [np.sum(getattr(ours, what)[name] == getattr(lava, what)[name]) for what in everything]
    print(f"{name}: {lava.spikes[name].sum():,} spikes of {x.shape[1]} digits in {lava.engine}; equal to NumPy's:")
    print(f"  {same[0]:,} spikes, {same[1]:,} currents, {same[2]:,} membranes of {ours.v[name].size:,}, bit for bit")
right = np.mean(sd.run(q, data.test).decisions() == data.test_labels)
print(f"integers: {right:.1%} of {len(data.test_labels)} test digits right")
