"""A chip that snndeploy does not know: its numbers in a file, what fits on it, what does not, and what to do then.

Run it: python examples/bring_your_own_chip.py [folder]
Shows: a target is a .toml file; `lint`, `quantize`, `place` and `advise` take it like one that is shipped.
"""

import re
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path

import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy import targets
from snndeploy.errors import VerdictError
from snndeploy.train.data import digits

# what differs from Loihi 1, whose numbers stand in the template
CHIP = {"neurons": 32, "input_axons": 128, "synaptic_memory_bits": 32768, "weight_bits": 6, "weight_fields": [2, 4, 6]}
CHIP |= {"cores": 4, "tiles_x": 2, "tiles_y": 2, "cores_per_tile": 1, "chips_x": 1, "chips_y": 1, "boards": 1}

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
chip, text = folder / "mychip.toml", targets.template("mychip")  # snndeploy targets --new mychip.toml
for field, value in CHIP.items():
    line = f'{field} = {{ value = {value}, source = "data sheet of my chip", certainty = "documented" }}'
    text = re.sub(rf"^{field} = .*", line, text, flags=re.MULTILINE)
chip.write_text(text)
data = digits(16, flat=True)  # spikes (time, sample, pixel): scikit-learn's 8x8 digits, 16 steps


def build(**reset):
    torch.manual_seed(0)
    lif1, lif2 = (snn.Leaky(beta=0.9, init_hidden=True, **reset) for _ in range(2))
    return nn.Sequential(OrderedDict(fc1=nn.Linear(64, 96), lif1=lif1, fc2=nn.Linear(96, 10), lif2=lif2)).eval()


print("Before training, what does the chip lack?")
for finding in sd.lint(sd.capture(build(), data.test[:, :20]), target=chip):
    if finding.severity == "error":
        print(finding)

done = sd.train(build(reset_mechanism="zero", reset_delay=False), data, epochs=3, batch=64, lr=5e-3)
q = sd.quantize(done.network, chip, calibration=data.train[:, :64])
print(f"\nWith that reset: {done.accuracy:.1%} of the test digits right. Does it fit in weights of 6 bits?")
try:
    sd.place(q, chip)
except VerdictError as refused:
    print(f"{refused}\n")
found = sd.advise(q, chip, data.test[:, :100], data.test_labels[:100], seconds=10)
print(found)
here = [each for each in found.tried if each.plan and each.target == "mychip"]
taken = max(here, key=lambda each: each.accuracy)
sd.write(taken.network, folder / "fits.nir")
print(f"\nTaken, the most accurate on this chip: {taken.title}. {taken.plan}")
